import type { RegexProgram } from '../../machinery/cel/regex/program.ts'
import { regexProgram } from '../../machinery/cel/regex/regex.ts'
import { RegexSyntaxError } from '../../machinery/cel/regex/syntax.ts'

/** A pattern in Go's syntax, matched in linear time; or why it is none. */
export function goPattern(pattern: string): RegexProgram | Error {
  try {
    return regexProgram(pattern)
  } catch (error) {
    if (error instanceof RegexSyntaxError) return error
    throw error
  }
}
