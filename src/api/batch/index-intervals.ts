import { goQuote } from '../../machinery/go-format.ts'

/** First and last index of `3` or `2-5`. */
type Interval = readonly [first: number, last: number]

interface Fault {
  readonly fault: string
}

/**
 * How many indexes `0,2-5` names, each below `completions`, in order; or what is wrong with it. Source:
 * kubernetes/pkg/apis/batch/validation, validateIndexesFormat.
 */
export function countIndexes(text: string, completions: number): number | Fault {
  if (text === '') return 0
  let total = 0
  let before: number | undefined
  for (const part of text.split(',')) {
    const interval = parseInterval(part, completions)
    if ('fault' in interval) return interval
    const [first, last] = interval
    if (before !== undefined && before >= first) return notIncreasing(before, first)
    total += last - first + 1
    before = last
  }
  return total
}

/** The first index that both name; what cannot be read is left out. Source: validateFailedIndexesNotOverlapCompleted. */
export function firstCommonIndex(one: string, other: string, completions: number): number | undefined {
  const intervals = (text: string) =>
    (text === '' ? [] : text.split(',')).flatMap((part) => {
      const interval = parseInterval(part, completions)
      return 'fault' in interval ? [] : [interval]
    })
  const [left, right] = [intervals(one), intervals(other)]
  let [i, j] = [0, 0]
  while (i < left.length && j < right.length) {
    const [a, b] = [left[i]!, right[j]!]
    if (a[0] <= b[1] && b[0] <= a[1]) return Math.max(a[0], b[0])
    if (a[0] <= b[0]) i++
    else j++
  }
  return undefined
}

function parseInterval(text: string, completions: number): Interval | Fault {
  const limits = text.split('-')
  if (limits.length > 2) {
    const rule = "violates the requirement that an index interval can have at most two parts separated by '-'"
    return { fault: `the fragment ${goQuote(text)} ${rule}` }
  }
  const numbers: number[] = []
  for (const limit of limits) {
    if (!/^\+?\d+$/.test(limit))
      return { fault: `cannot convert string to integer for index: ${goQuote(limit)}` }
    if (Number(limit) >= completions) return { fault: `too large index: ${goQuote(limit)}` }
    numbers.push(Number(limit))
  }
  const [first = 0, last = first] = numbers
  return numbers.length === 2 && first >= last ? notIncreasing(first, last) : [first, last]
}

function notIncreasing(previous: number, current: number): Fault {
  return { fault: `non-increasing order, previous: ${previous}, current: ${current}` }
}
