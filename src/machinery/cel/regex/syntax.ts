/**
 * The syntax of RE2, as Go's regexp has it. Source: github.com/google/re2/wiki/Syntax and the messages of Go's
 * regexp/syntax.
 */
export type RegexNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly matches: CharacterTest }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  | { readonly kind: 'concatenation'; readonly nodes: readonly RegexNode[] }
  | { readonly kind: 'alternation'; readonly nodes: readonly RegexNode[] }
  | {
      readonly kind: 'repetition'
      readonly node: RegexNode
      readonly min: number
      readonly max: number
      readonly greedy: boolean
    }

export type CharacterTest = (codePoint: number) => boolean

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary'

/** The pattern is none; worded as Go's regexp. */
export class RegexSyntaxError extends Error {
  constructor(problem: string, at: string) {
    super(`error parsing regexp: ${problem}: \`${at}\``)
    this.name = 'RegexSyntaxError'
  }
}

const maxRepeat = 1000
const maxDepth = 1000

interface Flags {
  readonly ignoreCase: boolean
  readonly multiLine: boolean
  readonly dotAll: boolean
  readonly ungreedy: boolean
}

type Range = readonly [low: number, high: number]

export function parseRegex(pattern: string): RegexNode {
  return new RegexParser(pattern).parse()
}

