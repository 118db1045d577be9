import { goQuote } from '../machinery/go-format.ts'
import type { GroupVersionKind, KubernetesObject } from '../machinery/meta.ts'
import { apiVersionOf } from '../machinery/resource.ts'
import type { ObjectSchema } from '../machinery/schema.ts'
import { decodeAndCount, type DecodeOptions } from './decode.ts'
import { DecodeError, jsonKind, LongIntegerError } from './decode-error.ts'
import { countJsonKeys, duplicateFields, parseExactJson, parseJson } from './json-text.ts'
import { decodeMessage } from './protobuf/decode.ts'
import { openProtobuf } from './protobuf/envelope.ts'
import { hasProtobuf } from './protobuf/message-plan.ts'
import { strictErrorsOf } from './strict-errors.ts'
import { readYaml } from './yaml-text.ts'

/*
 * A request's body as an object of the kind that the body names, as upstream's serialisers do it. They throw a
 * BodyError; whoever handles the request puts it into words with `bodyErrorMessage`.
 */

export interface BodyOptions {
  /** What the body does not say about its kind is taken from here. */
  readonly defaultKind?: GroupVersionKind
  /** Collect unknown and duplicate fields (field validation Warn or Strict). */
  readonly strict?: boolean
  /** Schemas of the kinds that may come, for example scheme.ts's `schemaOf`. */
  schemaOf(kind: GroupVersionKind): ObjectSchema | undefined
}

export interface DecodedBody {
  readonly object: KubernetesObject
  readonly kind: GroupVersionKind
  /** `unknown field "spec.foo"`, `duplicate field "spec.bar"`; empty unless asked for. */
  readonly strictErrors: readonly string[]
}

/** A body that cannot be decoded; `kind` is set once it was clear what the body was meant to be. */
export class BodyError extends Error {
  readonly kind: GroupVersionKind | undefined

  constructor(message: string, kind?: GroupVersionKind) {
    super(message)
    this.name = 'BodyError'
    this.kind = kind
  }
}

/** What a 400 says when a body cannot be decoded where an object of `expectedKind` was asked for. */
export function bodyErrorMessage(error: BodyError, expectedKind: string, body: Uint8Array): string {
  if (error.kind?.kind) {
    const { kind, version } = error.kind
    return `${kind} in version ${goQuote(version)} cannot be handled as a ${expectedKind}: ${error.message}`
  }
  const summary = summaryOf(body)
  return `the object provided is unrecognized (must be of type ${expectedKind}): ${error.message} (${summary})`
}

/** What a 400 says when field validation is Strict and there are strict errors. */
export function strictErrorMessage(strictErrors: readonly string[]): string {
  return `strict decoding error: ${strictErrors.join(', ')}`
}

export function decodeJsonBody(body: Uint8Array, options: BodyOptions): DecodedBody {
  const text = textOf(body)
  const value = wrapped(undefined, () => parseJson(text), "couldn't get version/kind; json parse error: ")
  const duplicates: FindDuplicates = (schema, keyCount) => {
    if (keyCount === countJsonKeys(text)) return []
    return duplicateFields(text, schema).map((path) => `duplicate field ${goQuote(path)}`)
  }
  try {
    return decodeParsed(value, text, { ...options, ownsValue: true, refusesLongIntegers: true }, duplicates)
  } catch (error) {
    if (!(error instanceof LongIntegerError)) throw error
    return decodeParsed(parseExactJson(text), text, { ...options, ownsValue: true }, duplicates)
  }
}

export function decodeYamlBody(body: Uint8Array, options: BodyOptions): DecodedBody {
  const text = textOf(body)
  // Aliases make one value stand in several places, so none of it may become part of the object.
  const { value, duplicateKey } = wrapped(undefined, () => readYaml(text))
  return decodeParsed(value, text, { ...options, ownsValue: false }, () => {
    const duplicate = duplicateKey()
    return duplicate === undefined ? [] : [duplicate]
  })
}

/** Protobuf has no unknown fields to tell: what is not known is skipped. */
export function decodeProtobufBody(body: Uint8Array, options: BodyOptions): DecodedBody {
  const envelope = wrapped(undefined, () => openProtobuf(body))
  const kind = interpretKind(envelope, '<protobuf encoded body>', options.defaultKind)
  return wrapped(kind, () => {
    const schema = options.schemaOf(kind)
    if (!schema) throw new DecodeError(notRegistered(kind))
    if (!hasProtobuf(schema)) throw new DecodeError(`${kind.kind} has no protobuf form`)
    const object = {
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      ...decodeMessage(envelope.message, schema),
    }
    return { object, kind, strictErrors: [] }
  })
}

