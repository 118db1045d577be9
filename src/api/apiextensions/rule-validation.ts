import {
  staticEstimatedCostLimit,
  staticEstimatedCrdCostLimit,
  unboundedCost,
} from '../../machinery/cel/limits.ts'
import type { CelDeclaration } from '../../machinery/cel/declaration.ts'
import { maxCardinality, structuralDeclaration } from '../../machinery/cel/structural-declaration.ts'
import {
  forbidden,
  internalError,
  invalid,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions.v1.ts'
import { compileRules, type CompiledRule } from './rule-compilation.ts'

/** What the rules of one version may cost together, and which contribute most. */
class TotalCost {
  #total = 0
  #mostExpensive: { readonly path: FieldPath; readonly cost: number }[] = []

  observe(path: FieldPath, cost: number): void {
    this.#total = Math.min(unboundedCost, this.#total + cost)
    if (cost < staticEstimatedCrdCostLimit / 100) return
    this.#mostExpensive = [...this.#mostExpensive, { path, cost }].sort((a, b) => b.cost - a.cost).slice(0, 4)
  }

  errors(schemaPath: FieldPath): readonly FieldError[] {
    if (this.#total <= staticEstimatedCrdCostLimit) return []
    const contributed =
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'
    const name = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
    return [
      ...this.#mostExpensive.map(({ path }) => forbidden(path, contributed)),
      forbidden(schemaPath, costMessage(name, this.#total, staticEstimatedCrdCostLimit)),
    ]
  }
}

/** Where in a version's schema rules are being checked. */
export interface RuleScope {
  readonly schema: JSONSchemaProps
  readonly isRoot: boolean
  /** How often a value of this schema can stand in an object; undefined when nothing limits it. */
  readonly cardinality: number | undefined
  readonly total: TotalCost
}

export function rootScope(schema: JSONSchemaProps): RuleScope {
  return { schema, isRoot: true, cardinality: 1, total: new TotalCost() }
}

export function innerScope(outer: RuleScope, schema: JSONSchemaProps): RuleScope {
  const elements = maxElements(outer.schema)
  const cardinality =
    outer.cardinality === undefined || elements === undefined ? undefined : times(outer.cardinality, elements)
  return { schema, isRoot: false, cardinality, total: outer.total }
}

function maxElements(schema: JSONSchemaProps): number | undefined {
  switch (schema.type) {
    case 'object':
      if (schema.additionalProperties === undefined) return 1
      return schema.maxProperties === undefined ? undefined : Math.max(0, schema.maxProperties)
    case 'array':
      return schema.maxItems === undefined ? undefined : Math.max(0, schema.maxItems)
    default:
      return 1
  }
}

function times(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : Math.min(unboundedCost, a * b)
}

export interface RuleCheck {
  readonly at: FieldPath
  /** The schemas are as they were: what they cost was accepted. */
  readonly acceptsCost: boolean
  /** Within which no value can be told from the one that it replaces. */
  readonly uncorrelatable: FieldPath | undefined
}

/** Compiles the rules of a schema that has no other faults. */
export function ruleErrors(
  scope: RuleScope,
  { at, acceptsCost, uncorrelatable }: RuleCheck,
): readonly FieldError[] {
  const { schema, total } = scope
  const rules = at.child('x-kubernetes-validations')
  const isResourceRoot = scope.isRoot || schema['x-kubernetes-embedded-resource'] === true
  const declaration = structuralDeclaration(schema, { isResourceRoot })
  if (!declaration) {
    const message =
      'internal error: failed to construct type information for x-kubernetes-validations rules: ' +
      'unable to convert structural schema to CEL declarations'
    return [internalError(rules, new Error(message))]
  }
  const errors: FieldError[] = []
  for (const [index, compiled] of compileRules(schema, declaration).entries()) {
    const field = rules.index(index)
    errors.push(...costErrors(scope, declaration, compiled, field, acceptsCost))
    const shown = shownRule(compiled.rule)
    if (compiled.error !== undefined) errors.push(invalid(field.child('rule'), shown, compiled.error))
    if (compiled.messageError !== undefined) {
      errors.push(invalid(field.child('messageExpression'), shown, compiled.messageError))
    } else if (compiled.messageProgram) {
      const message = field.child('messageExpression')
      if (!acceptsCost && compiled.messageMaxCost > staticEstimatedCostLimit) {
        const name = 'estimated messageExpression cost'
        errors.push(forbidden(message, costMessage(name, compiled.messageMaxCost, staticEstimatedCostLimit)))
      }
      total.observe(message, compiled.messageMaxCost)
    }
    errors.push(...oldSelfErrors(compiled, field, uncorrelatable))
  }
  return errors
}

function costErrors(
  { cardinality, total }: RuleScope,
  declaration: CelDeclaration,
  { maxCost }: CompiledRule,
  at: FieldPath,
  acceptsCost: boolean,
): readonly FieldError[] {
  const cost = times(maxCost, cardinality ?? maxCardinality(declaration))
  const field = at.child('rule')
  total.observe(field, cost)
  if (acceptsCost || cost <= staticEstimatedCostLimit) return []
  return [forbidden(field, costMessage('estimated rule cost', cost, staticEstimatedCostLimit))]
}

function oldSelfErrors(
  { rule, usesOldSelf }: CompiledRule,
  at: FieldPath,
  uncorrelatable: FieldPath | undefined,
): readonly FieldError[] {
  if (!usesOldSelf) {
    if (rule.optionalOldSelf === undefined) return []
    return [
      invalid(
        at.child('optionalOldSelf'),
        rule.optionalOldSelf,
        'may not be set if oldSelf is not used in rule',
      ),
    ]
  }
  if (!uncorrelatable) return []
  const detail = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelatable.toString()}`
  return [invalid(at.child('rule'), rule.rule, detail)]
}

/** As upstream's internal type is shown. */
function shownRule(rule: ValidationRule) {
  return {
    Rule: rule.rule,
    Message: rule.message ?? '',
    MessageExpression: rule.messageExpression ?? '',
    Reason: rule.reason ?? null,
    FieldPath: rule.fieldPath ?? '',
    OptionalOldSelf: rule.optionalOldSelf ?? null,
  }
}

function costMessage(name: string, cost: number, limit: number): string {
  const exceeds = cost / limit
  const factor =
    exceeds > 100 ? 'more than 100x' : exceeds < 1.5 ? `${exceeds.toFixed(6)}x` : `${exceeds.toFixed(1)}x`
  return (
    `${name} exceeds budget by factor of ${factor} (try simplifying the rule, or adding maxItems, maxProperties, and ` +
    'maxLength where arrays, maps, and strings are declared)'
  )
}
