import { CelBudget } from '../../machinery/cel/budget.ts'
import { structuralDeclaration } from '../../machinery/cel/structural-declaration.ts'
import {
  duplicate,
  forbidden,
  invalid,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { JSONSchemaProps, ValidationRule } from '../generated/apiextensions.v1.ts'
import { itemsByKeys, keysOf, type Correlation } from './correlation.ts'
import { below } from './list-validation.ts'
import { compileRules, type CompiledRule } from './rule-compilation.ts'
import { entrySchema, isObject, itemSchema, someSchema } from './schema-walk.ts'

/** The longest text that a messageExpression may make, in bytes. */
const maxMessageBytes = 5 * 1024

export interface RuleOptions {
  readonly at?: FieldPath
  /** What is replaced: faults of what is the same as before become warnings. */
  readonly correlation?: Correlation
}

export interface RuleOutcome {
  readonly errors: readonly FieldError[]
  /** Faults that were there before. */
  readonly warnings: readonly FieldError[]
}

/**
 * The rules of x-kubernetes-validations of a schema and all that is within it, compiled when an object first comes to
 * them. Source: k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/validation.go.
 */
export class RuleSet {
  readonly #schema: JSONSchemaProps
  readonly #isResourceRoot: boolean
  #rules: readonly CompiledRule[] | string | undefined
  readonly #properties: ReadonlyMap<string, RuleSet>
  readonly #items: RuleSet | undefined
  readonly #entries: RuleSet | undefined

  private constructor(schema: JSONSchemaProps, isResourceRoot: boolean) {
    this.#schema = schema
    this.#isResourceRoot = isResourceRoot
    const items = itemSchema(schema)
    const entries = entrySchema(schema)
    this.#items = items && RuleSet.of(items)
    this.#entries = entries && RuleSet.of(entries)
    this.#properties = new Map(
      Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
        const rules = RuleSet.of(property)
        return rules ? [[name, rules] as const] : []
      }),
    )
  }

  /** Undefined when there are no rules in the schema. */
  static of(
    schema: JSONSchemaProps,
    {
      isResourceRoot = schema['x-kubernetes-embedded-resource'] === true,
    }: { readonly isResourceRoot?: boolean } = {},
  ): RuleSet | undefined {
    return someSchema(schema, hasRules) ? new RuleSet(schema, isResourceRoot) : undefined
  }

  /** Evaluates all rules; `previous` undefined when nothing is replaced. */
  validate(value: unknown, previous: unknown, options: RuleOptions = {}): RuleOutcome {
    const run = new RuleRun()
    const { correlation } = options
    this.#validate(run, options.at, value, previous, { current: correlation, parent: undefined })
    return run
  }

  #validate(
    run: RuleRun,
    at: FieldPath | undefined,
    value: unknown,
    previous: unknown,
    correlation: Correlations,
  ): void {
    if (value === null || value === undefined || run.isOver) return
    if (this.#schema['x-kubernetes-validations']?.length) {
      run.evaluate(this.#schema, this.#compiled(), {
        at,
        value,
        previous: previous ?? undefined,
        correlation,
      })
    }
    if (Array.isArray(value)) this.#validateItems(run, at, value, previous, correlation)
    else if (isObject(value)) this.#validateFields(run, at, value, previous, correlation)
  }

  #validateItems(
    run: RuleRun,
    at: FieldPath | undefined,
    list: readonly unknown[],
    previous: unknown,
    correlation: Correlations,
  ): void {
    const items = this.#items
    if (!items) return
    const isMap = this.#schema['x-kubernetes-list-type'] === 'map'
    const before = isMap && Array.isArray(previous) ? itemsByKeys(this.#schema, previous) : undefined
    for (const [index, item] of list.entries()) {
      const field = at ? at.index(index) : undefined
      const inner = within(correlation, (current) => current.index(index))
      items.#validate(run, field, item, before?.get(keysOf(this.#schema, item)), inner)
    }
  }

  #validateFields(
    run: RuleRun,
    at: FieldPath | undefined,
    object: Readonly<Record<string, unknown>>,
    previous: unknown,
    correlation: Correlations,
  ): void {
    if (!this.#entries && this.#properties.size === 0) return
    const before = isObject(previous) ? previous : {}
    for (const [name, item] of Object.entries(object)) {
      const property = this.#properties.get(name)
      const rules = property ?? (this.#schema.properties?.[name] ? undefined : this.#entries)
      if (!rules) continue
      const isType = correlation.parent === undefined && (name === 'apiVersion' || name === 'kind')
      const inner = isType ? noCorrelation : within(correlation, (current) => current.key(name))
      const old = Object.hasOwn(before, name) ? before[name] : undefined
      rules.#validate(run, below(at, name, property === undefined), item, old, inner)
    }
  }

  #compiled(): readonly CompiledRule[] | string {
    this.#rules ??= this.#compile()
    return this.#rules
  }

  #compile(): readonly CompiledRule[] | string {
    const declaration = structuralDeclaration(this.#schema, { isResourceRoot: this.#isResourceRoot })
    return declaration
      ? compileRules(this.#schema, declaration)
      : 'failed to convert to declType for CEL validation rules'
  }
}

function hasRules(schema: JSONSchemaProps): boolean {
  return (schema['x-kubernetes-validations']?.length ?? 0) > 0
}

/** The value with what it replaces, and the nearest value around it for which that is known. */
interface Correlations {
  readonly current: Correlation | undefined
  readonly parent: Correlation | undefined
}

const noCorrelation: Correlations = { current: undefined, parent: undefined }

function within(
  { current, parent }: Correlations,
  step: (current: Correlation) => Correlation | undefined,
): Correlations {
  return current ? { current: step(current), parent: current } : { current: undefined, parent }
}

function isUnchanged({ current, parent }: Correlations): boolean {
  return (current ?? parent)?.isUnchanged ?? false
}

interface Subject {
  readonly at: FieldPath | undefined
  readonly value: unknown
  readonly previous: unknown
  readonly correlation: Correlations
}

/** One validation of one object: its errors and what is left of its budget. */
class RuleRun implements RuleOutcome {
  readonly errors: FieldError[] = []
  readonly warnings: FieldError[] = []
  readonly #budget = new CelBudget()
  /** Nothing more is evaluated. */
  isOver = false

  evaluate(schema: JSONSchemaProps, rules: readonly CompiledRule[] | string, subject: Subject): void {
    const type = schema.type ?? ''
    if (typeof rules === 'string') {
      this.errors.push(invalid(subject.at, type, `rule compiler initialization error: ${rules}`))
      return
    }
    if (this.#budget.remaining <= 0) {
      this.#end(invalid(subject.at, type, outOfBudget))
      return
    }
    for (const rule of rules) {
      this.#evaluateRule(rule, type, subject)
      if (this.isOver) return
    }
  }

  #end(error: FieldError): void {
    this.errors.push(error)
    this.isOver = true
  }

  #evaluateRule(compiled: CompiledRule, type: string, subject: Subject): void {
    const { at, value, previous } = subject
    const { rule, program } = compiled
    if (compiled.error !== undefined) {
      this.errors.push(invalid(at, type, `rule compile error: ${compiled.error}`))
      return
    }
    if (!program || (compiled.usesOldSelf && previous === undefined && !rule.optionalOldSelf)) return
    const outcome = program.evaluate({ self: value, oldSelf: previous }, this.#budget)
    if ('error' in outcome) {
      const { reason, message } = outcome.error
      const text = textOfRule(rule)
      if (reason === 'budget') this.#end(invalid(at, type, outOfBudget))
      else if (reason === 'callLimit') {
        const detail = `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${text}`
        this.#end(invalid(at, type, detail))
      } else if (message.startsWith('no such overload')) {
        const detail = `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${text}`
        this.errors.push(invalid(at, type, detail))
      } else {
        this.errors.push(invalid(at, type, `${message} evaluating rule: ${text}`))
      }
      return
    }
    if (outcome.value !== true) this.#report(compiled, type, subject)
  }

  #report(compiled: CompiledRule, type: string, { at, value, previous, correlation }: Subject): void {
    const field = compiled.fieldPath === '' ? at : below(at, compiled.fieldPath, false)
    const add = (error: FieldError) => {
      if (!compiled.usesOldSelf && isUnchanged(correlation)) this.warnings.push(error)
      else this.errors.push(error)
    }
    const message = this.#message(compiled, { self: value, oldSelf: previous })
    if (message instanceof Error) {
      add(invalid(field, type, message.message))
      this.isOver = true
      return
    }
    const isLarge = type === 'object' || type === 'array'
    add(errorFor(compiled.rule, field, isLarge ? undefined : value, message ?? defaultMessage(compiled.rule)))
  }

  /** The text that messageExpression makes; undefined when it makes none of use; an error ends the validation. */
  #message(
    { messageProgram, rule }: CompiledRule,
    variables: Readonly<Record<string, unknown>>,
  ): string | Error | undefined {
    if (!messageProgram) return undefined
    const outcome = messageProgram.evaluate(variables, this.#budget)
    if ('error' in outcome) {
      const { reason } = outcome.error
      if (reason === 'budget') {
        return new Error(
          'messageExpression evaluation failed due to running out of cost budget, no further validation rules will be run',
        )
      }
      if (reason !== 'callLimit') return undefined
      const text = goQuote(rule.messageExpression ?? '')
      return new Error(
        `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${text}`,
      )
    }
    if (typeof outcome.value !== 'string') return undefined
    const text = outcome.value.trim()
    const isUsable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= maxMessageBytes
    return isUsable ? text : undefined
  }
}

const outOfBudget =
  'validation failed due to running out of cost budget, no further validation rules will be run'

function textOfRule({ message, rule }: ValidationRule): string {
  return message ? message.trim() : rule.trim()
}

function defaultMessage(rule: ValidationRule): string {
  return rule.message ? rule.message.trim() : `failed rule: ${textOfRule(rule)}`
}

/** `value` undefined where it is too large to be shown. */
function errorFor(
  { reason }: ValidationRule,
  at: FieldPath | undefined,
  value: unknown,
  detail: string,
): FieldError {
  switch (reason) {
    case 'FieldValueForbidden':
      return forbidden(at, detail)
    case 'FieldValueRequired':
      return required(at, detail)
    case 'FieldValueDuplicate':
      if (value !== undefined) return duplicate(at, value)
      return { type: 'FieldValueDuplicate', field: fieldOf(at), message: 'Duplicate value' }
    default:
      if (value !== undefined) return invalid(at, value, detail)
      return { type: 'FieldValueInvalid', field: fieldOf(at), message: `Invalid value: ${detail}` }
  }
}

function fieldOf(at: FieldPath | undefined): string {
  return at ? at.toString() : '<nil>'
}
