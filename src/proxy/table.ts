import { frontendKey, contributionOf, type Contribution } from './nftables/elements.ts'
import {
  baseRuleset,
  countRuleset,
  placesRuleset,
  type Dialect,
  type TablePlaces,
  type TableSettings,
} from './nftables/ruleset.ts'
import { emptyContribution, transaction, type ContributionChange } from './nftables/transaction.ts'
import type { Frontend } from './frontends.ts'

/**
 * What stands in the table of one family, Service by Service. Gives the commands for a change; `applied` is called when
 * they took effect. After a failure a new table starts from nothing.
 */
export interface ProxyTable {
  /** Commands that replace what the Services in `frontends` had by what they have now; empty without a difference. */
  plan(frontends: ReadonlyMap<string, readonly Frontend[]>, places?: TablePlaces): string
}

const noPlaces: TablePlaces = { nodePortAddresses: [], serviceNetworks: [] }

export function createProxyTable(dialect: Dialect, settings: TableSettings): ProxyTable {
  const contributions = new Map<string, Contribution>()
  const elementCounts = new Map<string, number>()
  const counts = new Set<number>()
  let isNew = true
  let knownPlaces = placesRuleset(dialect, noPlaces)

  return {
    plan(frontends, places = noPlaces) {
      const changes: ContributionChange[] = []
      const newCounts = new Set<number>()
      for (const [service, list] of frontends) {
        const before = contributions.get(service) ?? emptyContribution
        const after = contributionOf(list, dialect)
        changes.push({ before, after })
        for (const count of after.counts) if (!counts.has(count)) newCounts.add(count)
        if (list.length === 0) contributions.delete(service)
        else contributions.set(service, after)
      }
      const base = isNew ? baseRuleset(dialect, settings) : ''
      isNew = false
      const wantedPlaces = placesRuleset(dialect, places)
      const placed = wantedPlaces === knownPlaces ? '' : wantedPlaces
      knownPlaces = wantedPlaces
      for (const count of newCounts) counts.add(count)
      return [
        base,
        placed,
        ...[...newCounts].map((count) => countRuleset(dialect, count)),
        transaction(changes, dialect, elementCounts),
      ].join('')
    },
  }
}

/**
 * Gives every place to the Service that claimed it first. Two Services may name the same external address and port; one
 * of them gets it, the other when the first lets go.
 */
export function createClaims() {
  const holders = new Map<string, string>()
  const held = new Map<string, readonly string[]>()
  const waiting = new Map<string, Set<string>>()

  return {
    /** The frontends that `service` may have; `freed` are Services to look at again. */
    settle(service: string, frontends: readonly Frontend[]): { granted: Frontend[]; freed: Set<string> } {
      const wanted = new Set(frontends.map(frontendKey))
      const freed = new Set<string>()
      for (const key of held.get(service) ?? []) {
        if (wanted.has(key)) continue
        holders.delete(key)
        for (const next of waiting.get(key) ?? []) freed.add(next)
        waiting.delete(key)
      }
      const granted = frontends.filter((frontend) => {
        const key = frontendKey(frontend)
        const holder = holders.get(key) ?? service
        if (holder === service) holders.set(key, service)
        else waiting.set(key, (waiting.get(key) ?? new Set()).add(service))
        return holder === service
      })
      held.set(service, granted.map(frontendKey))
      if (granted.length === 0) held.delete(service)
      return { granted, freed }
    },
  }
}
