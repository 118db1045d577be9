import { clusterTrustBundles } from '../../../api/generated/resources.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import { changesOwnershipOnly } from '../../registry/ownership-change.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'
import { maySign } from './signer-permission.ts'

/**
 * Who says by what certificates a signer is known must be allowed to attest for it.
 * Source: kubernetes/plugin/pkg/admission/certificates/ctbattest.
 */
export function createClusterTrustBundleAttest(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'ClusterTrustBundleAttest',
    handles: (request) => isAbout(request, clusterTrustBundles, ['CREATE', 'UPDATE']),
    async validate(request) {
      const bundle = objectOf(request, clusterTrustBundles)
      const { signerName } = bundle.spec
      if (!signerName) return
      if (
        request.operation === 'UPDATE' &&
        changesOwnershipOnly(bundle, oldObjectOf(request, clusterTrustBundles))
      ) {
        return
      }
      if (await maySign(authorizer, request.user, 'attest', signerName)) return
      throw refused(request, `user not permitted to attest for signerName "${signerName}"`)
    },
  }
}
