import { tests } from '@bufbuild/cel-spec/testdata/conformance.js'
import type { JsonValue } from '../../meta.ts'
import { CelBudget } from '../budget.ts'
import { dynDeclaration, type CelDeclaration } from '../declaration.ts'
import { bindLibrary, createLanguage, Environment, type Language } from '../environment.ts'
import type { Library } from '../library/function.ts'
import { kubernetesLibraries } from '../library/libraries.ts'
import { standardType } from '../standard-types.ts'
import * as types from '../types.ts'
import type { CelType } from '../types.ts'
import { bytesOf } from '../values/scalars.ts'
import { durationOf, timestampOf } from '../values/time-text.ts'
import { equalValues } from '../values/equality.ts'
import { typeOfValue } from '../values/kind.ts'
import { ArrayList } from '../values/list.ts'
import { EntriesMap } from '../values/map.ts'
import { CelTypeValue } from '../values/type-value.ts'
import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'
import { wrapDynamic } from '../values/dynamic.ts'

/** Runs the tests of cel-spec, which are JSON of cel.expr.conformance.test.SimpleTest. */
export interface ConformanceTest {
  /** `strings/contains/multiple`: file, section and test. */
  readonly name: string
  readonly test: Json
}

type Json = Readonly<Record<string, JsonValue>>

interface Suite {
  readonly name: string
  readonly suites?: readonly Suite[]
  readonly tests?: readonly { readonly original: unknown }[]
}

export function conformanceTests(): ConformanceTest[] {
  return (tests as Suite).suites!.flatMap((suite) => testsOf(suite, ''))
}

function testsOf(suite: Suite, prefix: string): ConformanceTest[] {
  const path = `${prefix}${suite.name}/`
  const own = (suite.tests ?? []).map(({ original }) => {
    const test = original as Json
    return { name: `${path}${String(test['name'] ?? test['expr'])}`, test }
  })
  return [...own, ...(suite.suites ?? []).flatMap((inner) => testsOf(inner, path))]
}