type FindDuplicates = (schema: ObjectSchema, keyCount: number) => readonly string[]

function decodeParsed(
  value: unknown,
  text: string,
  options: BodyOptions & Pick<DecodeOptions, 'ownsValue' | 'refusesLongIntegers'>,
  duplicates: FindDuplicates,
): DecodedBody {
  const { ownsValue = false, refusesLongIntegers = false } = options
  const kind = interpretKind(value, text, options.defaultKind)
  return wrapped(kind, () => {
    const schema = options.schemaOf(kind)
    if (!schema) throw new DecodeError(notRegistered(kind))
    if (!options.strict) {
      const { object } = decodeAndCount(value, schema, { ownsValue, refusesLongIntegers })
      return { object: withKind(object, kind), kind, strictErrors: [] }
    }
    const unknown: string[] = []
    const { object, keyCount } = decodeAndCount(value, schema, {
      ownsValue,
      refusesLongIntegers,
      onUnknownField: (path) => unknown.push(path),
    })
    const strictErrors = strictErrorsOf(schema, unknown, duplicates(schema, keyCount))
    return { object: withKind(object, kind), kind, strictErrors }
  })
}

/** The kind that a parsed body names, completed from the default. */
function interpretKind(
  value: unknown,
  text: string,
  byDefault: GroupVersionKind | undefined,
): GroupVersionKind {
  const { apiVersion, kind } = typeMetaOf(value)
  const slashes = apiVersion.split('/').length - 1
  if (slashes > 1) throw new BodyError(`unexpected GroupVersion string: ${apiVersion}`)
  const [group, version] = slashes === 1 ? (apiVersion.split('/') as [string, string]) : ['', apiVersion]
  const named = completed({ group, version, kind }, byDefault)
  if (named.kind === '') throw new BodyError(`Object 'Kind' is missing in '${text}'`, named)
  if (named.version === '') throw new BodyError(`Object 'apiVersion' is missing in '${text}'`, named)
  return named
}

function typeMetaOf(value: unknown): { readonly apiVersion: string; readonly kind: string } {
  if (value === null || value === undefined) return { apiVersion: '', kind: '' }
  if (typeof value !== 'object' || Array.isArray(value)) throw notInterpreted(value, interpretedType)
  const { apiVersion = '', kind = '' } = value as { apiVersion?: unknown; kind?: unknown }
  for (const [field, item] of Object.entries({ apiVersion, kind })) {
    if (typeof item !== 'string' && item !== null) {
      throw notInterpreted(item, 'string', `Go struct field .${field}`)
    }
  }
  return { apiVersion: (apiVersion as string | null) ?? '', kind: (kind as string | null) ?? '' }
}

const interpretedType = String.raw`struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }`

function notInterpreted(value: unknown, type: string, target = 'Go value'): BodyError {
  return new BodyError(
    `couldn't get version/kind; json parse error: json: cannot unmarshal ${jsonKind(value)} into ${target} of type ${type}`,
  )
}

function completed(kind: GroupVersionKind, byDefault: GroupVersionKind | undefined): GroupVersionKind {
  if (!byDefault) return kind
  const completedKind = kind.kind || byDefault.kind
  if (kind.version === '' && (kind.group === '' || kind.group === byDefault.group)) {
    return { group: byDefault.group, version: byDefault.version, kind: completedKind }
  }
  return { ...kind, kind: completedKind }
}

export function notRegistered(kind: GroupVersionKind): string {
  return (
    `no kind ${goQuote(kind.kind)} is registered for version ${goQuote(apiVersionOf(kind))} ` +
    'in scheme "pkg/api/legacyscheme/scheme.go:30"'
  )
}

function withKind(decoded: unknown, kind: GroupVersionKind): KubernetesObject {
  const object = decoded as KubernetesObject
  const { kind: ownKind, apiVersion } = object
  if (ownKind && apiVersion) return object
  return { ...object, kind: kind.kind, apiVersion: apiVersionOf(kind) }
}

function wrapped<T>(kind: GroupVersionKind | undefined, action: () => T, prefix = ''): T {
  try {
    return action()
  } catch (error) {
    if (error instanceof LongIntegerError) throw error
    if (error instanceof DecodeError) throw new BodyError(`${prefix}${error.message}`, kind)
    throw error
  }
}

function textOf(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
}

function summaryOf(body: Uint8Array): string {
  const maxLength = 30
  if (body.length === 0) return '<empty>'
  const head = Buffer.from(body.subarray(0, maxLength))
  const shown = body[0] === 0x7b ? head.toString('utf8') : head.toString('hex')
  return body.length > maxLength ? `${shown} ...` : shown
}
