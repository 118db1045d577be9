import type { Node, NodeCondition, Taint } from '../../api/generated/core.v1.ts'
import { formatTime } from '../../machinery/time.ts'

/** What a kubelet reports; unknown when it has ceased to. */
const reportedTypes = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure']

const notReadyKey = 'node.kubernetes.io/not-ready'
const unreachableKey = 'node.kubernetes.io/unreachable'

export function nodeCondition({ status }: Node, type: string): NodeCondition | undefined {
  return status?.conditions?.find((condition) => condition.type === type)
}

export function isNodeReady(node: Node): boolean {
  return nodeCondition(node, 'Ready')?.status === 'True'
}

/** The conditions of a node whose kubelet is silent; the same list when they say so already. */
export function unknownConditions(node: Node, nowMs: number): readonly NodeCondition[] {
  const now = formatTime(nowMs)
  let conditions = node.status?.conditions ?? []
  for (const type of reportedTypes) {
    const current = nodeCondition({ status: { conditions } }, type)
    if (current?.status === 'Unknown') continue
    const unknown: NodeCondition = current
      ? {
          ...current,
          status: 'Unknown',
          lastTransitionTime: now,
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
        }
      : {
          type,
          status: 'Unknown',
          lastHeartbeatTime: node.metadata?.creationTimestamp ?? null,
          lastTransitionTime: now,
          reason: 'NodeStatusNeverUpdated',
          message: 'Kubelet never posted node status.',
        }
    conditions = current
      ? conditions.map((condition) => (condition === current ? unknown : condition))
      : [...conditions, unknown]
  }
  return conditions
}

/** Condition type and status, and the taint that keeps pods from being scheduled then. */
const noScheduleTaints: readonly (readonly [type: string, status: string, key: string])[] = [
  ['Ready', 'False', notReadyKey],
  ['Ready', 'Unknown', unreachableKey],
  ['MemoryPressure', 'True', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'True', 'node.kubernetes.io/disk-pressure'],
  ['NetworkUnavailable', 'True', 'node.kubernetes.io/network-unavailable'],
  ['PIDPressure', 'True', 'node.kubernetes.io/pid-pressure'],
]
const unschedulableKey = 'node.kubernetes.io/unschedulable'

/** Keys of the NoSchedule taints that the node's conditions ask for. */
function wantedNoSchedule(node: Node): readonly string[] {
  const keys = noScheduleTaints
    .filter(([type, status]) => nodeCondition(node, type)?.status === status)
    .map(([, , key]) => key)
  return node.spec?.unschedulable ? [...keys, unschedulableKey] : keys
}

/** Key of the NoExecute taint that the Ready condition asks for. */
export function wantedNoExecute(node: Node): string | undefined {
  switch (nodeCondition(node, 'Ready')?.status) {
    case 'False':
      return notReadyKey
    case 'Unknown':
      return unreachableKey
    default:
      return undefined
  }
}

export function hasNoExecute({ spec }: Node): boolean {
  return spec?.taints?.some((taint) => taint.effect === 'NoExecute' && isOurNoExecute(taint)) ?? false
}

function isOurNoExecute({ key }: Taint): boolean {
  return key === notReadyKey || key === unreachableKey
}

const ourNoScheduleKeys: ReadonlySet<string> = new Set([
  ...noScheduleTaints.map(([, , key]) => key),
  unschedulableKey,
])

/**
 * The taints that the node's conditions ask for, beside those of others; undefined when it has them. `evicts` says whether
 * pods may be driven off the node now.
 */
export function changedTaints(node: Node, evicts: boolean, nowMs: number): readonly Taint[] | undefined {
  const current = node.spec?.taints ?? []
  const noExecute = evicts ? wantedNoExecute(node) : undefined
  const wanted: Taint[] = [
    ...wantedNoSchedule(node).map((key): Taint => ({
      key,
      effect: 'NoSchedule',
      timeAdded: formatTime(nowMs),
    })),
    ...(noExecute ? [{ key: noExecute, effect: 'NoExecute' as const, timeAdded: formatTime(nowMs) }] : []),
  ]
  const isOurs = (taint: Taint) =>
    taint.effect === 'NoExecute'
      ? isOurNoExecute(taint)
      : taint.effect === 'NoSchedule' && ourNoScheduleKeys.has(taint.key)
  const isSame = (a: Taint, b: Taint) => a.key === b.key && a.effect === b.effect
  const kept = current.filter((taint) => !isOurs(taint) || wanted.some((other) => isSame(taint, other)))
  const added = wanted.filter((taint) => !current.some((other) => isSame(taint, other)))
  return kept.length === current.length && added.length === 0 ? undefined : [...kept, ...added]
}
