import { goJson } from './go-json.ts'

/*
 * The difference of two values as upstream shows it in messages: a unified diff of their JSON, found by the algorithm of
 * Python's difflib, so that the same lines are shown. Source: k8s.io/apimachinery/pkg/util/diff.
 */

type Block = readonly [a: number, b: number, size: number]

interface Change {
  readonly isEqual: boolean
  readonly a: readonly [from: number, to: number]
  readonly b: readonly [from: number, to: number]
}

const context = 3

/** Lines of JSON, one blank for each level, that stand in one of the values only, with three lines around them. */
export function unifiedDifference(before: unknown, after: unknown): string {
  const [a, b] = [before, after].map((value) => goJson(value, 1).split('\n')) as [string[], string[]]
  return grouped(changesOf(a, b))
    .map((group) => hunk(group, a, b))
    .join('')
}

function hunk(group: readonly Change[], a: readonly string[], b: readonly string[]): string {
  const [first, last] = [group[0]!, group.at(-1)!]
  const range = ([from]: Change['a'], [, to]: Change['a']) => {
    const length = to - from
    if (length === 1) return `${from + 1}`
    return `${length === 0 ? from : from + 1},${length}`
  }
  const lines = group.flatMap(({ isEqual, a: [a0, a1], b: [b0, b1] }) =>
    isEqual
      ? a.slice(a0, a1).map((line) => ` ${line}`)
      : [...a.slice(a0, a1).map((line) => `-${line}`), ...b.slice(b0, b1).map((line) => `+${line}`)],
  )
  return [`@@ -${range(first.a, last.a)} +${range(first.b, last.b)} @@`, ...lines, ''].join('\n')
}

/** Changes that are further apart than twice the context stand in groups of their own. */
function grouped(changes: readonly Change[]): Change[][] {
  const groups: Change[][] = []
  let group: Change[] = []
  for (const [index, change] of changes.entries()) {
    const { isEqual, a } = change
    const size = a[1] - a[0]
    const [isFirst, isLast] = [index === 0, index === changes.length - 1]
    if (!isEqual) group.push(change)
    else if (isFirst) group.push(tail(change))
    else if (isLast) group.push(head(change))
    else if (size <= 2 * context) group.push(change)
    else {
      groups.push([...group, head(change)])
      group = [tail(change)]
    }
  }
  if (group.some(({ isEqual }) => !isEqual)) groups.push(group)
  return groups
}

function head({ isEqual, a, b }: Change): Change {
  const size = Math.min(a[1] - a[0], context)
  return { isEqual, a: [a[0], a[0] + size], b: [b[0], b[0] + size] }
}

function tail({ isEqual, a, b }: Change): Change {
  const size = Math.min(a[1] - a[0], context)
  return { isEqual, a: [a[1] - size, a[1]], b: [b[1] - size, b[1]] }
}

function changesOf(a: readonly string[], b: readonly string[]): Change[] {
  const changes: Change[] = []
  let [i, j] = [0, 0]
  for (const [x, y, size] of [...matchingBlocks(a, b), [a.length, b.length, 0] as const]) {
    if (i < x || j < y) changes.push({ isEqual: false, a: [i, x], b: [j, y] })
    if (size > 0) changes.push({ isEqual: true, a: [x, x + size], b: [y, y + size] })
    i = x + size
    j = y + size
  }
  return changes
}

/** Adjacent ones are one. */
function matchingBlocks(a: readonly string[], b: readonly string[]): Block[] {
  const places = placesOf(b)
  const blocks: Block[] = []
  const search = (aFrom: number, aTo: number, bFrom: number, bTo: number): void => {
    const block = longestMatch(a, b, places, [aFrom, aTo, bFrom, bTo])
    const [x, y, size] = block
    if (size === 0) return
    if (aFrom < x && bFrom < y) search(aFrom, x, bFrom, y)
    const last = blocks.at(-1)
    if (last && last[0] + last[2] === x && last[1] + last[2] === y)
      blocks[blocks.length - 1] = [last[0], last[1], last[2] + size]
    else blocks.push(block)
    if (x + size < aTo && y + size < bTo) search(x + size, aTo, y + size, bTo)
  }
  search(0, a.length, 0, b.length)
  return blocks
}

/** Where each line stands; what stands everywhere in a long text tells nothing. */
function placesOf(lines: readonly string[]): ReadonlyMap<string, readonly number[]> {
  const places = Map.groupBy(lines.keys(), (index) => lines[index]!)
  if (lines.length < 200) return places
  const most = Math.floor(lines.length / 100) + 1
  return new Map([...places].filter(([, at]) => at.length <= most))
}

function longestMatch(
  a: readonly string[],
  b: readonly string[],
  places: ReadonlyMap<string, readonly number[]>,
  [aFrom, aTo, bFrom, bTo]: readonly [number, number, number, number],
): Block {
  let [x, y, size] = [aFrom, bFrom, 0]
  let lengths = new Map<number, number>()
  for (let i = aFrom; i < aTo; i++) {
    const next = new Map<number, number>()
    for (const j of places.get(a[i]!) ?? []) {
      if (j < bFrom) continue
      if (j >= bTo) break
      const length = (lengths.get(j - 1) ?? 0) + 1
      next.set(j, length)
      if (length > size) [x, y, size] = [i - length + 1, j - length + 1, length]
    }
    lengths = next
  }
  while (x > aFrom && y > bFrom && a[x - 1] === b[y - 1]) [x, y, size] = [x - 1, y - 1, size + 1]
  while (x + size < aTo && y + size < bTo && a[x + size] === b[y + size]) size++
  return [x, y, size]
}
