import type { GroupVersionKind } from '../../machinery/meta.ts'
import type { DiscoveredResource, DiscoveredSubresource } from '../discovery/discovered.ts'
import type { AvailabilityContext } from './availability.ts'
import type { RemoteApi } from './remote-apis.ts'
import { backendOf, fetchFrom, type Fetched } from './remote-server.ts'

const timeoutMs = 5000
const aggregated =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,' +
  'application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'

/** What a remote server says that it serves of an API. Throws when it says nothing that can be read. */
export async function discoverRemote(
  api: RemoteApi,
  { resolve, identity, agents, clock }: AvailabilityContext,
): Promise<readonly DiscoveredResource[]> {
  const backend = backendOf(api, resolve, identity)
  const all = await fetchFrom(backend, '/apis', { accept: aggregated, timeoutMs, clock, agents })
  if (all.status === 200 && all.contentType.includes('APIGroupDiscoveryList')) {
    const found = fromAggregated(parsed(all) as GroupDiscoveryList, api)
    if (found) return found
  }
  const path = `/apis/${api.group}/${api.version}`
  const classic = await fetchFrom(backend, path, { timeoutMs, clock, agents })
  if (classic.status !== 200) throw new Error(`bad status from ${path}: ${classic.status}`)
  return fromClassic(parsed(classic) as ResourceList, api)
}

function parsed({ body }: Fetched): unknown {
  return JSON.parse(body.toString())
}

interface GroupDiscoveryList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string }
    readonly versions?: readonly {
      readonly version: string
      readonly resources?: readonly ResourceDiscovery[]
    }[]
  }[]
}

interface ResourceDiscovery {
  readonly resource: string
  readonly responseKind?: Partial<GroupVersionKind>
  readonly scope?: string
  readonly singularResource?: string
  readonly verbs?: readonly string[]
  readonly shortNames?: readonly string[]
  readonly categories?: readonly string[]
  readonly subresources?: readonly {
    readonly subresource: string
    readonly responseKind?: Partial<GroupVersionKind>
    readonly verbs?: readonly string[]
  }[]
}

function fromAggregated(
  { items = [] }: GroupDiscoveryList,
  { group, version }: RemoteApi,
): readonly DiscoveredResource[] | undefined {
  const found = items
    .find(({ metadata }) => (metadata?.name ?? '') === group)
    ?.versions?.find((candidate) => candidate.version === version)
  return found?.resources?.map((resource) => ({
    name: resource.resource,
    singular: resource.singularResource ?? '',
    namespaced: resource.scope === 'Namespaced',
    kind: kindOf(resource.responseKind, group, version),
    verbs: resource.verbs ?? [],
    shortNames: resource.shortNames ?? [],
    categories: resource.categories ?? [],
    storageVersionHash: '',
    subresources: (resource.subresources ?? []).map(({ subresource, responseKind, verbs = [] }) => ({
      name: subresource,
      kind: kindOf(responseKind, group, version),
      verbs,
    })),
  }))
}

function kindOf(
  kind: Partial<GroupVersionKind> | undefined,
  group: string,
  version: string,
): GroupVersionKind {
  return { group: kind?.group ?? group, version: kind?.version ?? version, kind: kind?.kind ?? '' }
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string
    readonly singularName?: string
    readonly namespaced?: boolean
    readonly group?: string
    readonly version?: string
    readonly kind?: string
    readonly verbs?: readonly string[]
    readonly shortNames?: readonly string[]
    readonly categories?: readonly string[]
  }[]
}

function fromClassic(
  { resources = [] }: ResourceList,
  { group, version }: RemoteApi,
): readonly DiscoveredResource[] {
  const parts = new Map<string, DiscoveredSubresource[]>()
  for (const { name, verbs = [], ...kind } of resources) {
    const slash = name.indexOf('/')
    if (slash < 0) continue
    const parent = name.slice(0, slash)
    const list = parts.get(parent) ?? []
    list.push({ name: name.slice(slash + 1), kind: kindOf(kind, group, version), verbs })
    parts.set(parent, list)
  }
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map((resource) => ({
      name: resource.name,
      singular: resource.singularName ?? '',
      namespaced: resource.namespaced ?? false,
      kind: kindOf(resource, group, version),
      verbs: resource.verbs ?? [],
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      storageVersionHash: '',
      subresources: parts.get(resource.name) ?? [],
    }))
}
