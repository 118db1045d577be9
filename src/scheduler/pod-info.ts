import type { Pod, PodAffinityTerm, WeightedPodAffinityTerm } from '../api/generated/core.v1.ts'
import { podRequests, type Amounts } from '../api/core/pod-resources.ts'
import { fromLabelSelector, type ParsedLabelSelector } from '../machinery/label-selector.ts'
import { keyOf } from '../machinery/resource.ts'

/** A pod, with all that scheduling reads of it worked out once. */
export interface PodInfo {
  readonly pod: Pod
  readonly key: string
  readonly uid: string
  readonly namespace: string
  readonly labels: Readonly<Record<string, string>>
  readonly priority: number
  readonly requests: Amounts
  /** Requests in which a container without any counts as something, so that such pods spread. For scores only. */
  readonly scoredCpu: number
  readonly scoredMemory: number
  readonly hostPorts: readonly HostPort[]
  readonly requiredAffinity: readonly AffinityTerm[]
  readonly requiredAntiAffinity: readonly AffinityTerm[]
  readonly preferredAffinity: readonly AffinityTerm[]
  readonly preferredAntiAffinity: readonly AffinityTerm[]
}

export interface HostPort {
  /** `0.0.0.0` for all addresses. */
  readonly hostIP: string
  readonly protocol: string
  readonly hostPort: number
}

/** A term of pod affinity or anti-affinity, with the namespaces it speaks of. */
export interface AffinityTerm {
  /** The same for terms that say the same: equal terms of many pods are counted once. */
  readonly id: string
  readonly topologyKey: string
  readonly selector: ParsedLabelSelector
  /** Names; joined with those that namespaceSelector matches. */
  readonly namespaces: ReadonlySet<string>
  /** Undefined: none. An empty selector matches every namespace. */
  readonly namespaceSelector: ParsedLabelSelector | undefined
  /** 1 for required terms. */
  readonly weight: number
}

/** What upstream assumes of a container that requests nothing. */
const assumedCpuMilli = 100
const assumedMemoryBytes = 200 * 1024 * 1024

export function podInfo(pod: Pod): PodInfo {
  const { affinity, priority = 0 } = pod.spec ?? {}
  const namespace = pod.metadata?.namespace ?? ''
  const required = (terms: readonly PodAffinityTerm[] | undefined) =>
    (terms ?? []).map((term) => affinityTerm(term, 1, namespace))
  const preferred = (terms: readonly WeightedPodAffinityTerm[] | undefined) =>
    (terms ?? []).map(({ podAffinityTerm, weight }) => affinityTerm(podAffinityTerm, weight, namespace))
  const { podAffinity, podAntiAffinity } = affinity ?? {}
  return {
    pod,
    key: keyOf(pod),
    uid: pod.metadata?.uid ?? '',
    namespace,
    labels: pod.metadata?.labels ?? {},
    priority,
    requests: podRequests(pod),
    scoredCpu: scoredAmount(pod, 'cpu', assumedCpuMilli),
    scoredMemory: scoredAmount(pod, 'memory', assumedMemoryBytes),
    hostPorts: hostPortsOf(pod),
    requiredAffinity: required(podAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    requiredAntiAffinity: required(podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution),
    preferredAffinity: preferred(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: preferred(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  }
}

function scoredAmount(pod: Pod, resource: 'cpu' | 'memory', assumed: number): number {
  if (pod.spec?.resources?.requests?.[resource] !== undefined) return podRequests(pod)[resource]!
  const requests = { [resource]: resource === 'cpu' ? `${assumed}m` : `${assumed}` }
  const filled = (pod.spec?.containers ?? []).map((container) =>
    container.resources?.requests?.[resource] === undefined
      ? {
          ...container,
          resources: { ...container.resources, requests: { ...container.resources?.requests, ...requests } },
        }
      : container,
  )
  return podRequests({ ...pod, spec: { ...pod.spec!, containers: filled } })[resource] ?? 0
}

function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always')
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol }) =>
      hostPort ? [{ hostPort, hostIP: hostIP || '0.0.0.0', protocol: protocol ?? 'TCP' }] : [],
    ),
  )
}

function affinityTerm(term: PodAffinityTerm, weight: number, podNamespace: string): AffinityTerm {
  const { topologyKey, labelSelector, namespaceSelector, namespaces = [] } = term
  const own = namespaces.length === 0 && !namespaceSelector ? [podNamespace] : namespaces
  return {
    id: JSON.stringify([
      topologyKey,
      labelSelector ?? null,
      [...own].sort(),
      namespaceSelector ?? null,
      weight,
    ]),
    topologyKey,
    // A term without a selector matches no pod; one with an empty selector matches all.
    selector: fromLabelSelector(labelSelector),
    namespaces: new Set(own),
    namespaceSelector: namespaceSelector && fromLabelSelector(namespaceSelector),
    weight,
  }
}

export function sameLabels(
  a: Readonly<Record<string, string>> = {},
  b: Readonly<Record<string, string>> = {},
): boolean {
  if (a === b) return true
  let count = 0
  for (const key in a) {
    if (a[key] !== b[key]) return false
    count++
  }
  for (const _ in b) count--
  return count === 0
}
