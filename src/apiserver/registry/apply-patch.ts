import { DecodeError, jsonKind } from '../../api/decode-error.ts'
import { decode } from '../../api/decode.ts'
import { applyDefaults } from '../../api/apply-defaults.ts'
import { notRegistered, strictErrorMessage } from '../../api/decode-body.ts'
import { schemaOf } from '../../api/scheme.ts'
import { duplicateFields, parseExactJson } from '../../api/json-text.ts'
import { unknownInOrder } from '../../api/strict-errors.ts'
import { readYaml } from '../../api/yaml-text.ts'
import { invalid as invalidField, path } from '../../machinery/field-error.ts'
import { goQuote, goValue } from '../../machinery/go-format.ts'
import { goJson } from '../../machinery/go-json.ts'
import { exceedsDepth } from '../../machinery/json-depth.ts'
import type {
  GroupVersionKind,
  JsonValue,
  KubernetesObject,
  ManagedFieldsEntry,
  Writable,
} from '../../machinery/meta.ts'
import { applyJsonPatch, maxJsonPatchOperations, parseJsonPatch } from '../../machinery/patch/json-patch.ts'
import { applyMergePatch } from '../../machinery/patch/merge-patch.ts'
import { applyStrategicMergePatch } from '../../machinery/patch/strategic-merge-patch.ts'
import { badRequest, invalid } from '../../machinery/status-errors.ts'
import { metadataOf } from './object-meta.ts'
import { unknownConversion } from './read-object.ts'
import type { PatchBody, PatchOptions, PatchType, RequestScope } from './request.ts'
import type { ServedResource } from './served-resource.ts'

/** A patch as it was sent, read once for all tries. */
export interface ReadPatch {
  readonly type: PatchType
  readonly value: unknown
  /** `duplicate field "spec.x"`, when the text was looked at. */
  readonly strictErrors: readonly string[]
}

