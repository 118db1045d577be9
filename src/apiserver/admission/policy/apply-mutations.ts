import {
  admissionEnvironment,
  compilationFault,
  compileExpression,
  composeVariables,
  expressionTypes,
  type CompiledVariable,
} from '../../../api/admissionregistration/expressions.ts'
import { DecodeError } from '../../../api/decode-error.ts'
import type {
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicySpec,
  Mutation,
} from '../../../api/generated/admissionregistration.v1.ts'
import { assertTyped } from '../../../machinery/apply/validate-typed.ts'
import { mergeTyped } from '../../../machinery/apply/merge.ts'
import { TypedValueError } from '../../../machinery/apply/typed.ts'
import { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelCompilation } from '../../../machinery/cel/cel.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import type { JsonValue, KubernetesObject } from '../../../machinery/meta.ts'
import { applyJsonPatch, parseJsonPatch } from '../../../machinery/patch/json-patch.ts'
import { PatchError } from '../../../machinery/patch/patch-error.ts'
import { internalError } from '../../../machinery/status-errors.ts'
import { admissionVariables, type ExpressionInput } from '../expressions/admission-variables.ts'
import { evaluationFault } from '../expressions/evaluation-fault.ts'
import { withVariables } from '../expressions/policy-variables.ts'
import { readShown, schemaIn, shownIn, takeShown } from '../matching/versions.ts'
import { atomicPaths, jsonOf, mistypedObject } from './mutation-values.ts'

interface CompiledMutations {
  readonly variables: readonly CompiledVariable[]
  readonly mutations: readonly { readonly mutation: Mutation; readonly compilation: CelCompilation }[]
}

export interface MutationResult {
  readonly isChanged: boolean
  /** One per mutation, with why it was not made. */
  readonly mutations: readonly { readonly fault?: string; readonly seconds: number }[]
}

const compiledPolicies = new WeakMap<MutatingAdmissionPolicySpec, CompiledMutations>()

/** A mutation that cannot be made. */
class MutationError extends Error {}

/**
 * Makes the mutations of a policy, each of what the one before made. Throws a StatusError where a patch makes what is no
 * object of the kind, whatever the policy says of failures.
 */
export async function applyMutations(
  { spec = {} }: MutatingAdmissionPolicy,
  input: ExpressionInput,
  clock: Clock,
): Promise<MutationResult> {
  const { request, version } = input
  const compiled = compile(spec)
  const before = shownIn(version, request, 'object')
  if (!before || request.operation === 'CONNECT') return { isChanged: false, mutations: [] }
  const mutations: { fault?: string; seconds: number }[] = []
  for (const { mutation, compilation } of compiled.mutations) {
    const startedMs = clock.monotonic()
    const fault = await applyMutation(mutation, compilation, compiled.variables, input)
    const seconds = (clock.monotonic() - startedMs) / 1000
    mutations.push({ seconds, ...(fault !== undefined && { fault }) })
  }
  return { isChanged: !jsonEqual(before, shownIn(version, request, 'object')), mutations }
}

/** Answers why the mutation was not made. */
async function applyMutation(
  mutation: Mutation,
  compilation: CelCompilation,
  variables: readonly CompiledVariable[],
  input: ExpressionInput,
): Promise<string | undefined> {
  const { request, version } = input
  const isPatch = mutation.patchType === 'JSONPatch'
  const shown = shownIn(version, request, 'object')!
  try {
    const mutated = await mutate(mutation, compilation, variables, shown, input)
    if (!jsonEqual(mutated, shown)) {
      takeShown(version, request, readShown(version, mutated, { strict: isPatch }))
    }
    return undefined
  } catch (error) {
    if (error instanceof DecodeError && isPatch) throw internalError(error)
    if (error instanceof MutationError || error instanceof DecodeError) return error.message
    throw error
  }
}

function compile(spec: MutatingAdmissionPolicySpec): CompiledMutations {
  let compiled = compiledPolicies.get(spec)
  if (!compiled) {
    const params = spec.paramKind !== undefined
    const base = admissionEnvironment({ params, authorizer: true })
    const mutating = admissionEnvironment({ params, authorizer: true }, { mutation: true })
    const { environment, variables } = composeVariables(base, spec.variables ?? [], mutating)
    compiled = {
      variables,
      mutations: (spec.mutations ?? []).map((mutation) => {
        const isPatch = mutation.patchType === 'JSONPatch'
        const expression = (isPatch ? mutation.jsonPatch : mutation.applyConfiguration)?.expression ?? ''
        const types = isPatch ? expressionTypes.jsonPatch : expressionTypes.applyConfiguration
        return { mutation, compilation: compileExpression(environment, expression, types) }
      }),
    }
    compiledPolicies.set(spec, compiled)
  }
  return compiled
}

async function mutate(
  { patchType }: Mutation,
  compilation: CelCompilation,
  compiled: readonly CompiledVariable[],
  shown: KubernetesObject,
  input: ExpressionInput,
): Promise<JsonValue> {
  if (!compilation.ok) throw new MutationError(compilationFault(compilation))
  const budget = new CelBudget()
  const variables = withVariables(admissionVariables(input), compiled, budget)
  const outcome = await compilation.program.evaluateAsync(variables, budget)
  if ('error' in outcome)
    throw new MutationError(evaluationFault(compilation.program.expression, outcome.error))
  const mistyped = mistypedObject(outcome.value)
  if (mistyped !== undefined) throw new MutationError(`type mismatch: ${mistyped}`)
  const value = jsonOf(outcome.value)
  const live = shown as unknown as JsonValue
  return patchType === 'JSONPatch' ? patched(live, value) : applied(live, shown, value, input)
}

function patched(live: JsonValue, patch: JsonValue): JsonValue {
  try {
    return applyJsonPatch(live, parseJsonPatch(patch))
  } catch (error) {
    if (!(error instanceof PatchError)) throw error
    // A test that does not hold means that there is nothing to do.
    if (/^testing (?:path|value)\b/.test(error.detail) || error.detail.includes('test failed')) return live
    throw new MutationError(`JSON Patch: ${error.detail}`)
  }
}

/** Source: .../plugin/policy/mutating/patch/smd.go. */
function applied(
  live: JsonValue,
  { apiVersion = '', kind = '' }: KubernetesObject,
  value: JsonValue,
  { version }: ExpressionInput,
): JsonValue {
  const schema = schemaIn(version)
  if (!schema) throw new MutationError(`error applying patch: the schema of ${kind} is not known`)
  const patch = { ...(value as { readonly [key: string]: JsonValue }), apiVersion, kind }
  try {
    assertTyped(patch, schema)
    const atomics = atomicPaths(patch, schema)
    if (atomics.length > 0) {
      const detail = `may not mutate atomic arrays, maps or structs: ${atomics.join(', ')}`
      throw new MutationError(`error applying patch: invalid ApplyConfiguration: ${detail}`)
    }
    return mergeTyped(live, patch, schema)
  } catch (error) {
    if (!(error instanceof TypedValueError)) throw error
    throw new MutationError(
      `error applying patch: failed to convert patch object to typed object: ${error.message}`,
    )
  }
}
