/** Patterns that have been asked for: a CRD has few and they are matched often. */
const compiled = new Map<string, RegExp | Error>()
const maxCompiled = 2000

/** A pattern in Go's syntax, or why it is none. */
export function goPattern(pattern: string): RegExp | Error {
  let result = compiled.get(pattern)
  if (!result) {
    if (compiled.size >= maxCompiled) compiled.clear()
    result = compile(pattern)
    compiled.set(pattern, result)
  }
  return result
}

function compile(pattern: string): RegExp | Error {
  const leading = /^\(\?([imsU]+)\)/.exec(pattern)
  const flags = new Set(leading?.[1]?.replace('U', '') ?? '')
  const source = pattern.slice(leading?.[0].length ?? 0)
  try {
    return new RegExp(translated(source), `u${[...flags].join('')}`)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

const classes: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: String.raw`\x00-\x7F`,
  blank: String.raw`\t `,
  cntrl: String.raw`\x00-\x1F\x7F`,
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: String.raw`!-\/:-@\[-${'`'}\{-~`,
  space: String.raw`\t\n\v\f\r `,
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
}

/** Go's syntax in JavaScript's, whose `u` mode takes fewer escapes. */
function translated(source: string): string {
  let result = ''
  let inClass = false
  for (let at = 0; at < source.length; at++) {
    const character = source[at]!
    if (character === '\\') {
      const next = source[++at] ?? ''
      result += escape(next, inClass)
    } else if (inClass && source.startsWith('[:', at)) {
      const end = source.indexOf(':]', at)
      const name = source.slice(at + 2, end)
      const found = end < 0 ? undefined : classes[name]
      if (found === undefined)
        throw new Error(`invalid character class range: \`${source.slice(at, end + 2)}\``)
      result += found
      at = end + 1
    } else if (inClass) {
      if (character === ']') inClass = false
      result += character === '[' || /[(){}/|-]/.test(character) ? classCharacter(character) : character
    } else if (character === '[') {
      inClass = true
      result += '['
      if (source[at + 1] === '^') result += source[++at]
      if (source[at + 1] === ']') {
        result += String.raw`\]`
        at++
      }
    } else if (source.startsWith('(?P<', at)) {
      result += '(?<'
      at += 3
    } else if (
      character === ']' ||
      character === '}' ||
      (character === '{' && !/^\{\d+(,\d*)?\}/.test(source.slice(at)))
    ) {
      const isQuantifier = character === '}' && /\{\d+(,\d*)?$/.test(result)
      result += isQuantifier ? character : `\\${character}`
    } else {
      result += character
    }
  }
  return result
}

function classCharacter(character: string): string {
  return character === '-' ? '-' : `\\${character}`
}

function escape(next: string, inClass: boolean): string {
  switch (next) {
    case 'A':
      return '(?<![\\s\\S])'
    case 'z':
      return '(?![\\s\\S])'
    case 'a':
      return String.raw`\x07`
    case 's':
      return inClass ? String.raw`\t\n\f\r ` : String.raw`[\t\n\f\r ]`
    case 'S':
      return inClass ? String.raw`\S` : String.raw`[^\t\n\f\r ]`
    case '-':
      return inClass ? String.raw`\-` : '-'
    default:
      return /[\^$\\.*+?()[\]{}|/]/.test(next) || /[a-zA-Z0-9]/.test(next) ? `\\${next}` : next
  }
}
