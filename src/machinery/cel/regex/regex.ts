import { CelError } from '../error.ts'
import { compileRegex, type RegexProgram } from './program.ts'
import { RegexSyntaxError } from './syntax.ts'

const cache = new Map<string, RegexProgram>()
const maxCached = 512

/** Throws a RegexSyntaxError. */
export function regexProgram(pattern: string): RegexProgram {
  const known = cache.get(pattern)
  if (known) return known
  const program = compileRegex(pattern)
  if (cache.size >= maxCached) cache.clear()
  cache.set(pattern, program)
  return program
}

/** Whether the pattern matches anywhere. Throws a CelError for a pattern that is none. */
export function matchesRegex(pattern: string, text: string): boolean {
  try {
    return regexProgram(pattern).test(text)
  } catch (error) {
    if (error instanceof RegexSyntaxError) throw new CelError(error.message)
    throw error
  }
}
