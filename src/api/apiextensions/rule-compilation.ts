import type { CelEnvironment, CelProgram } from '../../machinery/cel/cel.ts'
import { optionalDeclaration, type CelDeclaration } from '../../machinery/cel/declaration.ts'
import { createCelEnvironment } from '../../machinery/cel/environment.ts'
import { boolType, stringType } from '../../machinery/cel/types.ts'
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions.v1.ts'
import { fieldOfSchema, SchemaPathError } from './field-of-schema.ts'

/** A rule of x-kubernetes-validations, ready to be evaluated. Source: apiextensions-apiserver/pkg/apiserver/schema/cel. */
export interface CompiledRule {
  readonly rule: ValidationRule
  /** Absent when the rule is empty or does not compile. */
  readonly program?: CelProgram
  readonly error?: string
  readonly usesOldSelf: boolean
  readonly maxCost: number
  readonly messageProgram?: CelProgram
  readonly messageError?: string
  readonly messageMaxCost: number
  /** What fieldPath means, for messages: `spec.replicas`. */
  readonly fieldPath: string
}

/** Compiles the rules of one schema, whose values are as `declaration` says. */
export function compileRules(schema: JSONSchemaProps, declaration: CelDeclaration): readonly CompiledRule[] {
  let plain: CelEnvironment | undefined
  let optional: CelEnvironment | undefined
  return (schema['x-kubernetes-validations'] ?? []).map((rule) => {
    const environment = rule.optionalOldSelf
      ? (optional ??= environmentOf(declaration, optionalDeclaration(declaration)))
      : (plain ??= environmentOf(declaration, declaration))
    return compileRule(schema, rule, environment)
  })
}

function environmentOf(self: CelDeclaration, oldSelf: CelDeclaration): CelEnvironment {
  return createCelEnvironment({ variables: { self, oldSelf } })
}

const uncompiled = { usesOldSelf: false, maxCost: 0, messageMaxCost: 0, fieldPath: '' }

function compileRule(
  schema: JSONSchemaProps,
  rule: ValidationRule,
  environment: CelEnvironment,
): CompiledRule {
  if (rule.rule.trim() === '') return { rule, ...uncompiled }
  const compilation = environment.compile(rule.rule, { outputTypes: [boolType] })
  if (!compilation.ok) {
    const error =
      compilation.reason === 'issues'
        ? `compilation failed: ${compilation.text}`
        : 'cel expression must evaluate to a bool'
    return { rule, error, ...uncompiled }
  }
  const { program } = compilation
  return {
    rule,
    program,
    usesOldSelf: program.references.has('oldSelf'),
    maxCost: program.estimateCost().max,
    fieldPath: fieldPathOf(schema, rule),
    ...compileMessage(rule, environment),
  }
}

function compileMessage(
  { messageExpression }: ValidationRule,
  environment: CelEnvironment,
): Pick<CompiledRule, 'messageProgram' | 'messageError' | 'messageMaxCost'> {
  if (!messageExpression) return { messageMaxCost: 0 }
  const compilation = environment.compile(messageExpression, { outputTypes: [stringType] })
  if (compilation.ok) {
    const { program } = compilation
    return { messageProgram: program, messageMaxCost: program.estimateCost().max }
  }
  const messageError =
    compilation.reason === 'issues'
      ? `messageExpression compilation failed: ${compilation.text}`
      : 'messageExpression must evaluate to a string'
  return { messageError, messageMaxCost: 0 }
}

function fieldPathOf(schema: JSONSchemaProps, { fieldPath }: ValidationRule): string {
  if (!fieldPath) return ''
  try {
    return String(fieldOfSchema(fieldPath, schema).path ?? '')
  } catch (error) {
    if (error instanceof SchemaPathError) return ''
    throw error
  }
}
