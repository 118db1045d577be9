import type { APIGroupDiscovery, APIGroupDiscoveryList } from '../api/generated/apidiscovery.v2.ts'
import type { APIGroupList, APIResourceList, APIVersions } from '../api/generated/meta.v1.ts'
import type { Resource } from '../machinery/resource.ts'
import type { Client } from './client.ts'

/** What an API server serves, built in, custom and aggregated, as of one moment. */
export interface Discovery {
  /** Each resource once per version, in the server's order of preference. Subresources are left out. */
  readonly resources: readonly DiscoveredResource[]
  /** Groups and versions that could not be asked: what they serve is unknown, not nothing. */
  readonly failures: readonly DiscoveryFailure[]
}

export interface DiscoveredResource {
  readonly resource: Resource
  readonly verbs: readonly string[]
}

export interface DiscoveryFailure {
  /** `metrics.k8s.io/v1beta1`. */
  readonly groupVersion: string
  readonly message: string
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList, application/json'

/** Asks with two requests where the server aggregates its discovery documents, else with one per group and version. */
export async function discover(client: Client): Promise<Discovery> {
  const parts = await Promise.all(['/api', '/apis'].map((path) => discoverUnder(client, path)))
  return {
    resources: parts.flatMap(({ resources }) => resources),
    failures: parts.flatMap(({ failures }) => failures),
  }
}

/** Of each group's resource the version that the server prefers. */
export function preferred(resources: readonly DiscoveredResource[]): readonly DiscoveredResource[] {
  const seen = new Set<string>()
  return resources.filter(({ resource: { group, resource } }) => {
    const key = `${group}/${resource}`
    return !seen.has(key) && seen.add(key)
  })
}

async function discoverUnder(client: Client, path: string): Promise<Discovery> {
  const document: unknown = JSON.parse(await client.raw(path, { accept }))
  switch ((document as { readonly kind?: string }).kind) {
    case 'APIGroupDiscoveryList':
      return fromAggregated((document as APIGroupDiscoveryList).items)
    case 'APIVersions':
      return discoverEach(
        client,
        (document as APIVersions).versions.map((version) => ({
          path: `${path}/${version}`,
          group: '',
          version,
        })),
      )
    default:
      return discoverEach(client, versionsOf(document as APIGroupList, path))
  }
}

function fromAggregated(groups: readonly APIGroupDiscovery[]): Discovery {
  const resources: DiscoveredResource[] = []
  const failures: DiscoveryFailure[] = []
  for (const { metadata, versions = [] } of groups) {
    const group = metadata?.name ?? ''
    for (const { version, freshness, resources: served = [] } of versions) {
      if (freshness === 'Stale') failures.push(stale(joined(group, version)))
      for (const { resource, responseKind, scope, verbs } of served) {
        const kind = responseKind?.kind ?? ''
        resources.push({
          resource: { group, version, resource, kind, namespaced: scope === 'Namespaced' },
          verbs,
        })
      }
    }
  }
  return { resources, failures }
}

/** An aggregated server does not answer, or what it said is too old. */
function stale(groupVersion: string): DiscoveryFailure {
  return { groupVersion, message: `stale GroupVersion discovery: ${groupVersion}` }
}

interface VersionPath {
  readonly path: string
  readonly group: string
  readonly version: string
}

/** Each group's preferred version first. */
function versionsOf({ groups }: APIGroupList, path: string): readonly VersionPath[] {
  return groups.flatMap(({ name, versions, preferredVersion }) => {
    const all = versions.map(({ version }) => ({ path: `${path}/${name}/${version}`, group: name, version }))
    const isPreferred = ({ version }: VersionPath) => version === preferredVersion?.version
    return [...all.filter(isPreferred), ...all.filter((candidate) => !isPreferred(candidate))]
  })
}

async function discoverEach(client: Client, versions: readonly VersionPath[]): Promise<Discovery> {
  const answers = await Promise.allSettled(versions.map(({ path }) => client.raw(path)))
  const resources: DiscoveredResource[] = []
  const failures: DiscoveryFailure[] = []
  for (const [index, { group, version }] of versions.entries()) {
    const answer = answers[index]!
    if (answer.status === 'rejected') {
      failures.push({ groupVersion: joined(group, version), message: messageOf(answer.reason) })
      continue
    }
    const list = JSON.parse(answer.value) as APIResourceList
    for (const { name, kind, namespaced, verbs } of list.resources) {
      if (!name.includes('/'))
        resources.push({ resource: { group, version, resource: name, kind, namespaced }, verbs })
    }
  }
  return { resources, failures }
}

function joined(group: string, version: string): string {
  return group === '' ? version : `${group}/${version}`
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
