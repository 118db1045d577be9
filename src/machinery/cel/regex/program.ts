import { isWordCharacter, parseRegex, type Assertion, type CharacterTest, type RegexNode } from './syntax.ts'

/** A pattern, compiled. Matching takes time linear in the text, whatever the pattern. */
export interface RegexProgram {
  /** Whether it matches anywhere. */
  test(text: string): boolean
  /** The leftmost match from `from` on, as Perl would find it: [start, end) in UTF-16 units. */
  find(text: string, from?: number): readonly [start: number, end: number] | undefined
}

type Instruction =
  | { readonly kind: 'character'; readonly matches: CharacterTest }
  | { readonly kind: 'assertion'; readonly assertion: Assertion }
  /** Goes on at both; the first is preferred. */
  | { readonly kind: 'split'; first: number; second: number }
  | { readonly kind: 'jump'; to: number }
  | { readonly kind: 'match' }

/** Throws a RegexSyntaxError. */
export function compileRegex(pattern: string): RegexProgram {
  const instructions: Instruction[] = []
  emit(parseRegex(pattern), instructions)
  instructions.push({ kind: 'match' })
  return {
    test: (text) => run(instructions, text, 0, true) !== undefined,
    find: (text, from = 0) => run(instructions, text, from, false),
  }
}

function emit(node: RegexNode, into: Instruction[]): void {
  switch (node.kind) {
    case 'empty':
      return
    case 'set':
      into.push({ kind: 'character', matches: node.matches })
      return
    case 'assertion':
      into.push({ kind: 'assertion', assertion: node.assertion })
      return
    case 'concatenation':
      for (const part of node.nodes) emit(part, into)
      return
    case 'alternation':
      return emitAlternation(node.nodes, into)
    case 'repetition':
      return emitRepetition(node, into)
  }
}

function emitAlternation(branches: readonly RegexNode[], into: Instruction[]): void {
  const jumps: { kind: 'jump'; to: number }[] = []
  branches.forEach((branch, at) => {
    if (at === branches.length - 1) return emit(branch, into)
    const split = { kind: 'split' as const, first: into.length + 1, second: 0 }
    into.push(split)
    emit(branch, into)
    const jump = { kind: 'jump' as const, to: 0 }
    jumps.push(jump)
    into.push(jump)
    split.second = into.length
  })
  for (const jump of jumps) jump.to = into.length
}

function emitRepetition(node: Extract<RegexNode, { kind: 'repetition' }>, into: Instruction[]): void {
  for (let times = 0; times < node.min; times++) emit(node.node, into)
  if (node.max === Infinity) {
    const start = into.length
    const leave = emitOptional(node, into)
    into.push({ kind: 'jump', to: start })
    leave(into.length)
    return
  }
  const leaves: ((to: number) => void)[] = []
  for (let times = node.min; times < node.max; times++) leaves.push(emitOptional(node, into))
  for (const leave of leaves) leave(into.length)
}

/** Emits the node behind a choice, and gives back where to say what the other choice is. */
function emitOptional(
  node: Extract<RegexNode, { kind: 'repetition' }>,
  into: Instruction[],
): (to: number) => void {
  const split = { kind: 'split' as const, first: 0, second: 0 }
  into.push(split)
  if (node.greedy) split.first = into.length
  else split.second = into.length
  emit(node.node, into)
  return (to) => {
    if (node.greedy) split.second = to
    else split.first = to
  }
}

/** Threads in order of preference, each at an instruction and with the place where its match began. */
class Threads {
  readonly at: number[] = []
  readonly starts: number[] = []
  readonly #seen: Uint32Array
  #generation = 0

  constructor(size: number) {
    this.#seen = new Uint32Array(size)
  }

  clear(): void {
    this.at.length = 0
    this.starts.length = 0
    this.#generation++
  }

  /** Whether the instruction is new here. */
  visit(at: number): boolean {
    if (this.#seen[at] === this.#generation) return false
    this.#seen[at] = this.#generation
    return true
  }
}

/** Pike's simulation: all threads go through the text together, at most one per instruction. */
function run(
  instructions: readonly Instruction[],
  text: string,
  from: number,
  anyMatch: boolean,
): readonly [number, number] | undefined {
  let current = new Threads(instructions.length)
  let next = new Threads(instructions.length)
  let found: readonly [number, number] | undefined
  current.clear()
  for (let place = from; ;) {
    if (found === undefined) follow(instructions, current, 0, place, text, place)
    const codePoint = text.codePointAt(place)
    const after = place + (codePoint !== undefined && codePoint > 0xffff ? 2 : 1)
    next.clear()
    for (let thread = 0; thread < current.at.length; thread++) {
      const instruction = instructions[current.at[thread]!]!
      if (instruction.kind === 'match') {
        found = [current.starts[thread]!, place]
        if (anyMatch) return found
        break
      }
      if (instruction.kind === 'character' && codePoint !== undefined && instruction.matches(codePoint)) {
        follow(instructions, next, current.at[thread]! + 1, current.starts[thread]!, text, after)
      }
    }
    if (codePoint === undefined) return found
    if (found !== undefined && next.at.length === 0) return found
    ;[current, next] = [next, current]
    place = after
  }
}

/** Adds the threads that are reached without reading a character. */
function follow(
  instructions: readonly Instruction[],
  threads: Threads,
  first: number,
  start: number,
  text: string,
  place: number,
): void {
  const pending = [first]
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    if (!threads.visit(at)) continue
    const instruction = instructions[at]!
    switch (instruction.kind) {
      case 'jump':
        pending.push(instruction.to)
        break
      case 'split':
        pending.push(instruction.second, instruction.first)
        break
      case 'assertion':
        if (holds(instruction.assertion, text, place)) pending.push(at + 1)
        break
      default:
        threads.at.push(at)
        threads.starts.push(start)
    }
  }
}

function holds(assertion: Assertion, text: string, place: number): boolean {
  switch (assertion) {
    case 'textStart':
      return place === 0
    case 'textEnd':
      return place === text.length
    case 'lineStart':
      return place === 0 || text[place - 1] === '\n'
    case 'lineEnd':
      return place === text.length || text[place] === '\n'
    case 'wordBoundary':
      return isBoundary(text, place)
    case 'noWordBoundary':
      return !isBoundary(text, place)
  }
}

function isBoundary(text: string, place: number): boolean {
  return isWordAt(text, place - 1) !== isWordAt(text, place)
}

function isWordAt(text: string, place: number): boolean {
  return place >= 0 && place < text.length && isWordCharacter(text.charCodeAt(place))
}
