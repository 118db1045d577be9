import { matchesNodeAffinity } from '../../api/core/node-affinity.ts'
import { amountsOf, podRequests } from '../../api/core/pod-resources.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import type { Node, Pod, PodAffinityTerm } from '../../api/generated/core.v1.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import type { LabelSelector } from '../../machinery/meta.ts'

/*
 * The scheduler's rules said in the plainest way, at whatever cost: what the fast ones are held against.
 */

export interface Placed {
  readonly pod: Pod
  readonly nodeName: string
}

export type Cluster = { readonly nodes: readonly Node[]; readonly placed: readonly Placed[] }

/** Whether a pod may go to a node, by every filter of the default profile that needs no volumes. */
export function fitsPlainly(pod: Pod, node: Node, { nodes, placed }: Cluster): boolean {
  const here = placed.filter(({ nodeName }) => nodeName === node.metadata?.name)
  return (
    !isCordoned(node, pod) &&
    toleratesTaints(node, pod) &&
    matchesNodeAffinity(pod, node) &&
    hasRoom(node, here, pod) &&
    hasPorts(here, pod) &&
    (pod.spec?.topologySpreadConstraints ?? []).every((constraint) => {
      const { topologyKey, maxSkew, minDomains = 1, labelSelector, whenUnsatisfiable } = constraint
      if (whenUnsatisfiable !== 'DoNotSchedule') return true
      const keys = pod
        .spec!.topologySpreadConstraints!.filter((other) => other.whenUnsatisfiable === 'DoNotSchedule')
        .map((other) => other.topologyKey)
      if (!keys.every((key) => valueOf(node, key) !== undefined)) return false
      const counted = nodes.filter(
        (other) =>
          keys.every((key) => valueOf(other, key) !== undefined) &&
          (constraint.nodeAffinityPolicy === 'Ignore' || matchesNodeAffinity(pod, other)) &&
          (constraint.nodeTaintsPolicy !== 'Honor' || toleratesTaints(other, pod)),
      )
      const domains = new Set(counted.map((other) => valueOf(other, topologyKey)))
      const countIn = (domain: string | undefined) =>
        placed.filter(
          (other) =>
            matches(labelSelector, other.pod) &&
            other.pod.metadata?.namespace === pod.metadata?.namespace &&
            counted.some((n) => n.metadata?.name === other.nodeName && valueOf(n, topologyKey) === domain),
        ).length
      const least = domains.size < minDomains ? 0 : Math.min(...[...domains].map(countIn))
      const own = matches(labelSelector, pod) ? 1 : 0
      return countIn(valueOf(node, topologyKey)) + own - (domains.size === 0 ? 0 : least) <= maxSkew
    }) &&
    affinityHolds(pod, node, { nodes, placed })
  )
}

function affinityHolds(pod: Pod, node: Node, { nodes, placed }: Cluster): boolean {
  const nodeOf = (name: string) => nodes.find(({ metadata }) => metadata?.name === name)
  const near = (term: PodAffinityTerm, other: Placed) => {
    const there = nodeOf(other.nodeName)
    const value = there && valueOf(there, term.topologyKey)
    return value !== undefined && value === valueOf(node, term.topologyKey)
  }
  const wanted = pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  const matchesAll = (other: Pod) => wanted.every((term) => speaksOf(term, pod, other))
  const anywhere = placed.some(
    ({ pod: other, nodeName }) =>
      matchesAll(other) &&
      wanted.some(({ topologyKey }) => {
        const there = nodeOf(nodeName)
        return there !== undefined && valueOf(there, topologyKey) !== undefined
      }),
  )
  const isWanted =
    wanted.every(({ topologyKey }) => valueOf(node, topologyKey) !== undefined) &&
    (wanted.every((term) => placed.some((other) => matchesAll(other.pod) && near(term, other))) ||
      (!anywhere && matchesAll(pod)))
  const against = (of: Pod) =>
    of.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
  return (
    isWanted &&
    !against(pod).some((term) =>
      placed.some((other) => speaksOf(term, pod, other.pod) && near(term, other)),
    ) &&
    !placed.some((other) =>
      against(other.pod).some((term) => speaksOf(term, other.pod, pod) && near(term, other)),
    )
  )
}

export function speaksOf({ labelSelector, namespaces }: PodAffinityTerm, of: Pod, other: Pod): boolean {
  const where = namespaces ?? [of.metadata!.namespace!]
  return where.includes(other.metadata!.namespace!) && matches(labelSelector, other)
}

export function matches(selector: LabelSelector | undefined, { metadata }: Pod): boolean {
  return matchesLabels(fromLabelSelector(selector), metadata?.labels ?? {})
}

export function valueOf({ metadata }: Node, key: string): string | undefined {
  return metadata?.labels?.[key]
}

function isCordoned({ spec }: Node, pod: Pod): boolean {
  const taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' as const }
  return spec?.unschedulable === true && findUntolerated([taint], pod.spec?.tolerations ?? []) !== undefined
}

function toleratesTaints({ spec }: Node, pod: Pod): boolean {
  const hard = (spec?.taints ?? []).filter(({ effect }) => effect !== 'PreferNoSchedule')
  return findUntolerated(hard, pod.spec?.tolerations ?? []) === undefined
}

function hasRoom({ status }: Node, here: readonly Placed[], pod: Pod): boolean {
  const has = amountsOf(status?.allocatable)
  if (here.length + 1 > (has['pods'] ?? 0)) return false
  return Object.entries(podRequests(pod)).every(([name, amount]) => {
    const used = here.reduce((sum, other) => sum + (podRequests(other.pod)[name] ?? 0), 0)
    return amount === 0 || used + amount <= (has[name] ?? 0)
  })
}

function hasPorts(here: readonly Placed[], pod: Pod): boolean {
  const portsOf = ({ spec }: Pod) =>
    spec!.containers.flatMap(({ ports = [] }) => ports.flatMap(({ hostPort }) => hostPort ?? []))
  const taken = here.flatMap((other) => portsOf(other.pod))
  return !portsOf(pod).some((port) => taken.includes(port))
}
