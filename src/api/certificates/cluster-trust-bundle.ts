import { apiVersionOf } from '../../machinery/resource.ts'
import { column, nameColumn } from '../columns.ts'
import type { Conversion, ResourceDefinition } from '../definition.ts'
import type { ClusterTrustBundle as ClusterTrustBundleV1alpha1 } from '../generated/certificates.v1alpha1.ts'
import type { ClusterTrustBundle } from '../generated/certificates.v1beta1.ts'
import { clusterTrustBundles, clusterTrustBundlesV1alpha1 } from '../generated/resources.ts'
import { validateClusterTrustBundle, validateClusterTrustBundleUpdate } from './trust-bundle-validation.ts'

const servedAsV1alpha1: Conversion<ClusterTrustBundle, ClusterTrustBundleV1alpha1> = {
  resource: clusterTrustBundlesV1alpha1,
  deprecation:
    'certificates.k8s.io/v1alpha1 ClusterTrustBundle is deprecated in v1.34+, unavailable in v1.37+',
  fromStored: (bundle) => ({ ...bundle, apiVersion: apiVersionOf(clusterTrustBundlesV1alpha1) }),
  toStored: (bundle) => ({ ...bundle, apiVersion: apiVersionOf(clusterTrustBundles) }),
}

/** What certificates a signer, or somebody else, is known by. Served while the feature ClusterTrustBundle is on. */
export const clusterTrustBundleDefinition: ResourceDefinition<ClusterTrustBundle> = {
  resource: clusterTrustBundles,
  singular: 'clustertrustbundle',
  alsoServedAs: [servedAsV1alpha1],
  strategy: {
    tracksGeneration: false,
    // Which names are right depends on the signer: that is validated with the rest.
    nameRule: 'any',
    allowUnconditionalUpdate: false,
    validate: validateClusterTrustBundle,
    validatesUpdateAlone: true,
    validateUpdate: validateClusterTrustBundleUpdate,
  },
  columns: [
    nameColumn,
    column(
      'SignerName',
      'The signer whose certificates it holds, if any.',
      ({ spec }) => spec.signerName || '<none>',
    ),
  ],
  selectableFields: ({ spec }) => ({ 'spec.signerName': spec?.signerName ?? '' }),
}
