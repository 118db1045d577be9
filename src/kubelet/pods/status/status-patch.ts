import type { PodCondition, PodStatus } from '../../../api/generated/core.v1.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { kubeletConditions, passingConditions } from './conditions.ts'

/** The fields that are the kubelet's; what others write into a status stays. */
const ownedFields = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'podIP',
  'startTime',
  'qosClass',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'resources',
  'allocatedResources',
] as const
const addressLists = ['hostIPs', 'podIPs'] as const

/**
 * The strategic merge patch that makes a pod's status what the kubelet wants it to be; undefined when it is that. The
 * uid keeps it from hitting a newer pod of the same name.
 */
export function statusPatch(uid: string, found: PodStatus, wanted: PodStatus): object | undefined {
  const status: Record<string, unknown> = {}
  for (const field of ownedFields) {
    if (same(found[field], wanted[field])) continue
    status[field] = wanted[field] ?? null
  }
  for (const field of addressLists) {
    const before = (found[field] ?? []).map(({ ip }) => ip)
    const after = (wanted[field] ?? []).map(({ ip }) => ip)
    if (jsonEqual(before, after)) continue
    status[`$setElementOrder/${field}`] = after.map((ip) => ({ ip }))
    status[field] = [
      ...after.map((ip) => ({ ip })),
      ...before.filter((ip) => !after.includes(ip)).map((ip) => ({ ip, $patch: 'delete' })),
    ]
  }
  const conditions = changedConditions(found.conditions ?? [], wanted.conditions ?? [])
  if (conditions.length > 0) {
    status['$setElementOrder/conditions'] = conditionOrder(found.conditions ?? [], wanted.conditions ?? [])
    status.conditions = conditions
  }
  if (Object.keys(status).length === 0) return undefined
  return { metadata: { uid }, status }
}

function changedConditions(
  found: readonly PodCondition[],
  wanted: readonly PodCondition[],
): readonly Record<string, unknown>[] {
  const over = found.filter(
    ({ type }) => passingConditions.includes(type) && !wanted.some((condition) => condition.type === type),
  )
  const gone = over.map(({ type }) => ({ type, $patch: 'delete' }))
  return wanted
    .flatMap((condition): Record<string, unknown>[] => {
      const before = found.find(({ type }) => type === condition.type)
      if (same(before, condition)) return []
      // A field that is gone must be taken away: lists of conditions are merged.
      const absent = Object.keys(before ?? {}).filter((field) => !(field in condition))
      return [{ ...condition, ...Object.fromEntries(absent.map((field) => [field, null])) }]
    })
    .concat(gone)
}

/** The kubelet's own first, in its order, then those of others. */
function conditionOrder(found: readonly PodCondition[], wanted: readonly PodCondition[]) {
  const types = new Set([...wanted, ...found].map(({ type }) => type))
  const own = kubeletConditions.filter((type) => types.has(type))
  const others = [...types].filter((type) => !own.some((name) => name === type))
  return [...own, ...others].map((type) => ({ type }))
}

/** Absent, null and empty objects say the same. Asked for every pod whenever anything about it changes. */
function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (saysNothing(a) || saysNothing(b)) return saysNothing(a) && saysNothing(b)
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((item, index) => same(item, b[index]))
    )
  }
  if (!isObject(a) || !isObject(b)) return false
  return (
    Object.keys(a).every((name) => same(a[name], b[name])) &&
    Object.keys(b).every((name) => name in a || saysNothing(b[name]))
  )
}

function saysNothing(value: unknown): boolean {
  if (value === undefined || value === null) return true
  return isObject(value) && Object.values(value).every(saysNothing)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