class RegexParser {
  readonly #pattern: string
  #at = 0
  #depth = 0
  #names = new Set<string>()
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false, ungreedy: false }

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  parse(): RegexNode {
    const node = this.#alternation()
    if (this.#at < this.#pattern.length) this.#fail('unexpected )', this.#pattern)
    checkRepeats(node, this.#pattern)
    return node
  }

  #fail(problem: string, at: string): never {
    throw new RegexSyntaxError(problem, at)
  }

  #is(text: string): boolean {
    return this.#pattern.startsWith(text, this.#at)
  }

  #take(text: string): boolean {
    if (!this.#is(text)) return false
    this.#at += text.length
    return true
  }

  #codePoint(): number {
    const codePoint = this.#pattern.codePointAt(this.#at)!
    this.#at += codePoint > 0xffff ? 2 : 1
    return codePoint
  }

  #alternation(): RegexNode {
    if (++this.#depth > maxDepth) this.#fail('expression nests too deeply', this.#pattern)
    const branches = [this.#concatenation()]
    while (this.#take('|')) branches.push(this.#concatenation())
    this.#depth--
    return branches.length === 1 ? branches[0]! : { kind: 'alternation', nodes: branches }
  }

  #concatenation(): RegexNode {
    const nodes: RegexNode[] = []
    while (this.#at < this.#pattern.length && !this.#is('|') && !this.#is(')')) {
      const start = this.#at
      if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(this.#pattern.slice(start, start + 12))) {
        this.#fail('missing argument to repetition operator', this.#repetitionText(start))
      }
      const node = this.#item()
      if (node) nodes.push(this.#repetition(node))
    }
    if (nodes.length === 0) return { kind: 'empty' }
    return nodes.length === 1 ? nodes[0]! : { kind: 'concatenation', nodes }
  }

  #repetitionText(start: number): string {
    return /^(?:[*+?]|\{\d+(?:,\d*)?\})\??/.exec(this.#pattern.slice(start))![0]
  }

  #repetition(node: RegexNode): RegexNode {
    const start = this.#at
    const bounds = this.#bounds()
    if (!bounds) return node
    const lazy = this.#take('?')
    const end = this.#at
    const second = this.#bounds()
    if (second) {
      this.#fail('invalid nested repetition operator', this.#pattern.slice(start, this.#at))
    }
    this.#at = end
    return { kind: 'repetition', node, ...bounds, greedy: lazy === this.#flags.ungreedy }
  }

  #bounds(): { min: number; max: number } | undefined {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    const counted = /^\{(\d+)(?:(,)(\d*))?\}/.exec(this.#pattern.slice(this.#at, this.#at + 24))
    if (!counted) return undefined
    const [text, low, comma, high] = counted
    this.#at += text.length
    const min = Number(low)
    const max = comma === undefined ? min : high === '' ? Infinity : Number(high)
    if (min > maxRepeat || (max !== Infinity && max > maxRepeat) || max < min) {
      this.#fail('invalid repeat count', text)
    }
    return { min, max }
  }

  #item(): RegexNode | undefined {
    if (this.#take('(')) return this.#group()
    if (this.#is('[')) return this.#set(this.#class())
    if (this.#is('\\')) return this.#escape()
    if (this.#take('.')) return this.#any()
    if (this.#take('^')) return assertion(this.#flags.multiLine ? 'lineStart' : 'textStart')
    if (this.#take('$')) return assertion(this.#flags.multiLine ? 'lineEnd' : 'textEnd')
    return this.#literal(this.#codePoint())
  }

  #any(): RegexNode {
    return { kind: 'set', matches: this.#flags.dotAll ? () => true : (codePoint) => codePoint !== 0x0a }
  }

  #literal(literal: number): RegexNode {
    return this.#set((codePoint) => codePoint === literal)
  }

  #set(matches: CharacterTest): RegexNode {
    return { kind: 'set', matches: this.#flags.ignoreCase ? folded(matches) : matches }
  }

  /** After the bracket. Flags alone make no node. */
  #group(): RegexNode | undefined {
    const start = this.#at - 1
    const flags = this.#flags
    if (this.#take('?')) {
      const name = /^(?:P?<([^>]*)>)/.exec(this.#pattern.slice(this.#at))
      if (name) this.#name(name[0], name[1]!, start)
      else if (!this.#groupFlags(start)) return undefined
    }
    const node = this.#alternation()
    if (!this.#take(')')) this.#fail('missing closing )', this.#pattern)
    this.#flags = flags
    return node
  }

  #name(text: string, name: string, start: number): void {
    this.#at += text.length
    if (!/^[A-Za-z0-9_]+$/.test(name)) {
      this.#fail('invalid named capture', this.#pattern.slice(start, this.#at))
    }
    if (this.#names.has(name)) this.#fail('duplicate capture group name', name)
    this.#names.add(name)
  }

  /** Whether a group follows: `(?i:` rather than `(?i)`. */
  #groupFlags(start: number): boolean {
    const match = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(this.#pattern.slice(this.#at))
    if (!match || (match[0] === ')' && match[1] === '')) {
      const end = /^[^:)]{0,8}[:)]?/.exec(this.#pattern.slice(this.#at))![0].length
      return this.#fail('invalid or unsupported Perl syntax', this.#pattern.slice(start, this.#at + end))
    }
    this.#at += match[0].length
    const flags = { ...this.#flags }
    for (const letter of match[1]!) flags[flagOf(letter)] = true
    for (const letter of match[2] ?? '') flags[flagOf(letter)] = false
    this.#flags = flags
    return match[3] === ':'
  }

  #escape(): RegexNode | undefined {
    const start = this.#at
    this.#at++
    if (this.#at >= this.#pattern.length) {
      throw new RegexSyntaxError('trailing backslash at end of expression', '')
    }
    switch (this.#pattern[this.#at]) {
      case 'A':
        return this.#asserted('textStart')
      case 'z':
        return this.#asserted('textEnd')
      case 'b':
        return this.#asserted('wordBoundary')
      case 'B':
        return this.#asserted('noWordBoundary')
      case 'Q':
        return this.#quoted()
    }
    const perl = this.#perlClass()
    if (perl) return this.#set(perl)
    this.#at = start + 1
    return this.#literal(this.#escapedCharacter(start))
  }

  #asserted(name: Assertion): RegexNode {
    this.#at++
    return assertion(name)
  }

  #quoted(): RegexNode {
    const end = this.#pattern.indexOf('\\E', this.#at)
    const text = this.#pattern.slice(this.#at + 1, end < 0 ? undefined : end)
    this.#at = end < 0 ? this.#pattern.length : end + 2
    const nodes = Array.from(text, (character) => this.#literal(character.codePointAt(0)!))
    return nodes.length === 0 ? { kind: 'empty' } : { kind: 'concatenation', nodes }
  }

  /** `d`, `w`, `s` and `p`, after the backslash; undefined for other escapes. */
  #perlClass(): CharacterTest | undefined {
    const letter = this.#pattern[this.#at]!
    const perl = perlClasses[letter.toLowerCase()]
    if (perl && /[dswDSW]/.test(letter)) {
      this.#at++
      return letter === letter.toLowerCase() ? perl : negated(perl)
    }
    return letter === 'p' || letter === 'P' ? this.#unicodeClass(letter === 'P') : undefined
  }

  #unicodeClass(negative: boolean): CharacterTest {
    const rest = this.#pattern.slice(this.#at + 1)
    const match = /^(?:\{(\^?)([^}]*)\}|(.))/su.exec(rest)
    const text = `\\${negative ? 'P' : 'p'}${match?.[0] ?? ''}`
    if (!match) return this.#fail('invalid character class range', text)
    this.#at += 1 + match[0].length
    const test = unicodeTest(match[2] ?? match[3]!)
    if (!test) return this.#fail('invalid character class range', text)
    return negative === (match[1] !== '^') ? negated(test) : test
  }

  /** The backslash stands at `start`. */
  #escapedCharacter(start: number): number {
    const rest = this.#pattern.slice(start, start + 14)
    const match =
      /^\\(?:x([0-9A-Fa-f]{2})|x\{([0-9A-Fa-f]{1,8})\}|([0-7]{3}|0[0-7]{0,2})|([afnrtv])|([^A-Za-z0-9\u0080-\uffff]))/.exec(
        rest,
      )
    if (!match) this.#fail('invalid escape sequence', /^\\[^]{0,1}/u.exec(rest)![0])
    this.#at = start + match[0].length
    const [, short, long, octal, control, punctuation] = match
    if (punctuation !== undefined) return punctuation.codePointAt(0)!
    if (control !== undefined) return controls[control]!
    const code = octal === undefined ? Number.parseInt(short ?? long!, 16) : Number.parseInt(octal, 8)
    if (code > 0x10ffff) this.#fail('invalid escape sequence', match[0])
    return code
  }

  #class(): CharacterTest {
    const start = this.#at
    this.#at++
    const negative = this.#take('^')
    const ranges: Range[] = []
    const tests: CharacterTest[] = []
    for (let first = true; first || !this.#is(']'); first = false) {
      if (this.#at >= this.#pattern.length) this.#fail('missing closing ]', this.#pattern.slice(start))
      if (this.#is('-') && !first && this.#pattern[this.#at + 1] !== ']') {
        const text = /^-[^]?/u.exec(this.#pattern.slice(this.#at))![0]
        this.#fail('invalid character class range', text)
      }
      const test = this.#classTest()
      if (test) tests.push(test)
      else ranges.push(this.#classRange())
    }
    this.#at++
    const matches: CharacterTest = (codePoint) =>
      ranges.some(([low, high]) => codePoint >= low && codePoint <= high) ||
      tests.some((test) => test(codePoint))
    const test = this.#flags.ignoreCase ? folded(matches) : matches
    return negative ? negated(test) : test
  }

  #classTest(): CharacterTest | undefined {
    const posix = /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#at))
    if (posix) {
      const test = posixClasses[posix[2]!]
      if (!test) this.#fail('invalid character class range', posix[0])
      this.#at += posix[0].length
      return posix[1] ? negated(test) : test
    }
    if (!this.#is('\\')) return undefined
    const start = this.#at++
    const perl = this.#at < this.#pattern.length ? this.#perlClass() : undefined
    if (!perl) this.#at = start
    return perl
  }

  #classRange(): Range {
    const start = this.#at
    const low = this.#classCharacter()
    if (!this.#is('-') || this.#pattern[this.#at + 1] === ']' || this.#at + 1 >= this.#pattern.length) {
      return [low, low]
    }
    this.#at++
    const high = this.#classCharacter()
    if (high < low) this.#fail('invalid character class range', this.#pattern.slice(start, this.#at))
    return [low, high]
  }

  #classCharacter(): number {
    return this.#is('\\') ? this.#escapedCharacter(this.#at) : this.#codePoint()
  }
}