/** Parses the body of a PATCH; faults that upstream finds at this point are a BadRequest. */
export function readPatch(patch: PatchBody, { fieldValidation = 'Warn' }: PatchOptions): ReadPatch {
  const { type } = patch
  if ('value' in patch) return { type, value: patch.value, strictErrors: [] }
  const text = patch.bytes.toString()
  const isStrict = fieldValidation !== 'Ignore'
  try {
    if (type === 'apply') {
      const { value, duplicateKey } = readYaml(text)
      const duplicate = isStrict ? duplicateKey() : undefined
      return { type, value, strictErrors: duplicate === undefined ? [] : [duplicate] }
    }
    const value = parseExactJson(text)
    if (exceedsDepth(value)) throw new DecodeError('exceeded max depth')
    const duplicates = isStrict ? duplicateFields(text, { type: 'any' }) : []
    const prefix = type === 'json' ? 'json patch ' : ''
    if (isStrict && type === 'merge' && !isObject(value)) throw new DecodeError(notAMap(value))
    return {
      type,
      value,
      strictErrors: duplicates.map((at) => `${prefix}duplicate field ${goQuote(at)}`),
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    throw badRequest(`${malformedPrefix(type)}${error.message}`)
  }
}

/** The configuration that a server-side apply sends. */
export function appliedValue({ value }: ReadPatch): KubernetesObject {
  if (isObject(value) && value !== null) return value as KubernetesObject
  throw badRequest('error decoding YAML: the patch is not an object')
}

/** Refuses what an applied text says twice, or warns of it, as the request wishes. */
export function tellStrictErrors(
  { strictErrors }: ReadPatch,
  { fieldValidation }: PatchOptions,
  scope: Pick<RequestScope, 'warn'>,
): void {
  if (strictErrors.length > 0 && fieldValidation === 'Strict') {
    throw badRequest(`error strict decoding YAML: ${strictErrors.join(', ')}`)
  }
  for (const message of strictErrors) scope.warn(message)
}

function isObject(value: unknown): boolean {
  return value === null || (typeof value === 'object' && !Array.isArray(value))
}

function notAMap(value: unknown): string {
  return `json: cannot unmarshal ${jsonKind(value)} into Go value of type map[string]interface {}`
}

function malformedPrefix(type: PatchType): string {
  if (type === 'apply') return 'error decoding YAML: '
  return type === 'strategic' ? '' : 'error decoding patch: '
}

/** What a JSON, merge or strategic merge patch makes of an object as the client sees it: fresh, decoded, with defaults. */
export function applyPatch(
  served: Pick<ServedResource, 'schema'>,
  shown: KubernetesObject,
  patch: ReadPatch,
  options: PatchOptions,
  scope: Pick<RequestScope, 'warn'>,
): Writable<KubernetesObject> {
  const { fieldValidation = 'Warn' } = options
  const patched = patchedValue(served, shown as unknown as JsonValue, patch)
  const refuse = (detail: string) => {
    // What is too deep can be neither told nor read.
    const told = exceedsDepth(patched) ? '' : goJson(patched)
    const value = patch.type === 'strategic' ? goValue(patch.value) : told
    return invalid('', '', [invalidField(path('patch'), value, detail)])
  }
  const misfit = kindMisfit(patched, shown)
  if (misfit !== undefined) throw refuse(misfit)
  let object: Writable<KubernetesObject>
  const unknown: string[] = []
  try {
    object = decodePatched(patched as unknown as KubernetesObject, shown, (value) =>
      decode(value, served.schema, { onUnknownField: (field) => unknown.push(field) }),
    )
  } catch (error) {
    if (error instanceof DecodeError) throw refuse(error.message)
    throw error
  }
  const strictErrors = [
    ...patch.strictErrors,
    ...unknownInOrder(served.schema, unknown).map((field) => `unknown field ${goQuote(field)}`),
  ]
  if (fieldValidation === 'Strict' && strictErrors.length > 0) throw refuse(strictErrorMessage(strictErrors))
  if (fieldValidation !== 'Ignore') for (const message of strictErrors) scope.warn(message)
  applyDefaults(object, served.schema)
  return object
}

/** Decodes what a patch made of `shown`, but for managedFields that it has left alone: they are large, and were decoded. */
function decodePatched(
  patched: KubernetesObject,
  shown: KubernetesObject,
  decodeValue: (value: unknown) => unknown,
): Writable<KubernetesObject> {
  const managedFields = shown.metadata?.managedFields
  if (!managedFields || patched?.metadata?.managedFields !== managedFields) {
    return decodeValue(patched) as Writable<KubernetesObject>
  }
  const { managedFields: _, ...metadata } = patched.metadata
  const object = decodeValue({ ...patched, metadata }) as Writable<KubernetesObject>
  metadataOf(object).managedFields = managedFields as Writable<ManagedFieldsEntry>[]
  return object
}

/** A patch may leave kind and version out, but not make an object something else. */
function kindMisfit(patched: JsonValue, shown: KubernetesObject): string | undefined {
  const { kind, apiVersion } = (patched ?? {}) as { kind?: unknown; apiVersion?: unknown }
  const found = kindOf(kind || shown.kind, apiVersion || shown.apiVersion)
  const expected = kindOf(shown.kind, shown.apiVersion)
  if (found.kind === expected.kind && found.version === expected.version && found.group === expected.group) {
    return undefined
  }
  return schemaOf(found) ? unknownConversion(found, expected) : notRegistered(found)
}

function kindOf(kind: unknown, apiVersion: unknown): GroupVersionKind {
  const parts = String(apiVersion).split('/')
  return { group: parts.slice(0, -1).join('/'), version: parts.at(-1) ?? '', kind: String(kind) }
}

function patchedValue(
  { schema }: Pick<ServedResource, 'schema'>,
  shown: JsonValue,
  patch: ReadPatch,
): JsonValue {
  switch (patch.type) {
    case 'json':
      return applyJsonPatch(shown, parseJsonPatch(patch.value, maxJsonPatchOperations))
    case 'merge':
      return applyMergePatch(shown, patch.value as JsonValue)
    case 'strategic':
      return applyStrategicMergePatch(shown, patch.value as JsonValue, schema)
    case 'apply':
      throw new Error('server-side apply is the field manager’s')
  }
}