/** Why a test is not for Kubernetes' environment; undefined for those that are. */
export function outOfScope({ name, test }: ConformanceTest): string | undefined {
  const text = JSON.stringify(test)
  if (/^(?:math_ext|encoders_ext|network_ext|block_ext)\//.test(name)) {
    return 'a library that Kubernetes has not'
  }
  if (/^(?:proto[23](?:_ext)?|enums|wrappers|dynamic\/value_null)\//.test(name)) return 'protobuf messages'
  if (/google\.protobuf\.(?!Timestamp|Duration)|TestAllTypes|proto[23]\b|cel\.expr\.conformance/.test(text)) {
    return 'protobuf messages'
  }
  return undefined
}

/** Undefined when the test passes, else what is wrong. */
export function runConformanceTest({ test }: ConformanceTest): string | undefined {
  try {
    return run(test)
  } catch (error) {
    return `threw ${String(error)}`
  }
}

function run(test: Json): string | undefined {
  const variables = new Map<string, CelDeclaration>()
  for (const declaration of (test['typeEnv'] ?? []) as readonly Json[]) {
    const ident = declaration['ident'] as Json | undefined
    if (ident) variables.set(String(declaration['name']), declared(typeOf(ident['type'] as Json)))
  }
  const environment = new Environment(languageFor(test), variables)
  const compilation = environment.compile(String(test['expr']))
  const expectsError = test['evalError'] !== undefined || test['anyEvalErrors'] !== undefined
  if (!compilation.ok) return expectsError ? undefined : `does not compile: ${compilation.text}`
  const expectedType = (test['typedResult'] as Json | undefined)?.['deducedType'] as Json | undefined
  if (expectedType) {
    const expected = types.formatType(typeOf(expectedType))
    const found = types.formatType(compilation.program.outputType)
    if (expected !== found) return `has type ${found}, not ${expected}`
  }
  if (test['checkOnly']) return undefined
  const bindings = Object.entries((test['bindings'] ?? {}) as Readonly<Record<string, Json>>)
  const values = Object.fromEntries(
    bindings.map(([name, binding]) => [name, valueOf(binding['value'] as Json)]),
  )
  const outcome = compilation.program.evaluate(values, new CelBudget())
  if ('error' in outcome) return expectsError ? undefined : `fails: ${outcome.error.message}`
  if (expectsError) return 'does not fail'
  const result = (test['typedResult'] as Json | undefined)?.['result'] ?? test['value'] ?? { boolValue: true }
  const expected = valueOf(result as Json)
  return isSame(outcome.value, expected) ? undefined : `yields ${show(outcome.value)}, not ${show(expected)}`
}

function isSame(found: CelValue, expected: CelValue): boolean {
  if (typeof found === 'number' && Number.isNaN(found))
    return typeof expected === 'number' && Number.isNaN(expected)
  const sameKind = types.runtimeTypeName(typeOfValue(found)) === types.runtimeTypeName(typeOfValue(expected))
  return sameKind && equalValues(found, expected)
}

function show(value: CelValue): string {
  return `${types.runtimeTypeName(typeOfValue(value))} ${String(value)}`
}

function declared(type: CelType): CelDeclaration {
  return { ...dynDeclaration, type, wrap: (value) => wrapDynamic(value) }
}

/** Functions that the test declares and does not call. */
function declaredFunctions(test: Json): Library {
  const functions = ((test['typeEnv'] ?? []) as readonly Json[]).flatMap((declaration) => {
    const { overloads = [] } = (declaration['function'] ?? {}) as { overloads?: readonly Json[] }
    return overloads.map((overload) => ({
      name: String(declaration['name']),
      id: String(overload['overloadId']),
      member: Boolean(overload['isInstanceFunction']),
      parameters: ((overload['params'] ?? []) as readonly Json[]).map(typeOf),
      result: typeOf(overload['resultType'] as Json),
    }))
  })
  return { since: 0, functions }
}

const libraries: readonly Library[] = [...kubernetesLibraries, bindLibrary]

/** The tests' environment: Kubernetes', and `cel.bind`. */
function languageFor(test: Json): Language {
  const known = [...libraries, declaredFunctions(test)]
  return createLanguage(
    test['disableMacros'] ? known.map((library) => ({ ...library, macros: [] })) : known,
    {
      container: String(test['container'] ?? ''),
      validatesLiterals: false,
      strict: !test['disableCheck'],
    },
  )
}

const primitives: Readonly<Record<string, CelType>> = {
  BOOL: types.boolType,
  INT64: types.intType,
  UINT64: types.uintType,
  DOUBLE: types.doubleType,
  STRING: types.stringType,
  BYTES: types.bytesType,
}

function typeOf(json: Json): CelType {
  const [kind, detail] = Object.entries(json)[0] ?? ['dyn', {}]
  const inner = detail as Json
  switch (kind) {
    case 'primitive':
      return primitives[String(detail)]!
    case 'wrapper':
      return types.wrapperType(primitives[String(detail)]!)
    case 'null':
      return types.nullType
    case 'wellKnown':
      return { TIMESTAMP: types.timestampType, DURATION: types.durationType, ANY: types.anyType }[
        String(detail)
      ]!
    case 'listType':
      return types.listType(typeOf((inner['elemType'] ?? {}) as Json))
    case 'mapType':
      return types.mapType(
        typeOf((inner['keyType'] ?? {}) as Json),
        typeOf((inner['valueType'] ?? {}) as Json),
      )
    case 'type':
      return Object.keys(inner).length === 0 ? types.typeType : types.typeTypeOf(typeOf(inner))
    case 'abstractType':
      return types.opaqueType(
        String(inner['name']),
        ...((inner['parameterTypes'] ?? []) as readonly Json[]).map(typeOf),
      )
    case 'messageType':
      return standardType(String(detail)) ?? types.structType(String(detail))
    case 'typeParam':
      return types.typeParameter(String(detail))
    default:
      return types.dynType
  }
}

function valueOf(json: Json): CelValue {
  const [kind, detail] = Object.entries(json)[0]!
  switch (kind) {
    case 'int64Value':
      return BigInt(String(detail))
    case 'uint64Value':
      return new CelUint(BigInt(String(detail)))
    case 'doubleValue':
      return Number(detail)
    case 'bytesValue':
      return bytesOf(detail)!
    case 'listValue':
      return new ArrayList((((detail as Json)['values'] ?? []) as readonly Json[]).map(valueOf))
    case 'mapValue': {
      const entries = ((detail as Json)['entries'] ?? []) as readonly Json[]
      return new EntriesMap(
        entries.map((entry) => [valueOf(entry['key'] as Json), valueOf(entry['value'] as Json)]),
      )
    }
    case 'typeValue':
      return typeNamed(String(detail))
    case 'objectValue':
      return wellKnown(detail as Json)
    default:
      return detail as CelValue
  }
}

function typeNamed(name: string): CelTypeValue {
  return new CelTypeValue(types.structType(name))
}

function wellKnown(json: Json): CelValue {
  const value = json['value']
  const name = String(json['@type']).split('/').at(-1)
  if (name === 'google.protobuf.Timestamp') return timestampOf(value)!
  if (name === 'google.protobuf.Duration') return durationOf(value)!
  if (name === 'google.protobuf.Int64Value') return BigInt(String(value))
  throw new Error(`no such message: ${name}`)
}
