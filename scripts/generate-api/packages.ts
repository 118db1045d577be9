/** The Go packages that hold the API of Kubernetes v1.36 that is served: one line per group and version. */

export interface SourcePackage {
  /** Name in the table of facts and of the generated file: `core.v1`. */
  readonly short: string
  readonly group: string
  readonly version: string
  /** Go import path. */
  readonly path: string
  /** How OpenAPI names its types: `io.k8s.api.core.v1`. */
  readonly openapi: string
  /** Of the types only those whose names begin so: what else the package holds is not served. */
  readonly typesFrom?: string
}

function ofApi(folder: string, version: string, group: string): SourcePackage {
  return {
    short: `${folder}.${version}`,
    group,
    version,
    path: `k8s.io/api/${folder}/${version}`,
    openapi: `io.k8s.api.${folder}.${version}`,
  }
}

export const packages: readonly SourcePackage[] = [
  {
    short: 'meta.v1',
    group: 'meta.k8s.io',
    version: 'v1',
    path: 'k8s.io/apimachinery/pkg/apis/meta/v1',
    openapi: 'io.k8s.apimachinery.pkg.apis.meta.v1',
  },
  {
    short: 'version',
    group: 'version',
    version: '',
    path: 'k8s.io/apimachinery/pkg/version',
    openapi: 'io.k8s.apimachinery.pkg.version',
  },
  ofApi('core', 'v1', ''),
  ofApi('admission', 'v1', 'admission.k8s.io'),
  ofApi('admissionregistration', 'v1', 'admissionregistration.k8s.io'),
  {
    short: 'apiextensions.v1',
    group: 'apiextensions.k8s.io',
    version: 'v1',
    path: 'k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1',
    openapi: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1',
  },
  ofApi('apidiscovery', 'v2', 'apidiscovery.k8s.io'),
  ofApi('apps', 'v1', 'apps'),
  ofApi('authentication', 'v1', 'authentication.k8s.io'),
  ofApi('authorization', 'v1', 'authorization.k8s.io'),
  ofApi('autoscaling', 'v1', 'autoscaling'),
  ofApi('autoscaling', 'v2', 'autoscaling'),
  ofApi('batch', 'v1', 'batch'),
  ofApi('certificates', 'v1', 'certificates.k8s.io'),
  { ...ofApi('certificates', 'v1alpha1', 'certificates.k8s.io'), typesFrom: 'ClusterTrustBundle' },
  { ...ofApi('certificates', 'v1beta1', 'certificates.k8s.io'), typesFrom: 'ClusterTrustBundle' },
  ofApi('coordination', 'v1', 'coordination.k8s.io'),
  ofApi('discovery', 'v1', 'discovery.k8s.io'),
  ofApi('events', 'v1', 'events.k8s.io'),
  ofApi('flowcontrol', 'v1', 'flowcontrol.apiserver.k8s.io'),
  {
    short: 'metrics.v1beta1',
    group: 'metrics.k8s.io',
    version: 'v1beta1',
    path: 'k8s.io/metrics/pkg/apis/metrics/v1beta1',
    openapi: 'io.k8s.metrics.pkg.apis.metrics.v1beta1',
  },
  ofApi('networking', 'v1', 'networking.k8s.io'),
  ofApi('node', 'v1', 'node.k8s.io'),
  ofApi('policy', 'v1', 'policy'),
  ofApi('rbac', 'v1', 'rbac.authorization.k8s.io'),
  ofApi('resource', 'v1', 'resource.k8s.io'),
  ofApi('scheduling', 'v1', 'scheduling.k8s.io'),
  ofApi('storage', 'v1', 'storage.k8s.io'),
]

/** In no Debian package; its facts stand in apiregistration.v1.facts. */
export const apiregistration: SourcePackage = {
  short: 'apiregistration.v1',
  group: 'apiregistration.k8s.io',
  version: 'v1',
  path: 'k8s.io/kube-aggregator/pkg/apis/apiregistration/v1',
  openapi: 'io.k8s.kube-aggregator.pkg.apis.apiregistration.v1',
}

export const debianPackages = [
  'golang-k8s-api-dev',
  'golang-k8s-apiextensions-apiserver-dev',
  'golang-k8s-apimachinery-dev',
  'golang-k8s-client-go-dev',
  'golang-k8s-metrics-dev',
] as const
