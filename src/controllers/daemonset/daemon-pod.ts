import type { DaemonSet } from '../../api/generated/apps.v1.ts'
import type {
  Affinity,
  Node,
  NodeSelectorTerm,
  Pod,
  PodSpec,
  Toleration,
} from '../../api/generated/core.v1.ts'
import { daemonSets } from '../../api/generated/resources.ts'
import { matchesNodeAffinity } from '../../api/core/node-affinity.ts'
import { findUntolerated } from '../../api/core/tolerations.ts'
import { podRevisionLabel } from '../history/controller-revisions.ts'
import { podFromTemplate } from '../pods/pod-from-template.ts'

const templateGenerationLabel = 'pod-template-generation'
const templateGenerationAnnotation = 'deprecated.daemonset.template.generation'

/** Daemons stay on nodes that others must leave, and come to nodes that others must not use. */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
]
const hostNetworkToleration: Toleration = {
  key: 'node.kubernetes.io/network-unavailable',
  operator: 'Exists',
  effect: 'NoSchedule',
}

/** The pod of a node, which the scheduler may put nowhere else. */
export function daemonPod(set: DaemonSet, nodeName: string, hash: string): Pod {
  const { template } = set.spec!
  const pod = podFromTemplate(template, set, daemonSets)
  const generation = set.metadata?.annotations?.[templateGenerationAnnotation]
  const labels = {
    ...pod.metadata?.labels,
    ...(generation !== undefined && { [templateGenerationLabel]: generation }),
    [podRevisionLabel]: hash,
  }
  const spec = pod.spec ?? { containers: [] }
  return {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: { ...spec, tolerations: daemonTolerationsOf(spec), affinity: onNode(spec.affinity, nodeName) },
  }
}

export function revisionOf({ metadata }: Pod): string {
  return metadata?.labels?.[podRevisionLabel] ?? ''
}

/** Whether the pod was made from the set's present template, whose revision has this hash. */
export function isOfTemplate(pod: Pod, { metadata }: DaemonSet, hash: string): boolean {
  const generation = metadata?.annotations?.[templateGenerationAnnotation]
  return (
    (hash !== '' && revisionOf(pod) === hash) ||
    (generation !== undefined && pod.metadata?.labels?.[templateGenerationLabel] === generation)
  )
}

function daemonTolerationsOf({ tolerations = [], hostNetwork }: PodSpec): readonly Toleration[] {
  const added = hostNetwork ? [...daemonTolerations, hostNetworkToleration] : daemonTolerations
  const isSame = (a: Toleration, b: Toleration) =>
    a.key === b.key &&
    a.effect === b.effect &&
    a.operator === b.operator &&
    (a.value ?? '') === (b.value ?? '')
  return [...tolerations.filter((toleration) => !added.some((other) => isSame(toleration, other))), ...added]
}

/** Affinity to this node in place of all that the template requires of nodes: that has been checked already. */
function onNode(affinity: Affinity = {}, nodeName: string): Affinity {
  const term: NodeSelectorTerm = {
    matchFields: [{ key: 'metadata.name', operator: 'In', values: [nodeName] }],
  }
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] },
    },
  }
}

/** The node that a daemon pod runs on, or waits for. */
export function targetNodeOf({ spec }: Pod): string | undefined {
  if (spec?.nodeName) return spec.nodeName
  const terms =
    spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  for (const { matchFields = [] } of terms) {
    const field = matchFields.find(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    if (field?.values?.[0]) return field.values[0]
  }
  return undefined
}

export interface Suitability {
  readonly shouldRun: boolean
  /** A pod that is there may stay, though a new one would not come. */
  readonly mayStay: boolean
}

/** Whether the set's pod belongs on the node. */
export function suitabilityOf(node: Node, set: DaemonSet): Suitability {
  const spec = set.spec?.template.spec ?? { containers: [] }
  if (spec.nodeName && spec.nodeName !== node.metadata?.name) return { shouldRun: false, mayStay: false }
  if (!matchesNodeAffinity({ spec }, node)) return { shouldRun: false, mayStay: false }
  const tolerations = daemonTolerationsOf(spec)
  const taints = node.spec?.taints?.filter(({ effect }) => effect !== 'PreferNoSchedule') ?? []
  if (!findUntolerated(taints, tolerations)) return { shouldRun: true, mayStay: true }
  const executing = taints.filter(({ effect }) => effect === 'NoExecute')
  return { shouldRun: false, mayStay: findUntolerated(executing, tolerations) === undefined }
}
