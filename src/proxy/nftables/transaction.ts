import type { Contribution } from './elements.ts'
import { tableName, type Dialect } from './ruleset.ts'

/** One Service's contribution before and after. */
export interface ContributionChange {
  readonly before: Contribution
  readonly after: Contribution
}

export const emptyContribution: Contribution = {
  elements: new Map(),
  chains: new Map(),
  sets: new Map(),
  counts: new Set(),
}

/**
 * The commands that turn what the Services had in the table into what they should have: new names first, then the
 * elements that use them, then the names nobody uses any more. Empty when nothing changes.
 *
 * `shared` holds how many Services have each element (hairpins of pods behind several Services) and is brought up to date.
 */
export function transaction(
  changes: readonly ContributionChange[],
  dialect: Dialect,
  shared: Map<string, number>,
): string {
  const at = `${dialect.table} ${tableName}`
  const before: string[] = []
  const removed = new Map<string, string>()
  const added = new Map<string, string>()
  const after: string[] = []

  for (const change of changes) {
    define(change, at, before, after)
    for (const [element, value] of change.before.elements) {
      if (change.after.elements.get(element) === value) continue
      if (release(shared, element)) removed.set(element, value)
    }
    for (const [element, value] of change.after.elements) {
      if (change.before.elements.get(element) === value) continue
      if (claim(shared, element) || removed.has(element)) added.set(element, value)
    }
  }
  for (const [element, value] of added) {
    if (removed.get(element) === value) {
      removed.delete(element)
      added.delete(element)
    }
  }
  return [...before, ...commands('delete', at, removed), ...commands('add', at, added), ...after].join('')
}

function claim(shared: Map<string, number>, element: string): boolean {
  const count = shared.get(element) ?? 0
  shared.set(element, count + 1)
  return count === 0
}

function release(shared: Map<string, number>, element: string): boolean {
  const count = (shared.get(element) ?? 1) - 1
  if (count > 0) shared.set(element, count)
  else shared.delete(element)
  return count <= 0
}

function define(
  { before: old, after: next }: ContributionChange,
  at: string,
  before: string[],
  after: string[],
): void {
  for (const [name, definition] of next.sets) {
    if (!old.sets.has(name)) before.push(`add set ${at} ${name} { ${definition} }\n`)
  }
  for (const name of next.chains.keys()) if (!old.chains.has(name)) before.push(`add chain ${at} ${name}\n`)
  for (const [name, rules] of next.chains) {
    const previous = old.chains.get(name)
    if (previous?.join('\n') === rules.join('\n')) continue
    if (previous) before.push(`flush chain ${at} ${name}\n`)
    for (const rule of rules) before.push(`add rule ${at} ${name} ${rule}\n`)
  }
  const goneChains = [...old.chains.keys()].filter((name) => !next.chains.has(name))
  for (const name of goneChains) after.push(`flush chain ${at} ${name}\n`)
  for (const name of goneChains) after.push(`delete chain ${at} ${name}\n`)
  for (const name of old.sets.keys()) if (!next.sets.has(name)) after.push(`delete set ${at} ${name}\n`)
}

/** One command per set or map, with all its elements: `nft` takes them far faster than one by one. */
function commands(verb: 'add' | 'delete', at: string, elements: ReadonlyMap<string, string>): string[] {
  const bySet = new Map<string, string[]>()
  for (const [element, value] of elements) {
    const space = element.indexOf(' ')
    const set = element.slice(0, space)
    const key = element.slice(space + 1)
    const list = bySet.get(set) ?? []
    list.push(value === '' ? key : `${key} : ${value}`)
    bySet.set(set, list)
  }
  return [...bySet].map(([set, list]) => `${verb} element ${at} ${set} { ${list.join(', ')} }\n`)
}
