import { createHash } from 'node:crypto'
import type { GroupVersionKind } from '../../machinery/meta.ts'
import { connectSubresources } from '../connect/connector.ts'
import { allVerbs } from '../registry/dispatch.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import { compareGroups, compareVersions } from './group-order.ts'

/** What there is to discover, before it is written in one of the forms. */
export interface DiscoveredGroup {
  readonly name: string
  /** The preferred one first. */
  readonly versions: readonly DiscoveredVersion[]
}

export interface DiscoveredVersion {
  readonly version: string
  readonly resources: readonly DiscoveredResource[]
  /** Served by another server that does not answer: what is told of it may be out of date. */
  readonly isStale?: boolean
}

export interface DiscoveredResource {
  readonly name: string
  readonly singular: string
  readonly namespaced: boolean
  readonly kind: GroupVersionKind
  readonly verbs: readonly string[]
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly storageVersionHash: string
  readonly subresources: readonly DiscoveredSubresource[]
}

export interface DiscoveredSubresource {
  readonly name: string
  readonly kind: GroupVersionKind
  readonly verbs: readonly string[]
}

/** All groups that can be asked for, here and behind this server. */
export interface ServedGroups {
  /** Changes when the groups do. */
  readonly generation: string
  groups(): readonly DiscoveredGroup[]
}

export function discover(table: ResourceTable): readonly DiscoveredGroup[] {
  const byGroup = Map.groupBy(table.all(), ({ resource }) => resource.group)
  const groups = [...byGroup.keys()].sort(compareGroups)
  return groups.map((name) => {
    const byVersion = Map.groupBy(byGroup.get(name)!, ({ resource }) => resource.version)
    const versions = [...byVersion.keys()].sort(compareVersions)
    return {
      name,
      versions: versions.map((version) => ({
        version,
        resources: byVersion
          .get(version)!
          .map((served) => discoveredResource(table, served))
          .sort((a, b) => (a.name < b.name ? -1 : 1)),
      })),
    }
  })
}

function discoveredResource(table: ResourceTable, served: ServedResource): DiscoveredResource {
  const { definition, resource } = served
  const stored = definition.resource
  const isStored = (definition.verbs ?? allVerbs).includes('get')
  return {
    name: resource.resource,
    singular: definition.singular,
    namespaced: resource.namespaced,
    kind: kindOf(resource),
    verbs: [...(definition.verbs ?? allVerbs)].sort(),
    shortNames: definition.shortNames ?? [],
    categories: definition.categories ?? [],
    storageVersionHash: isStored ? storageVersionHash(kindOf(stored)) : '',
    subresources: [...subresourcesOf(table, served), ...connections(resource.group, resource.resource)].sort(
      (a, b) => (a.name < b.name ? -1 : 1),
    ),
  }

  function subresourcesOf(
    table: ResourceTable,
    { resource }: ServedResource,
  ): readonly DiscoveredSubresource[] {
    return table.subresourcesOf(served).map((subresource) => ({
      name: subresource.name,
      kind: kindOf(subresource.kind(resource)),
      verbs: [...subresource.verbs].sort(),
    }))
  }
}

const connectionKinds: Readonly<Record<string, string>> = {
  'pods/log': 'Pod',
  'pods/exec': 'PodExecOptions',
  'pods/attach': 'PodAttachOptions',
  'pods/portforward': 'PodPortForwardOptions',
  'pods/proxy': 'PodProxyOptions',
  'services/proxy': 'ServiceProxyOptions',
  'nodes/proxy': 'NodeProxyOptions',
}

function connections(group: string, resource: string): readonly DiscoveredSubresource[] {
  if (group !== '') return []
  return Object.entries(connectSubresources)
    .filter(([path]) => path.startsWith(`${resource}/`))
    .map(([path, verbs]) => ({
      name: path.slice(resource.length + 1),
      kind: { group: '', version: 'v1', kind: connectionKinds[path]! },
      verbs,
    }))
}

function kindOf({ group, version, kind }: GroupVersionKind): GroupVersionKind {
  return { group, version, kind }
}

/** Source: k8s.io/apiserver/pkg/endpoints/discovery/storageversionhash.go. */
function storageVersionHash({ group, version, kind }: GroupVersionKind): string {
  return createHash('sha256').update(`${group}/${version}/${kind}`).digest().subarray(0, 8).toString('base64')
}
