import type { PublishedSchema } from '../definition.ts'
import type { GroupVersionKind, JsonValue } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'

/** What the documents are made of. Equal inputs give equal documents, byte for byte. */
export interface OpenApiInput {
  /** The server's version: `v1.36.4+k8ts`. */
  readonly version: string
  readonly resources: readonly OpenApiResource[]
  /** Texts for `kubectl explain`; without them there are fields and types alone. */
  readonly descriptions?: DescriptionSource
}

/** One resource in one version, as it is served. */
export interface OpenApiResource {
  readonly resource: Resource
  /** Of get, list, watch, create, update, patch, delete, deletecollection. */
  readonly verbs: readonly string[]
  readonly subresources?: readonly OpenApiSubresource[]
  /** Present for custom resources. */
  readonly custom?: CustomResourceSchema
}

export interface OpenApiSubresource {
  /** `status`, `exec`. */
  readonly name: string
  /** What its bodies, or its query parameters, are: `autoscaling/v1` Scale, `v1` PodExecOptions. */
  readonly kind: GroupVersionKind
  /** As above; those of connections (`exec`, `proxy`) are known by name. */
  readonly verbs: readonly string[]
}

export interface CustomResourceSchema {
  readonly schema?: PublishedSchema
  readonly listKind: string
  /** `spec.color`: what field selectors may name. */
  readonly selectableFields?: readonly string[]
}

/** Where the texts about built-in types come from. */
export interface DescriptionSource {
  /** Tells sources apart that hold different texts. */
  readonly id: string
  /** Texts about a type by its OpenAPI name; undefined where there are none. */
  describe(openapiName: string): TypeDescriptions | undefined
}

export interface TypeDescriptions {
  readonly type?: string
  /** By JSON name of the field. */
  readonly fields: ReadonlyMap<string, string>
}

export type JsonObject = { readonly [key: string]: JsonValue }

/** `api/v1`, `apis/apps/v1`: the path of a group and version, and the name of its document in OpenAPI v3. */
export function groupVersionPath({
  group,
  version,
}: {
  readonly group: string
  readonly version: string
}): string {
  return group === '' ? `api/${version}` : `apis/${group}/${version}`
}
