import { CorefileError } from './corefile-error.ts'
import type { Directive } from './parse-corefile.ts'

/** The words after a name that takes from `least` to `most` of them, and opens no block. */
export function only(directive: Directive, least: number, most = least): readonly string[] {
  const { name, args, block, line } = directive
  if (block.length > 0) throw new CorefileError(line, `'${name}' takes no block`)
  if (args.length < least || args.length > most) {
    const wanted = least === most ? `${least}` : `${least} to ${most}`
    throw new CorefileError(line, `'${name}' takes ${wanted} words, not ${args.length}`)
  }
  return args
}

export function wholeNumber({ name, line }: Directive, word = '', most = 2 ** 31): number {
  const value = Number(word)
  if (!/^\d+$/.test(word) || value > most) {
    throw new CorefileError(line, `'${word}' in ${name} is no number from 0 to ${most}`)
  }
  return value
}

const unitsMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
}

/** A duration as Go writes it: `500ms`, `1m30s`. */
export function durationMs({ name, line }: Directive, word = ''): number {
  if (word === '0') return 0
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+$/.test(word)) {
    throw new CorefileError(line, `'${word}' in ${name} is no duration, such as 5s`)
  }
  let sum = 0
  for (const [, amount, unit] of word.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    sum += Number(amount) * unitsMs[unit!]!
  }
  return sum
}
