import { codePointsOf } from '../code-points.ts'
import { CelError } from '../error.ts'
import { ArrayList, type CelList } from '../values/list.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'
import { formatText } from './text-format.ts'

/** Strings, counted in code points. Source: cel-go's ext/strings.go, version 2. */

function outOfRange(index: bigint): never {
  throw new CelError(`index out of range: ${index}`)
}

function charAt(text: string, index: bigint): string {
  const characters = codePointsOf(text)
  if (index < 0n || index > characters.length) return outOfRange(index)
  return characters[Number(index)] ?? ''
}

function indexOf(text: string, part: string, from = 0n): bigint {
  if (from < 0n) return outOfRange(from)
  const characters = codePointsOf(text)
  if (part === '') return from > characters.length ? BigInt(characters.length) : from
  const wanted = codePointsOf(part)
  for (let at = Number(from); at + wanted.length <= characters.length; at++) {
    if (wanted.every((character, offset) => characters[at + offset] === character)) return BigInt(at)
  }
  return -1n
}

function lastIndexOf(text: string, part: string): bigint {
  const last = codePointsOf(text).length
  if (part === '') return BigInt(last)
  return last === 0 ? -1n : lastIndexOfFrom(text, part, BigInt(last - 1))
}

function lastIndexOfFrom(text: string, part: string, from: bigint): bigint {
  if (from < 0n) return outOfRange(from)
  const characters = codePointsOf(text)
  if (part === '') return from > characters.length ? BigInt(characters.length) : from
  if (from >= characters.length) return -1n
  const wanted = codePointsOf(part)
  for (let at = Math.min(Number(from), characters.length - wanted.length); at >= 0; at--) {
    if (wanted.every((character, offset) => characters[at + offset] === character)) return BigInt(at)
  }
  return -1n
}

function substring(text: string, start: bigint, end?: bigint): string {
  const characters = codePointsOf(text)
  const stop = end ?? BigInt(characters.length)
  if (end !== undefined && start > end) {
    throw new CelError(`invalid substring range. start: ${start}, end: ${end}`)
  }
  if (start < 0n || start > characters.length) return outOfRange(start)
  if (stop < 0n || stop > characters.length) return outOfRange(stop)
  return characters.slice(Number(start), Number(stop)).join('')
}

/** strings.Replace: an empty `old` stands before each character and at the end. Negative: all. */
function replace(text: string, old: string, replacement: string, times = -1n): string {
  const parts = old === '' ? ['', ...codePointsOf(text), ''] : text.split(old)
  const limit = times < 0n ? parts.length - 1 : Math.min(Number(times), parts.length - 1)
  if (old !== '') {
    const replaced = parts.slice(0, limit + 1).join(replacement)
    return [replaced, ...parts.slice(limit + 1)].join(old)
  }
  const characters = codePointsOf(text)
  const places = times < 0n ? characters.length + 1 : Math.min(Number(times), characters.length + 1)
  const pieces = characters.map((character, at) => (at < places ? replacement + character : character))
  return pieces.join('') + (places > characters.length ? replacement : '')
}

/** strings.SplitN: at most `limit` parts; negative: all. */
function split(text: string, separator: string, limit = -1n): CelList {
  if (limit === 0n) return new ArrayList([])
  const parts = separator === '' ? [...codePointsOf(text)] : text.split(separator)
  if (limit < 0n || parts.length <= limit) return new ArrayList(parts)
  const most = Number(limit)
  return new ArrayList([...parts.slice(0, most - 1), parts.slice(most - 1).join(separator)])
}

function join(list: CelList, separator = ''): string {
  return list
    .toArray()
    .map((item) => {
      if (typeof item !== 'string') throw new CelError(`join: invalid input: ${String(item)}`)
      return item
    })
    .join(separator)
}

/** strings.TrimSpace. */
function trim(text: string): string {
  return text.replace(/^[\p{White_Space}]+|[\p{White_Space}]+$/gu, '')
}

const quotes: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
}

function quote(text: string): string {
  return `"${codePointsOf(text.toWellFormed())
    .map((character) => quotes[character] ?? character)
    .join('')}"`
}

const lower = (text: string) => text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
const upper = (text: string) => text.replace(/[a-z]+/g, (letters) => letters.toUpperCase())

const text = 'string'
const texts = 'list(string)'

export const stringsLibrary: Library = {
  since: 0,
  functions: [
    memberFunction('charAt', 'string_char_at_int', [text, 'int'], text, charAt),
    memberFunction('indexOf', 'string_index_of_string', [text, text], 'int', indexOf),
    memberFunction('indexOf', 'string_index_of_string_int', [text, text, 'int'], 'int', indexOf),
    memberFunction('lastIndexOf', 'string_last_index_of_string', [text, text], 'int', lastIndexOf),
    memberFunction(
      'lastIndexOf',
      'string_last_index_of_string_int',
      [text, text, 'int'],
      'int',
      lastIndexOfFrom,
    ),
    memberFunction('lowerAscii', 'string_lower_ascii', [text], text, lower),
    memberFunction('upperAscii', 'string_upper_ascii', [text], text, upper),
    memberFunction('replace', 'string_replace_string_string', [text, text, text], text, replace),
    memberFunction('replace', 'string_replace_string_string_int', [text, text, text, 'int'], text, replace),
    memberFunction('split', 'string_split_string', [text, text], texts, split),
    memberFunction('split', 'string_split_string_int', [text, text, 'int'], texts, split),
    memberFunction('substring', 'string_substring_int', [text, 'int'], text, substring),
    memberFunction('substring', 'string_substring_int_int', [text, 'int', 'int'], text, substring),
    memberFunction('trim', 'string_trim', [text], text, trim),
    memberFunction('join', 'list_join', [texts], text, join),
    memberFunction('join', 'list_join_string', [texts, text], text, join),
  ],
}

/** What version 2 of the library added. */
export const stringFormatLibrary: Library = {
  since: 29,
  functions: [
    memberFunction('format', 'string_format', [text, 'list(dyn)'], text, formatText),
    globalFunction('strings.quote', 'strings_quote', [text], text, quote),
  ],
}
