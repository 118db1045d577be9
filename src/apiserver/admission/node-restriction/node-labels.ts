/*
 * Which labels a kubelet may set on its own node. Source: k8s.io/kubelet/pkg/apis, NodeRestriction.
 */

const kubeletLabels: ReadonlySet<string> = new Set([
  'kubernetes.io/hostname',
  'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region',
  'node.kubernetes.io/instance-type',
  'beta.kubernetes.io/instance-type',
  'kubernetes.io/os',
  'kubernetes.io/arch',
  'beta.kubernetes.io/os',
  'beta.kubernetes.io/arch',
])
const kubeletNamespaces = ['kubelet.kubernetes.io', 'node.kubernetes.io']
const restrictedNamespace = 'node-restriction.kubernetes.io'

type Labels = Readonly<Record<string, string>>

/** The labels that are added, removed or changed and that a kubelet must leave alone, in order. */
export function forbiddenLabelChanges(labels: Labels = {}, previous: Labels = {}): readonly string[] {
  const keys = new Set([...Object.keys(labels), ...Object.keys(previous)])
  return [...keys].filter((key) => labels[key] !== previous[key] && isForbidden(key)).sort()
}

function isForbidden(key: string): boolean {
  const slash = key.indexOf('/')
  const namespace = slash < 0 ? '' : key.slice(0, slash)
  if (isWithin(namespace, restrictedNamespace)) return true
  const ofKubernetes = isWithin(namespace, 'kubernetes.io') || isWithin(namespace, 'k8s.io')
  const ofKubelet = kubeletLabels.has(key) || kubeletNamespaces.some((one) => isWithin(namespace, one))
  return ofKubernetes && !ofKubelet
}

function isWithin(namespace: string, domain: string): boolean {
  return namespace === domain || namespace.endsWith(`.${domain}`)
}
