import { apiVersionOf } from '../../machinery/resource.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type {
  DiscoveredGroup,
  DiscoveredResource,
  DiscoveredSubresource,
  DiscoveredVersion,
} from './discovered.ts'

/** The classic forms of discovery: a document per group and version. Source: meta/v1. */

export function apiVersions(serverAddress: string): KubernetesObject {
  const versions = {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
  }
  return versions
}

export function apiGroupList(groups: readonly DiscoveredGroup[]): KubernetesObject {
  const list = {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.filter(({ name }) => name !== '').map(groupEntry),
  }
  return list
}

export function apiGroup(group: DiscoveredGroup): KubernetesObject {
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(group) }
}

function groupEntry({ name, versions }: DiscoveredGroup) {
  const entries = versions.map(({ version }) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: entries, preferredVersion: entries[0] }
}

export function apiResourceList({ name }: DiscoveredGroup, version: DiscoveredVersion): KubernetesObject {
  const list = {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf({ group: name, version: version.version }),
    resources: version.resources.flatMap((resource) => [
      resourceEntry(resource),
      ...resource.subresources.map((subresource) => subresourceEntry(resource, subresource)),
    ]),
  }
  return list
}

function resourceEntry(resource: DiscoveredResource) {
  return {
    name: resource.name,
    singularName: resource.singular,
    namespaced: resource.namespaced,
    kind: resource.kind.kind,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 && { shortNames: resource.shortNames }),
    ...(resource.categories.length > 0 && { categories: resource.categories }),
    ...(resource.storageVersionHash !== '' && { storageVersionHash: resource.storageVersionHash }),
  }
}

function subresourceEntry(resource: DiscoveredResource, { name, kind, verbs }: DiscoveredSubresource) {
  const isForeign = kind.group !== resource.kind.group || kind.version !== resource.kind.version
  return {
    name: `${resource.name}/${name}`,
    singularName: '',
    namespaced: resource.namespaced,
    ...(isForeign && { group: kind.group, version: kind.version }),
    kind: kind.kind,
    verbs,
  }
}

/** All in one document. Source: k8s.io/api/apidiscovery, v2 and v2beta1, which are the same. */
export function aggregatedDiscovery(groups: readonly DiscoveredGroup[], version: string): KubernetesObject {
  const list = {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map(({ name, versions }) => ({
      metadata: { ...(name !== '' && { name }) },
      versions: versions.map((entry) => ({
        version: entry.version,
        resources: entry.resources.map(aggregatedResource),
        freshness: entry.isStale ? 'Stale' : 'Current',
      })),
    })),
  }
  return list
}

function aggregatedResource(resource: DiscoveredResource) {
  return {
    resource: resource.name,
    responseKind: resource.kind,
    scope: resource.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: resource.singular,
    verbs: resource.verbs,
    ...(resource.shortNames.length > 0 && { shortNames: resource.shortNames }),
    ...(resource.categories.length > 0 && { categories: resource.categories }),
    ...(resource.subresources.length > 0 && {
      subresources: resource.subresources.map(({ name, kind, verbs }) => ({
        subresource: name,
        responseKind: kind,
        verbs,
      })),
    }),
  }
}
