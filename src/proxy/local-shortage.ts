import type { Family } from './addresses.ts'
import type { Frontend } from './frontends.ts'
import type { TrafficPolicy } from './proxy-metrics.ts'

/** Counts Service ports that have endpoints, but none on this node, which their policy asks for. */
export interface LocalShortage {
  /** What a Service is reached at from now on. */
  set(service: string, frontends: readonly Frontend[]): void
  count(family: Family, policy: TrafficPolicy): number
}

export function createLocalShortage(): LocalShortage {
  const shortOf = new Map<string, ReadonlySet<string>>()
  const totals = new Map<string, number>()
  const add = (key: string, amount: number) => totals.set(key, (totals.get(key) ?? 0) + amount)
  const totalOf = (entry: string) => entry.slice(0, entry.indexOf('/'))

  return {
    set(service, frontends) {
      for (const entry of shortOf.get(service) ?? []) add(totalOf(entry), -1)
      const entries = new Set(
        frontends
          .filter(
            ({ endpoints, whenEmpty, inside }) => endpoints.length === 0 && whenEmpty === 'drop' && !inside,
          )
          .map(({ family, isClusterAddress, servicePort, protocol }) =>
            [`${family} ${isClusterAddress ? 'internal' : 'external'}`, servicePort, protocol].join('/'),
          ),
      )
      if (entries.size === 0) shortOf.delete(service)
      else shortOf.set(service, entries)
      for (const entry of entries) add(totalOf(entry), 1)
    },
    count: (family, policy) => totals.get(`${family} ${policy}`) ?? 0,
  }
}