function flagOf(letter: string): keyof Flags {
  switch (letter) {
    case 'i':
      return 'ignoreCase'
    case 'm':
      return 'multiLine'
    case 's':
      return 'dotAll'
    default:
      return 'ungreedy'
  }
}

function assertion(name: Assertion): RegexNode {
  return { kind: 'assertion', assertion: name }
}

function negated(test: CharacterTest): CharacterTest {
  return (codePoint) => !test(codePoint)
}

function folded(test: CharacterTest): CharacterTest {
  return (codePoint) => {
    if (test(codePoint)) return true
    const character = String.fromCodePoint(codePoint)
    return [character.toLowerCase(), character.toUpperCase()].some(
      (other) => other !== character && Array.from(other).length === 1 && test(other.codePointAt(0)!),
    )
  }
}

/** Nested counts multiply; more than a thousand copies are refused. */
function checkRepeats(node: RegexNode, pattern: string, allowed = maxRepeat): void {
  if (node.kind === 'repetition') {
    const times = node.max === Infinity ? node.min : node.max
    if (times > allowed) throw new RegexSyntaxError('invalid repeat count', pattern)
    checkRepeats(node.node, pattern, times > 1 ? Math.floor(allowed / times) : allowed)
  } else if (node.kind === 'concatenation' || node.kind === 'alternation') {
    for (const inner of node.nodes) checkRepeats(inner, pattern, allowed)
  }
}

