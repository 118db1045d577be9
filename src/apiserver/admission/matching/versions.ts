import { applyDefaults } from '../../../api/apply-defaults.ts'
import { DecodeError } from '../../../api/decode-error.ts'
import { decode } from '../../../api/decode.ts'
import { schemaOf } from '../../../api/scheme.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { GroupVersionKind, KubernetesObject, Writable } from '../../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../../machinery/resource.ts'
import type { ObjectSchema } from '../../../machinery/schema.ts'
import type { ServedResource } from '../../registry/served-resource.ts'
import type { AdmissionRequest } from '../plugin.ts'

/** A version in which a request and its objects can be shown. */
export interface RequestVersion {
  readonly resource: Resource
  readonly kind: GroupVersionKind
  readonly served: ServedResource | undefined
}

/** The version that the request names. */
export function requestedVersion(request: AdmissionRequest): RequestVersion {
  const { served, resource, kind } = request
  const requested = served?.resource ?? resource
  return { resource: requested, kind: kind ?? kindOf(requested), served }
}

/** The other versions of the same objects. Bodies of another kind are the same under all of them. */
export function equivalentVersions(request: AdmissionRequest): readonly RequestVersion[] {
  const { served, kind } = request
  if (!served) return []
  return served.registry.versions
    .filter((version) => version !== served)
    .map((version) => ({
      resource: version.resource,
      kind: kind ?? kindOf(version.resource),
      served: version,
    }))
}

function kindOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind }
}

/** The object or the old object of a request as a version shows it; undefined when there is none. */
export function shownIn(
  version: RequestVersion,
  request: AdmissionRequest,
  which: 'object' | 'oldObject',
): KubernetesObject | undefined {
  const { operation, view, options, served } = request
  // What a connection is about are its options.
  if (operation === 'CONNECT') return which === 'object' ? options : undefined
  const object = request[which]
  if (!object) return undefined
  if (view) return view.show(object)
  if (request.kind) return { ...object, ...typeOf(request.kind) }
  const shown = version.served && (served ?? version.served).inVersion(object, version.served)
  return { ...(shown ?? object), ...typeOf(version.kind) }
}

function typeOf(kind: GroupVersionKind) {
  return { apiVersion: apiVersionOf(kind), kind: kind.kind }
}

/**
 * Reads what became of an object that was shown in a version: decoded, with defaults. Throws a DecodeError, in a strict
 * reading also for fields that a built-in kind does not know.
 */
export function readShown(
  version: RequestVersion,
  value: unknown,
  { strict = false }: { readonly strict?: boolean } = {},
): Writable<KubernetesObject> {
  const schema = schemaIn(version)
  if (!schema) return value as Writable<KubernetesObject>
  const unknown: string[] = []
  const isStrict = strict && !version.served?.isCustom
  const object = decode(value, schema, isStrict ? { onUnknownField: (path) => void unknown.push(path) } : {})
  if (unknown.length > 0) {
    const fields = unknown.map((path) => `unknown field ${goQuote(path)}`)
    throw new DecodeError(`strict decoding error: ${fields.join(', ')}`)
  }
  applyDefaults(object as Writable<KubernetesObject>, schema)
  return object as Writable<KubernetesObject>
}

/** The schema of what `shownIn` gives. */
export function schemaIn({ served, kind, resource }: RequestVersion): ObjectSchema | undefined {
  const isOfResource = kind.kind === resource.kind && kind.group === resource.group
  return isOfResource ? (served?.schema ?? schemaOf(kind)) : schemaOf(kind)
}

/** Makes the object of a request what `shown` says, in place. */
export function takeShown(
  version: RequestVersion,
  request: AdmissionRequest,
  shown: Writable<KubernetesObject>,
): void {
  const { object, view, kind, served } = request
  if (!object) return
  if (view) {
    view.take(object, shown)
    return
  }
  const stored = kind || !version.served ? shown : takenFrom(version.served, served, shown)
  if (served && !kind) Object.assign(stored, typeOf(request.resource))
  for (const key of Object.keys(object)) delete (object as Record<string, unknown>)[key]
  Object.assign(object, stored)
}

/** An object of one version in the working version of the request. */
function takenFrom(
  version: ServedResource,
  served: ServedResource | undefined,
  shown: Writable<KubernetesObject>,
): Writable<KubernetesObject> {
  const working = version.registry.complete(version, shown)
  if (!version.isCustom || !served || served === version) return working
  return version.inVersion(working, served) as Writable<KubernetesObject>
}
