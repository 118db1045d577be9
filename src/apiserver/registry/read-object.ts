import { applyDefaults } from '../../api/apply-defaults.ts'
import {
  BodyError,
  bodyErrorMessage,
  decodeJsonBody,
  decodeProtobufBody,
  decodeYamlBody,
  strictErrorMessage,
  type BodyOptions,
  type DecodedBody,
} from '../../api/decode-body.ts'
import { decode } from '../../api/decode.ts'
import { DecodeError } from '../../api/decode-error.ts'
import { schemaOf } from '../../api/scheme.ts'
import type { GroupVersionKind, KubernetesObject, Writable } from '../../machinery/meta.ts'
import { apiVersionOf } from '../../machinery/resource.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { badRequest, unsupportedMediaType } from '../../machinery/status-errors.ts'
import { objectMediaTypes } from './media-types.ts'
import type { Body, RequestScope, WriteOptions } from './request.ts'

/** The kind and the schema that a body is expected to have. */
export interface Expected {
  readonly kind: GroupVersionKind
  readonly schema: ObjectSchema
  /** Versions of the same kind with the same fields that old clients still send. */
  readonly olderVersions?: readonly string[]
}

type Warn = Pick<RequestScope, 'warn'>

/** An object of the expected kind made of a request's body: fresh, in Go's order, with its constant defaults. */
export function readObject<T extends KubernetesObject = KubernetesObject>(
  expected: Expected,
  body: Body,
  options: WriteOptions,
  { warn }: Warn,
): Writable<T> {
  const object =
    body.type === 'object'
      ? readValue(expected, body.object)
      : readBytes(expected, body.mediaType, body.bytes, options, warn)
  applyDefaults(object, expected.schema)
  return object as Writable<T>
}

/** An object of a component in this process. */
function readValue({ kind, schema }: Expected, value: unknown): KubernetesObject {
  try {
    const object = decode(value, schema) as KubernetesObject
    return { ...object, kind: kind.kind, apiVersion: apiVersionOf(kind) }
  } catch (error) {
    if (error instanceof DecodeError) {
      throw badRequest(
        `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: ${error.message}`,
      )
    }
    throw error
  }
}

function readBytes(
  expected: Expected,
  mediaType: string,
  bytes: Buffer,
  { fieldValidation = 'Warn' }: WriteOptions,
  warn: (message: string) => void,
): KubernetesObject {
  const { kind: expectedKind } = expected
  const decoded = decodeBytes(expected, mediaType, bytes, fieldValidation !== 'Ignore')
  const isOlder = isOlderVersion(decoded.kind, expected)
  if (!isOlder) checkKind(decoded.kind, expectedKind)
  if (decoded.strictErrors.length > 0) {
    if (fieldValidation === 'Strict') {
      const error = new BodyError(strictErrorMessage(decoded.strictErrors), decoded.kind)
      throw badRequest(bodyErrorMessage(error, expectedKind.kind, bytes))
    }
    for (const message of decoded.strictErrors) warn(message)
  }
  return isOlder ? { ...decoded.object, apiVersion: apiVersionOf(expectedKind) } : decoded.object
}

function decodeBytes(expected: Expected, mediaType: string, bytes: Buffer, strict: boolean): DecodedBody {
  const options: BodyOptions = {
    defaultKind: expected.kind,
    strict,
    schemaOf: (kind) =>
      isSameKind(kind, expected.kind) || isOlderVersion(kind, expected) ? expected.schema : schemaOf(kind),
  }
  try {
    switch (mediaType) {
      case 'application/json':
        return decodeJsonBody(bytes, options)
      case 'application/yaml':
        return decodeYamlBody(bytes, options)
      case 'application/vnd.kubernetes.protobuf':
        return decodeProtobufBody(bytes, options)
      default:
        throw unsupportedMediaType(objectMediaTypes)
    }
  } catch (error) {
    if (error instanceof BodyError) throw badRequest(bodyErrorMessage(error, expected.kind.kind, bytes))
    throw error
  }
}

function checkKind(found: GroupVersionKind, expected: GroupVersionKind): void {
  if (found.kind !== expected.kind) {
    throw badRequest(
      `${found.kind} in version "${found.version}" cannot be handled as a ${expected.kind}: ` +
        unknownConversion(found, expected),
    )
  }
  if (found.group !== expected.group || found.version !== expected.version) {
    throw badRequest(
      `the API version in the data (${apiVersionOf(found)}) does not match the expected API version ` +
        `(${apiVersionOf(expected)})`,
    )
  }
}

function isSameKind(a: GroupVersionKind, b: GroupVersionKind): boolean {
  return a.kind === b.kind && a.version === b.version && a.group === b.group
}

function isOlderVersion(found: GroupVersionKind, { kind, olderVersions }: Expected): boolean {
  return (
    olderVersions !== undefined &&
    olderVersions.includes(found.version) &&
    found.group === kind.group &&
    found.kind === kind.kind
  )
}

/** What upstream says when one kind stands where another should. */
export function unknownConversion(found: GroupVersionKind, expected: GroupVersionKind): string {
  const wanted = `${goPackage(expected.group)}.${expected.kind}`
  return `converting (${found.version}.${found.kind}) to (${wanted}): unknown conversion`
}

/** Upstream's Go package of the unversioned types of a group. */
function goPackage(group: string): string {
  return group === '' ? 'core' : group.slice(0, Math.max(0, group.indexOf('.'))) || group
}