const controls: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

function within(...ranges: readonly Range[]): CharacterTest {
  return (codePoint) => ranges.some(([low, high]) => codePoint >= low && codePoint <= high)
}

const digits: Range = [0x30, 0x39]
const upper: Range = [0x41, 0x5a]
const lower: Range = [0x61, 0x7a]
export const isWordCharacter: CharacterTest = within(digits, upper, lower, [0x5f, 0x5f])

const perlClasses: Readonly<Record<string, CharacterTest>> = {
  d: within(digits),
  s: within([9, 10], [12, 13], [32, 32]),
  w: isWordCharacter,
}

const posixClasses: Readonly<Record<string, CharacterTest>> = {
  alnum: within(digits, upper, lower),
  alpha: within(upper, lower),
  ascii: within([0, 0x7f]),
  blank: within([9, 9], [32, 32]),
  cntrl: within([0, 31], [127, 127]),
  digit: within(digits),
  graph: within([33, 126]),
  lower: within(lower),
  print: within([32, 126]),
  punct: within([33, 47], [58, 64], [91, 96], [123, 126]),
  space: within([9, 13], [32, 32]),
  upper: within(upper),
  word: isWordCharacter,
  xdigit: within(digits, [0x41, 0x46], [0x61, 0x66]),
}

/** A general category (`L`, `Lu`) or a script (`Greek`). */
function unicodeTest(name: string): CharacterTest | undefined {
  if (name === 'Any') return () => true
  if (!/^[A-Za-z_]+$/.test(name)) return undefined
  for (const property of [`gc=${name}`, `sc=${name}`]) {
    try {
      const pattern = new RegExp(`^\\p{${property}}$`, 'u')
      return (codePoint) => pattern.test(String.fromCodePoint(codePoint))
    } catch {
      // No such category; perhaps a script.
    }
  }
  return undefined
}
