import type { GroupVersionKind } from '../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../machinery/resource.ts'
import type { ObjectSchema } from '../machinery/schema.ts'
import { factName, hasStruct, isKind, openapiName, structNames, structSchema } from './fact-schemas.ts'
import { factPackages } from './generated/facts.ts'
import { allResources } from './generated/resources.ts'

/** What is built in: the schemas of all kinds and the resources that hold them. Nothing is built before it is asked for. */

/** Kinds of meta/v1 that belong to every group and version, also to those of custom resources. */
const kindsOfEveryGroup = new Set([
  'CreateOptions',
  'DeleteOptions',
  'GetOptions',
  'ListOptions',
  'PatchOptions',
  'UpdateOptions',
  'WatchEvent',
])
/** Kinds of meta/v1 that are served as `v1`, without a group. */
const kindsOfCore = new Set(['Status', 'APIVersions', 'APIGroup', 'APIGroupList', 'APIResourceList', 'List'])
/** Kinds of meta.k8s.io, in its versions v1 and v1beta1, which are the same. */
const kindsOfMeta = new Set(['Table', 'TableOptions', 'PartialObjectMetadata', 'PartialObjectMetadataList'])

/** The schema of a built-in kind; undefined for kinds that are not built in. */
export function schemaOf(kind: GroupVersionKind): ObjectSchema | undefined {
  const name = typeNameOf(kind)
  return name && isKind(name) ? structSchema(name) : undefined
}

function typeNameOf({ group, version, kind }: GroupVersionKind): string | undefined {
  const inMeta = `meta.v1.${kind}`
  if (group === 'meta.k8s.io')
    return kindsOfMeta.has(kind) && /^v1(beta1)?$/.test(version) ? inMeta : undefined
  const found = factPackages.find((candidate) => candidate.group === group && candidate.version === version)
  const own = found && `${found.short}.${kind}`
  if (own && hasStruct(own)) return own
  const inherited = kindsOfEveryGroup.has(kind) || (group === '' && version === 'v1' && kindsOfCore.has(kind))
  return inherited ? inMeta : undefined
}

/** The schema of any built-in type by its name in OpenAPI: `io.k8s.api.core.v1.PodSpec`. */
export function schemaOfType(openapi: string): ObjectSchema | undefined {
  const name = factName(openapi)
  return name === undefined ? undefined : structSchema(name)
}

/** The OpenAPI names of all built-in types. */
export function allTypeNames(): readonly string[] {
  return structNames().map(openapiName)
}

/** The group, version and kind of a built-in type, where it is an API object: `io.k8s.api.core.v1.Pod`. */
export function kindOfType(openapi: string): GroupVersionKind | undefined {
  const name = factName(openapi)
  if (!name || !isKind(name)) return undefined
  const kind = openapi.slice(openapi.lastIndexOf('.') + 1)
  if (name.startsWith('meta.v1.') && !kindsOfMeta.has(kind)) return { group: '', version: 'v1', kind }
  const found = factPackages.find((candidate) => name === `${candidate.short}.${kind}`)
  return found && { group: found.group, version: found.version, kind }
}

let byResource: ReadonlyMap<string, Resource> | undefined
let byKind: ReadonlyMap<string, Resource> | undefined

/** The built-in resource of this name, for example `apps`, `v1`, `deployments`. */
export function findResource(name: Pick<Resource, 'group' | 'version' | 'resource'>): Resource | undefined {
  byResource ??= new Map(
    allResources.map((resource) => [`${apiVersionOf(resource)}/${resource.resource}`, resource]),
  )
  return byResource.get(`${apiVersionOf(name)}/${name.resource}`)
}

/** The built-in resource that holds objects of this kind. */
export function findResourceOfKind(kind: GroupVersionKind): Resource | undefined {
  byKind ??= new Map(allResources.map((resource) => [`${apiVersionOf(resource)}/${resource.kind}`, resource]))
  return byKind.get(`${apiVersionOf(kind)}/${kind.kind}`)
}
