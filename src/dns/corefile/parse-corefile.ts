import { CorefileError } from './corefile-error.ts'

/** A line of a block: its words, and the lines of the block that it opens. */
export interface Directive {
  readonly name: string
  readonly args: readonly string[]
  readonly block: readonly Directive[]
  readonly line: number
}

/** `zone zone:port ... { directives }`, with the zones as they are written. */
export interface ServerBlock {
  readonly keys: readonly string[]
  readonly directives: readonly Directive[]
  readonly line: number
}

/** A Corefile's blocks, not yet understood. Source: coredns.io/manual/configuration. Throws CorefileError. */
export function parseCorefile(text: string): ServerBlock[] {
  const lines = splitLines(text)
  const blocks: ServerBlock[] = []
  for (let next = lines.shift(); next; next = lines.shift()) {
    let words = next.words
    // A list of zones goes on in the next line while a line of it ends in a comma.
    while (words.at(-1)?.endsWith(',')) words = [...words, ...(lines.shift()?.words ?? [])]
    const keys = words.flatMap((word) => word.split(',')).filter((word) => word !== '')
    const { line } = next
    if (keys.pop() !== '{') throw new CorefileError(line, `expected '{' after the zones of a server`)
    if (keys.length === 0) throw new CorefileError(line, 'a server has no zone')
    if (keys.some((key) => key.startsWith('('))) throw new CorefileError(line, 'snippets are not supported')
    blocks.push({ keys, line, directives: takeBlock(lines, line) })
  }
  return blocks
}

interface Line {
  readonly words: readonly string[]
  readonly line: number
}

function takeBlock(lines: Line[], openedAt: number): Directive[] {
  const directives: Directive[] = []
  for (let next = lines.shift(); next; next = lines.shift()) {
    const { words, line } = next
    if (words[0] === '}') {
      if (words.length > 1) throw new CorefileError(line, `'${words[1]}' after '}'`)
      return directives
    }
    const opens = words.at(-1) === '{'
    const [name, ...args] = opens ? words.slice(0, -1) : words
    if (name === undefined) throw new CorefileError(line, `'{' without a name`)
    directives.push({ name, args, line, block: opens ? takeBlock(lines, line) : [] })
  }
  throw new CorefileError(openedAt, `'{' is not closed`)
}

/** Lines with at least one word. A word in quotes may hold spaces; `#` at the start of a word begins a comment. */
function splitLines(text: string): Line[] {
  return text.split(/\r?\n/).flatMap((source, index) => {
    const line = index + 1
    const words: string[] = []
    for (const [word, quoted] of source.matchAll(/"((?:[^"\\]|\\.)*)"|\S+/g)) {
      if (quoted !== undefined) words.push(quoted.replaceAll('\\"', '"'))
      else if (word.startsWith('#')) break
      else if (word.startsWith('"')) throw new CorefileError(line, 'a quote is not closed')
      else words.push(word)
    }
    return words.length === 0 ? [] : [{ words, line }]
  })
}
