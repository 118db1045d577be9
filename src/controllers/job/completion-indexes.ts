/** Indexes from `first` to `last`, both included. */
export interface IndexInterval {
  readonly first: number
  readonly last: number
}

/** A set of completion indexes: intervals in order that neither overlap nor touch. */
export type CompletionIndexes = readonly IndexInterval[]

/**
 * Reads the compressed form of status.completedIndexes: `1,3-5,7`. Indexes from `completions` on are left out; so is
 * what is no interval, since whoever wrote the status wrote it.
 */
export function parseIndexes(text: string, completions: number): CompletionIndexes {
  const intervals: IndexInterval[] = []
  for (const part of text === '' ? [] : text.split(',')) {
    const [, firstText, lastText = firstText] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (firstText === undefined) continue
    const first = Number(firstText)
    if (first >= completions) break
    intervals.push({ first, last: Math.min(Number(lastText), completions - 1) })
  }
  return unionOfIndexes(intervals, [])
}

/** The compressed form; two neighbours stand side by side (`1,2`), more become a range (`1-3`). */
export function formatIndexes(indexes: CompletionIndexes): string {
  return indexes
    .map(({ first, last }) => {
      if (last === first) return `${first}`
      return `${first}${last === first + 1 ? ',' : '-'}${last}`
    })
    .join(',')
}

export function indexesOf(numbers: Iterable<number>): CompletionIndexes {
  return unionOfIndexes(
    [...new Set(numbers)].sort((a, b) => a - b).map((index) => ({ first: index, last: index })),
    [],
  )
}

export function unionOfIndexes(a: CompletionIndexes, b: CompletionIndexes): CompletionIndexes {
  const result: IndexInterval[] = []
  for (const interval of [...a, ...b].sort((x, y) => x.first - y.first)) {
    const last = result.at(-1)
    if (!last || interval.first > last.last + 1) result.push(interval)
    else if (interval.last > last.last) result[result.length - 1] = { first: last.first, last: interval.last }
  }
  return result
}

export function countIndexes(indexes: CompletionIndexes): number {
  return indexes.reduce((count, { first, last }) => count + last - first + 1, 0)
}

/** How many indexes are in both sets. */
export function countCommonIndexes(a: CompletionIndexes, b: CompletionIndexes): number {
  return countIndexes(a) + countIndexes(b) - countIndexes(unionOfIndexes(a, b))
}

export function hasIndex(indexes: CompletionIndexes, index: number): boolean {
  let low = 0
  let high = indexes.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (indexes[middle]!.last >= index) high = middle
    else low = middle + 1
  }
  return low < indexes.length && indexes[low]!.first <= index
}

/** The lowest indexes below `completions` that are not taken, at most `count`. */
export function firstFreeIndexes(
  taken: CompletionIndexes,
  count: number,
  completions: number,
): readonly number[] {
  const free: number[] = []
  let candidate = 0
  for (const { first, last } of [...taken, { first: completions, last: completions }]) {
    for (; candidate < Math.min(first, completions) && free.length < count; candidate++) free.push(candidate)
    candidate = Math.max(candidate, last + 1)
  }
  return free
}
