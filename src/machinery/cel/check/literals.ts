import { CelError } from '../error.ts'
import { regexProgram } from '../regex/regex.ts'
import { RegexSyntaxError } from '../regex/syntax.ts'
import type { CallExpression, Expression } from '../syntax/expression.ts'
import type { CelIssue, Source } from '../syntax/issue.ts'
import { durationFrom, timestampFrom } from '../values/conversions.ts'

/** Durations, times and patterns that are written out and cannot be. Source: cel-go's cel/validator.go. */
export function validateLiterals(expression: Expression, source: Source): readonly CelIssue[] {
  const issues: CelIssue[] = []
  visit(expression, (call) => {
    const problem = problemOf(call)
    if (problem) issues.push(source.issueAt(problem.at.offset, `invalid ${problem.what} argument`))
  })
  return issues
}

function problemOf(call: CallExpression): { at: Expression; what: string } | undefined {
  const { function: name, args } = call
  switch (name) {
    case 'duration':
      return failing(args[0], name, durationFrom)
    case 'timestamp':
      return failing(args[0], name, timestampFrom)
    case 'matches':
      return failing(args.at(-1), name, regexProgram)
    default:
      return undefined
  }
}

function failing(
  argument: Expression | undefined,
  what: string,
  attempt: (text: string) => unknown,
): { at: Expression; what: string } | undefined {
  if (argument?.kind !== 'literal' || typeof argument.value !== 'string') return undefined
  try {
    attempt(argument.value)
    return undefined
  } catch (error) {
    if (error instanceof CelError || error instanceof RegexSyntaxError) return { at: argument, what }
    throw error
  }
}

/** Every call, the outer one first. */
export function visit(expression: Expression, onCall: (call: CallExpression) => void): void {
  if (expression.kind === 'call') onCall(expression)
  for (const child of childrenOf(expression)) visit(child, onCall)
}

/** The nodes directly below. */
export function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case 'literal':
    case 'ident':
      return []
    case 'select':
      return [expression.resolved ?? expression.operand]
    case 'call':
      return expression.target === undefined ? expression.args : [expression.target, ...expression.args]
    case 'list':
      return expression.elements
    case 'map':
      return expression.entries.flatMap(({ key, value }) => [key, value])
    case 'struct':
      return expression.fields.map(({ value }) => value)
    case 'comprehension': {
      const { range, initial, condition, step, result } = expression
      return [range, initial, condition, step, result]
    }
  }
}
