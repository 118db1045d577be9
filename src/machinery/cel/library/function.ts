import type { MacroDeclaration } from '../syntax/macros.ts'
import * as types from '../types.ts'
import type { CelType } from '../types.ts'
import type { CelValue } from '../values/value.ts'

/** Functions, macros and types that an environment has from some version on. */
export interface Library {
  /** Kubernetes' minor version that brought it. */
  readonly since: number
  readonly functions: readonly FunctionOverload[]
  readonly macros?: readonly MacroDeclaration[]
  /** Types that expressions may name: `net.IP`. */
  readonly types?: readonly CelType[]
}

/** One signature of a function. Overloads with the same name make up the function. */
export interface FunctionOverload {
  readonly name: string
  /** cel-go's and upstream's identifiers, by which cost is told. */
  readonly id: string
  /** The first parameter is the receiver: `x.f()`. */
  readonly member: boolean
  readonly parameters: readonly CelType[]
  readonly result: CelType
  /** Arguments match the parameters. Throws a CelError. Absent where the interpreter has its own way. */
  readonly call?: FunctionBody
}

export type FunctionBody = (...args: never[]) => CelValue

/** `f(a, b)`; types are written as CEL writes them, with A, B, K, V, T for any one type. */
export function globalFunction(
  name: string,
  id: string,
  parameters: readonly string[],
  result: string,
  call?: FunctionBody,
): FunctionOverload {
  return {
    name,
    id,
    member: false,
    parameters: parameters.map(parseType),
    result: parseType(result),
    ...(call && { call }),
  }
}

/** `a.f(b)`. */
export function memberFunction(
  name: string,
  id: string,
  parameters: readonly string[],
  result: string,
  call?: FunctionBody,
): FunctionOverload {
  return { ...globalFunction(name, id, parameters, result, call), member: true }
}

const named: Readonly<Record<string, CelType>> = {
  dyn: types.dynType,
  null: types.nullType,
  bool: types.boolType,
  int: types.intType,
  uint: types.uintType,
  double: types.doubleType,
  string: types.stringType,
  bytes: types.bytesType,
  timestamp: types.timestampType,
  duration: types.durationType,
  type: types.typeType,
  'net.IP': types.opaqueType('net.IP'),
  'net.CIDR': types.opaqueType('net.CIDR'),
}

/** `map(string, list(A))`. Names that are no type of CEL's are structs. */
function parseType(text: string): CelType {
  const open = text.indexOf('(')
  if (open < 0) {
    if (/^[A-Z]$/.test(text)) return types.typeParameter(text)
    return named[text] ?? types.structType(text)
  }
  const parameters = splitParameters(text.slice(open + 1, -1)).map(parseType)
  const name = text.slice(0, open)
  switch (name) {
    case 'list':
      return types.listType(parameters[0]!)
    case 'map':
      return types.mapType(parameters[0]!, parameters[1]!)
    case 'type':
      return types.typeTypeOf(parameters[0]!)
    default:
      return types.opaqueType(name, ...parameters)
  }
}

function splitParameters(text: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++
    if (text[at] === ')') depth--
    if (text[at] === ',' && depth === 0) {
      parts.push(text.slice(start, at).trim())
      start = at + 1
    }
  }
  return [...parts, text.slice(start).trim()]
}
