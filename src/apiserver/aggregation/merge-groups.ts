import type { DiscoveredGroup, DiscoveredResource, DiscoveredVersion } from '../discovery/discovered.ts'
import { compareGroups, compareVersions } from '../discovery/group-order.ts'
import { localPriority } from './group-priorities.ts'
import type { RemoteApi } from './remote-apis.ts'

/** A remote API with what is known of it. */
export interface RemoteVersion {
  readonly api: RemoteApi
  readonly resources: readonly DiscoveredResource[]
  /** What is known may be out of date. */
  readonly isStale: boolean
}

/**
 * Local and remote APIs in one order: groups by the greatest priority that one of their versions gives them, versions by
 * theirs. Source: kube-aggregator/pkg/apis/apiregistration/v1/helper.
 */
export function mergeGroups(
  local: readonly DiscoveredGroup[],
  remote: readonly RemoteVersion[],
): readonly DiscoveredGroup[] {
  if (remote.length === 0) return local
  const groups = new Map<string, PrioritisedVersion[]>()
  const versionsOf = (group: string) => {
    const found = groups.get(group) ?? []
    groups.set(group, found)
    return found
  }
  for (const { name, versions } of local) {
    for (const version of versions) {
      const { group, version: priority } = localPriority(name, version.version)
      versionsOf(name).push({ version, group, priority })
    }
  }
  for (const { api, resources, isStale } of remote) {
    const versions = versionsOf(api.group).filter(({ version }) => version.version !== api.version)
    versions.push({
      version: { version: api.version, resources, ...(isStale && { isStale }) },
      group: api.spec.groupPriorityMinimum,
      priority: api.spec.versionPriority,
    })
    groups.set(api.group, versions)
  }
  return [...groups]
    .map(([name, versions]) => ({
      name,
      versions,
      priority: Math.max(...versions.map(({ group }) => group)),
    }))
    .sort((a, b) => b.priority - a.priority || compareGroups(a.name, b.name))
    .map(({ name, versions }) => ({
      name,
      versions: versions
        .toSorted((a, b) => b.priority - a.priority || compareVersions(a.version.version, b.version.version))
        .map(({ version }) => version),
    }))
}

interface PrioritisedVersion {
  readonly version: DiscoveredVersion
  readonly group: number
  readonly priority: number
}
