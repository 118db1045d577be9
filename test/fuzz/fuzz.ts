import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Random } from '../../src/machinery/random.ts'
import { mutate, oneOf } from './mutate.ts'

/** Something that reads what clients send. */
export interface FuzzTarget {
  readonly name: string
  /**
   * Reads the input and checks what must hold whatever it is. Throws when that does not hold, and for errors that a
   * client must not be able to bring about. Answers with a few words of what became of the input: inputs with new
   * outcomes are mutated further.
   */
  run(input: Buffer): string
}

export interface Finding {
  readonly target: string
  readonly input: Buffer
  readonly error: unknown
}

/** No input takes longer, in milliseconds: many times what any takes on an idle machine. */
const limitMs = 3_000
/** Inputs kept because they led somewhere new. */
const poolSize = 500

const folder = join(import.meta.dirname, 'corpus')

/** The inputs kept for a target, each in a file of its own. */
export function corpusOf({ name }: FuzzTarget): readonly Buffer[] {
  return readdirSync(join(folder, name))
    .sort()
    .map((file) => readFileSync(join(folder, name, file)))
}

/** Keeps an input that was found; answers with the path of its file. */
export function keep({ target, input }: Finding): string {
  mkdirSync(join(folder, target), { recursive: true })
  const name = createHash('sha256').update(input).digest('hex').slice(0, 12)
  const path = join(folder, target, `found-${name}`)
  writeFileSync(path, input)
  return path
}

/** One input; undefined when all is well. */
export function tryInput(target: FuzzTarget, input: Buffer): { readonly outcome: string } | Finding {
  const started = performance.now()
  try {
    const outcome = target.run(input)
    const tookMs = performance.now() - started
    if (tookMs < limitMs) return { outcome }
    return { target: target.name, input, error: new Error(`took ${Math.round(tookMs)} ms`) }
  } catch (error) {
    return { target: target.name, input, error }
  }
}

/** The corpus, then mutations of it for as long as `more` says so. Ends with the first finding. */
export function fuzz(
  target: FuzzTarget,
  random: Random,
  more: (count: number) => boolean,
): Finding | undefined {
  const pool = [...corpusOf(target)]
  const seen = new Set<string>()
  for (const input of pool) {
    const result = tryInput(target, input)
    if ('error' in result) return result
    seen.add(result.outcome)
  }
  for (let count = 0; more(count); count++) {
    const input = mutate(oneOf(random, pool), oneOf(random, pool), random)
    const result = tryInput(target, input)
    if ('error' in result) return result
    if (seen.has(result.outcome) || seen.size >= poolSize) continue
    seen.add(result.outcome)
    pool.push(input)
  }
  return undefined
}
