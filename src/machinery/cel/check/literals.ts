import { CelError } from '../error.ts'
import { regexProgram } from '../regex/regex.ts'
import { RegexSyntaxError } from '../regex/syntax.ts'
import type { CallExpression, Expression } from '../syntax/expression.ts'
import type { CelIssue, Source } from '../syntax/issue.ts'
import { formatType, isSameType, type CelType } from '../types.ts'
import { durationFrom, timestampFrom } from '../values/conversions.ts'

/**
 * Durations, times and patterns that are written out and cannot be, and lists and maps that mix types outside of
 * `format`. Source: cel-go's cel/validator.go.
 */
export function validateLiterals(expression: Expression, source: Source): readonly CelIssue[] {
  const issues: CelIssue[] = []
  visit(expression, (call) => {
    const problem = problemOf(call)
    if (problem) issues.push(source.issueAt(problem.at.offset, `invalid ${problem.what} argument`))
  })
  visitLiterals(expression, (at, expected, found) => {
    const types = `expected type '${formatType(expected)}' but found '${formatType(found)}'`
    issues.push(source.issueAt(at.offset, types))
  })
  return issues
}

type OnMix = (at: Expression, expected: CelType, found: CelType) => void

function visitLiterals(expression: Expression, onMix: OnMix): void {
  if (expression.kind === 'call' && expression.function === 'format') return
  if (expression.kind === 'list') {
    const { elements, optionals } = expression
    reportMix(
      elements.map((at, index) => ({ at, optional: optionals.has(index) })),
      onMix,
      true,
    )
  }
  if (expression.kind === 'map') {
    const { entries } = expression
    reportMix(
      entries.map(({ key }) => ({ at: key, optional: false })),
      onMix,
    )
    reportMix(
      entries.map(({ value, optional }) => ({ at: value, optional })),
      onMix,
    )
  }
  for (const child of childrenOf(expression)) visitLiterals(child, onMix)
}

/** Of those that differ from the first: all, or the first one. */
function reportMix(
  parts: readonly { at: Expression; optional: boolean }[],
  onMix: OnMix,
  onlyFirst = false,
): void {
  const [expected, ...others] = parts.map(({ at, optional }) => {
    const type = at.type!
    return { at, type: optional && type.kind === 'opaque' ? type.parameters[0]! : type }
  })
  const mixed = others.filter(({ type }) => !isSameType(type, expected!.type))
  for (const { at, type } of onlyFirst ? mixed.slice(0, 1) : mixed) onMix(at, expected!.type, type)
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
