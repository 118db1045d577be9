import type { Random } from '../../src/machinery/random.ts'

/** Larger inputs find nothing that these do not. */
const maxLength = 4096

/** What decoders, parsers and comparisons tend to trip over. */
const tokens = [
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  ':',
  ',',
  '/',
  '..',
  '%2e',
  '%2f',
  '%00',
  '//',
  '*',
  '$',
  '@',
  '&a',
  '*a',
  '<<',
  '!!binary',
  '|',
  '>',
  '- ',
  '\n',
  '\t',
  '\0',
  ' ',
  '=',
  '!=',
  '==',
  ' in (',
  ' notin (',
  ')',
  '(',
  '?',
  '~1',
  '~0',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '$patch',
  '$retainKeys',
  '$deleteFromPrimitiveList/x',
  '$setElementOrder/x',
  'null',
  'true',
  'false',
  '0',
  '-0',
  '1e400',
  '1e-400',
  '9007199254740993',
  '-1',
  '9223372036854775808',
  '18446744073709551616',
  '0x10',
  '1_000',
  'NaN',
  'Infinity',
  '\u00e9',
  '\u{1f600}',
  '\ud800',
  '\u2028',
  'namespaces',
  'pods',
  'exec',
  'watch',
  'proxy',
  'metadata',
  'spec',
  'f:',
  'k:{',
  'v:',
  'i:',
  '.',
  'has(',
  '.all(x, ',
  '.map(x, ',
  '.matches(',
  '1s',
  '1h1m',
  '100Gi',
  '1E3',
  'm',
  'duration("',
  'quantity("',
] as const

/** One to eight random changes: bytes, tokens, slices doubled, moved or left out, two inputs joined. */
export function mutate(input: Buffer, other: Buffer, random: Random): Buffer {
  let bytes = input
  for (let changes = 1 + below(random, 8); changes > 0; changes--) bytes = change(bytes, other, random)
  return bytes.subarray(0, maxLength)
}

export function below(random: Random, limit: number): number {
  return Math.floor(random.next() * limit)
}

export function oneOf<T>(random: Random, items: readonly T[]): T {
  return items[below(random, items.length)]!
}

function change(bytes: Buffer, other: Buffer, random: Random): Buffer {
  const at = below(random, bytes.length + 1)
  const to = Math.min(bytes.length, at + 1 + below(random, 1 + Math.min(64, bytes.length)))
  const [before, between, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
  switch (below(random, 8)) {
    case 0:
      return Buffer.concat([before, after])
    case 1:
      return Buffer.concat([before, between, between, after])
    case 2:
      return Buffer.concat([before, Buffer.from(oneOf(random, tokens)), bytes.subarray(at)])
    case 3:
      return Buffer.concat([before, Buffer.from(oneOf(random, tokens)), after])
    case 4: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = below(random, 256)
      return copy
    }
    case 5: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at]! ^= 1 << below(random, 8)
      return copy
    }
    case 6:
      return Buffer.concat([before, other.subarray(below(random, other.length + 1))])
    default: {
      const times = 1 + below(random, 200)
      return Buffer.concat([before, ...Array.from({ length: times }, () => between.subarray(0, 8)), after])
    }
  }
}
