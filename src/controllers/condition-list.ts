import type { Time } from '../machinery/meta.ts'

/** What the conditions of workloads have in common. */
export interface WorkloadCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastTransitionTime?: Time | null
}

export function findCondition<C extends { readonly type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type)
}

/**
 * The conditions with `next` in place of the one of its type. Unchanged when that has the same status and reason;
 * lastTransitionTime stays while the status does.
 */
export function withCondition<C extends WorkloadCondition>(
  conditions: readonly C[] | undefined,
  next: C,
): readonly C[] {
  const current = findCondition(conditions, next.type)
  if (current && current.status === next.status && current.reason === next.reason) return conditions ?? []
  const kept =
    current?.status === next.status
      ? { ...next, lastTransitionTime: current.lastTransitionTime ?? null }
      : next
  return [...withoutCondition(conditions, next.type), kept]
}

export function withoutCondition<C extends { readonly type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): readonly C[] {
  return (conditions ?? []).filter((condition) => condition.type !== type)
}
