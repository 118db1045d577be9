import type { FunctionOverload } from '../library/function.ts'
import type {
  CallExpression,
  ComprehensionExpression,
  Expression,
  IdentExpression,
  ListExpression,
  MapExpression,
  SelectExpression,
  StructExpression,
} from '../syntax/expression.ts'
import type { CelIssue, Source } from '../syntax/issue.ts'
import {
  boolType,
  dynType,
  errorType,
  formatType,
  intType,
  isSameType,
  listType,
  mapType,
  optionalType,
  typeParameter,
  typeParametersOf,
  typeTypeOf,
  type CelType,
} from '../types.ts'
import { typeOfValue } from '../values/kind.ts'
import { CelTypeValue } from '../values/type-value.ts'
import {
  assign,
  formatSignature,
  isDyn,
  isDynOrError,
  mostGeneral,
  substitute,
  type Substitutions,
} from './assignability.ts'
import { candidateNames, type CheckScope } from './scope.ts'

/**
 * Finds the types, resolves names and overloads, and writes them into the tree. Gives back what is wrong. Source of
 * rules and wording: cel-go's checker.
 */
export function check(expression: Expression, source: Source, scope: CheckScope): readonly CelIssue[] {
  return new Checker(source, scope).run(expression)
}

type Locals = ReadonlyMap<string, CelType>

class Checker {
  readonly #source: Source
  readonly #scope: CheckScope
  readonly #issues: CelIssue[] = []
  readonly #checked: Expression[] = []
  #locals: Locals = new Map()
  #substitutions: Substitutions = new Map()
  #freeParameters = 0

  constructor(source: Source, scope: CheckScope) {
    this.#source = source
    this.#scope = scope
  }

  run(expression: Expression): readonly CelIssue[] {
    this.#check(expression)
    for (const checked of this.#checked) checked.type = substitute(this.#substitutions, checked.type!, true)
    return this.#issues
  }

  #report(offset: number, message: string): void {
    this.#issues.push(this.#source.issueAt(offset, message))
  }

