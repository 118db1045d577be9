import { jsonEqual } from './equal.ts'
import type { Time } from './meta.ts'
import { formatTime } from './time.ts'

/** What the conditions of all kinds have in common. */
export interface ConditionLike {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: Time | null
}

export function findCondition<T extends ConditionLike>(
  conditions: readonly T[] | undefined,
  type: string,
): T | undefined {
  return conditions?.find((condition) => condition.type === type)
}

export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True'
}

export function isConditionFalse(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'False'
}

/**
 * The list with `condition` in the place of the one of its type, or at the end; the same list when nothing changes.
 * lastTransitionTime stays as long as the status does, and becomes `now` (milliseconds) when the condition brings none.
 */
export function setCondition<T extends ConditionLike>(
  conditions: readonly T[] | undefined,
  condition: Omit<T, 'lastTransitionTime'> & Pick<Partial<T>, 'lastTransitionTime'>,
  now: number,
): readonly T[] {
  const list = conditions ?? []
  const index = list.findIndex(({ type }) => type === condition.type)
  const previous = list[index]
  const lastTransitionTime =
    (previous?.status === condition.status ? previous.lastTransitionTime : condition.lastTransitionTime) ??
    formatTime(now)
  const next = { ...condition, lastTransitionTime } as unknown as T
  if (!previous) return [...list, next]
  return jsonEqual(previous, next) ? list : list.with(index, next)
}

/** The list without the condition of that type; the same list when there is none. */
export function withoutCondition<T extends ConditionLike>(
  conditions: readonly T[],
  type: string,
): readonly T[] {
  return findCondition(conditions, type)
    ? conditions.filter((condition) => condition.type !== type)
    : conditions
}
