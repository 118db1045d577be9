import type { Random } from '../../machinery/random.ts'

const delimiters = [':', ': ', '=', ' '] as const

/** What stands between name and value: one by chance, so that no program comes to depend on it. */
export function pickDelimiter(random: Random): string {
  return delimiters[Math.floor(random.next() * delimiters.length)]!
}