  #undeclared(offset: number, name: string): CelType {
    this.#report(offset, `undeclared reference to '${name}' (in container '${this.#scope.container}')`)
    return errorType
  }

  #mismatch(offset: number, expected: CelType, found: CelType): void {
    this.#report(offset, `expected type '${formatType(expected)}' but found '${formatType(found)}'`)
  }

  #assignable(from: CelType, to: CelType): boolean {
    const substitutions = assign(this.#substitutions, [from], [to])
    if (substitutions) this.#substitutions = substitutions
    return substitutions !== undefined
  }

  #freeParameter(): CelType {
    return typeParameter(`_var${this.#freeParameters++}`)
  }

  #check(expression: Expression): CelType {
    const type = this.#typeOf(expression)
    expression.type = type
    this.#checked.push(expression)
    return type
  }

  #typeOf(expression: Expression): CelType {
    switch (expression.kind) {
      case 'literal':
        return typeOfValue(expression.value)
      case 'ident':
        return this.#ident(expression)
      case 'select':
        return this.#select(expression)
      case 'call':
        return this.#call(expression)
      case 'list':
        return this.#list(expression)
      case 'map':
        return this.#map(expression)
      case 'struct':
        return this.#struct(expression)
      case 'comprehension':
        return this.#comprehension(expression)
    }
  }

  #ident(expression: IdentExpression): CelType {
    const local = this.#locals.get(expression.name)
    if (local !== undefined) return local
    return this.#global(expression, expression.name) ?? this.#undeclared(expression.offset, expression.name)
  }

  /** A variable or a type; writes down which. */
  #global(expression: IdentExpression, name: string): CelType | undefined {
    for (const candidate of candidateNames(this.#scope.container, name)) {
      const variable = this.#scope.variables.get(candidate)
      if (variable) {
        expression.global = candidate
        return variable.type
      }
      const constant = this.#scope.constants?.get(candidate)
      if (constant) {
        expression.constant = constant.value
        return constant.type
      }
      const type = this.#scope.typeNamed(candidate)
      if (type) {
        expression.constant = new CelTypeValue(type)
        return typeTypeOf(type)
      }
    }
    return undefined
  }

  #select(expression: SelectExpression): CelType {
    const qualified = qualifiedName(expression)
    if (qualified !== undefined && !this.#locals.has(qualified.split('.')[0]!)) {
      const ident: IdentExpression = { kind: 'ident', offset: expression.offset, name: qualified }
      const type = this.#global(ident, qualified)
      if (type) {
        ident.type = type
        expression.resolved = ident
        this.#checked.push(ident)
        return type
      }
    }
    const field = this.#field(expression.offset, expression.operand, expression.field, false)
    return expression.testOnly ? boolType : field
  }

  #field(offset: number, operand: Expression, field: string, optional: boolean): CelType {
    const operandType = substitute(this.#substitutions, this.#check(operand))
    const target = unwrapOptional(operandType)
    const result = this.#fieldType(offset, target ?? operandType, field)
    return substitute(this.#substitutions, optional || target ? optionalType(result) : result)
  }

  #fieldType(offset: number, target: CelType, field: string): CelType {
    switch (target.kind) {
      case 'map':
        return target.value
      case 'struct': {
        const type = target.field(field)
        if (type) return type
        this.#report(offset, `undefined field '${field}'`)
        return errorType
      }
      case 'typeParameter':
        this.#assignable(dynType, target)
        return dynType
      default:
        if (!isDynOrError(target)) {
          this.#report(offset, `type '${formatType(target)}' does not support field selection`)
        }
        return dynType
    }
  }

  #call(expression: CallExpression): CelType {
    const { args, function: name } = expression
    if (name === '_?._') return this.#optionalSelect(expression)
    const types = args.map((arg) => this.#check(arg))
    if (expression.target === undefined) {
      const found = this.#functionNamed(name)
      if (!found) return this.#undeclared(expression.offset, name)
      expression.function = found.name
      return this.#overload(expression, found.overloads, types)
    }
    const prefix = qualifiedName(expression.target)
    const namespaced = prefix === undefined ? undefined : this.#functionNamed(`${prefix}.${name}`)
    if (namespaced) {
      expression.function = namespaced.name
      expression.target = undefined
      return this.#overload(expression, namespaced.overloads, types)
    }
    const target = this.#check(expression.target)
    const found = this.#functionNamed(name)
    if (!found) return this.#undeclared(expression.offset, name)
    return this.#overload(expression, found.overloads, [target, ...types])
  }

  #optionalSelect(expression: CallExpression): CelType {
    const [operand, field] = expression.args as [Expression, Expression]
    expression.overloads = ['select_optional_field']
    this.#check(field)
    const name = field.kind === 'literal' ? field.value : undefined
    return this.#field(expression.offset, operand, String(name), true)
  }

  #functionNamed(name: string): { name: string; overloads: readonly FunctionOverload[] } | undefined {
    for (const candidate of candidateNames(this.#scope.container, name)) {
      const overloads = this.#scope.functions.get(candidate)
      if (overloads) return { name: candidate, overloads }
    }
    return undefined
  }

  #overload(
    expression: CallExpression,
    overloads: readonly FunctionOverload[],
    args: readonly CelType[],
  ): CelType {
    const { function: name } = expression
    if (name === '_&&_' || name === '_||_') return this.#logical(expression, args)
    const member = expression.target !== undefined
    const matching: string[] = []
    let result: CelType | undefined
    for (const overload of overloads) {
      if (overload.member !== member) continue
      const instance = this.#instantiate(overload)
      const substitutions = assign(this.#substitutions, args, instance.parameters)
      if (!substitutions) continue
      this.#substitutions = substitutions
      matching.push(overload.id)
      const type = substitute(substitutions, instance.result)
      if (result === undefined) result = type
      else if (!isDyn(result) && !isSameType(type, result)) result = dynType
    }
    if (result === undefined) {
      const types = args.map((type) => substitute(this.#substitutions, type, true))
      const signature = formatSignature(types, member)
      this.#report(expression.offset, `found no matching overload for '${name}' applied to '${signature}'`)
      return errorType
    }
    expression.overloads = matching
    return result
  }

  #logical(expression: CallExpression, args: readonly CelType[]): CelType {
    let sound = true
    args.forEach((type, at) => {
      if (this.#assignable(type, boolType)) return
      this.#mismatch(expression.args[at]!.offset, boolType, type)
      sound = false
    })
    if (!sound) return errorType
    expression.overloads = [expression.function === '_&&_' ? 'logical_and' : 'logical_or']
    return boolType
  }

  /** The overload with parameters of its own for this call. */
  #instantiate(overload: FunctionOverload): { parameters: readonly CelType[]; result: CelType } {
    const names = new Set(parameterNames(overload.parameters))
    for (const name of parameterNames([overload.result])) names.add(name)
    if (names.size === 0) return overload
    const fresh = new Map([...names].map((name) => [name, this.#freeParameter()]))
    return {
      parameters: overload.parameters.map((type) => substitute(fresh, type)),
      result: substitute(fresh, overload.result),
    }
  }

  #list({ elements, optionals }: ListExpression): CelType {
    let joined: CelType | undefined
    elements.forEach((element, at) => {
      const type = this.#check(element)
      joined = this.#join(joined, optionals.has(at) ? this.#unwrapped(element, type) : type)
    })
    return listType(joined ?? this.#freeParameter())
  }

  #map({ entries }: MapExpression): CelType {
    let keyType: CelType | undefined
    let valueType: CelType | undefined
    for (const { key, value, optional } of entries) {
      keyType = this.#join(keyType, this.#check(key))
      const type = this.#check(value)
      valueType = this.#join(valueType, optional ? this.#unwrapped(value, type) : type)
    }
    return mapType(keyType ?? this.#freeParameter(), valueType ?? this.#freeParameter())
  }

  /** What an optional element or entry adds. */
  #unwrapped(expression: Expression, type: CelType): CelType {
    const inner = unwrapOptional(type)
    if (!inner && !isDyn(type)) this.#mismatch(expression.offset, optionalType(type), type)
    return inner ?? type
  }

  /** The type of items so far and one more. */
  #join(previous: CelType | undefined, type: CelType): CelType {
    if (previous === undefined) return type
    if (this.#assignable(previous, type)) return mostGeneral(previous, type)
    return dynType
  }

  #struct(expression: StructExpression): CelType {
    const { typeName, fields } = expression
    const name = candidateNames(this.#scope.container, typeName).find((candidate) =>
      this.#scope.typeNamed(candidate),
    )
    if (name === undefined) return this.#undeclared(expression.offset, typeName)
    expression.typeName = name
    let type = this.#scope.typeNamed(name)!
    if (type.kind !== 'struct') {
      this.#report(expression.offset, `'${formatType(type)}' is not a message type`)
      type = errorType
    }
    for (const { name: field, value, optional, offset } of fields) {
      const valueType = this.#check(value)
      const given = optional ? this.#unwrapped(value, valueType) : valueType
      const declared = type.kind === 'struct' ? type.field(field) : errorType
      if (!declared) this.#report(offset, `undefined field '${field}'`)
      else if (!this.#assignable(declared, given)) {
        const types = `'${formatType(declared)}' but provided type is '${formatType(given)}'`
        this.#report(offset, `expected type of field '${field}' is ${types}`)
      }
    }
    return type
  }

  #comprehension(expression: ComprehensionExpression): CelType {
    const range = substitute(this.#substitutions, this.#check(expression.range))
    const accumulated = this.#check(expression.initial)
    const outer = this.#locals
    const withAccumulator = new Map(outer).set(expression.accumulator, accumulated)
    const [first, second] = this.#iterated(expression, range)
    const inner = new Map(withAccumulator)
    if (expression.variable2 === undefined) {
      inner.set(expression.variable, range.kind === 'list' ? second : first)
    } else {
      inner.set(expression.variable, first).set(expression.variable2, second)
    }
    this.#locals = inner
    this.#expectType(expression.condition, boolType)
    this.#expectType(expression.step, accumulated)
    this.#locals = withAccumulator
    const result = this.#check(expression.result)
    this.#locals = outer
    return substitute(this.#substitutions, result)
  }

  /** The types of an index or key, and of an item or value. */
  #iterated(expression: ComprehensionExpression, range: CelType): [CelType, CelType] {
    switch (range.kind) {
      case 'list':
        return [intType, range.element]
      case 'map':
        return [range.key, range.value]
      case 'dyn':
      case 'any':
      case 'error':
      case 'typeParameter':
        this.#assignable(dynType, range)
        return [dynType, dynType]
      default: {
        const type = `expression of type '${formatType(range)}'`
        const offset = expression.range.offset
        this.#report(offset, `${type} cannot be range of a comprehension (must be list, map, or dynamic)`)
        return [errorType, errorType]
      }
    }
  }

  #expectType(expression: Expression, expected: CelType): void {
    const type = this.#check(expression)
    if (!this.#assignable(expected, type)) this.#mismatch(expression.offset, expected, type)
  }
}

/** `a.b.c` of a chain of plain selections. */
export function qualifiedName(expression: Expression): string | undefined {
  if (expression.kind === 'ident') return expression.name
  if (expression.kind !== 'select' || expression.testOnly) return undefined
  const prefix = qualifiedName(expression.operand)
  return prefix === undefined ? undefined : `${prefix}.${expression.field}`
}

function unwrapOptional(type: CelType): CelType | undefined {
  return type.kind === 'opaque' && type.name === 'optional_type' ? type.parameters[0] : undefined
}

function parameterNames(types: readonly CelType[]): string[] {
  return types.flatMap((type) =>
    type.kind === 'typeParameter' ? [type.name] : parameterNames(typeParametersOf(type)),
  )
}
