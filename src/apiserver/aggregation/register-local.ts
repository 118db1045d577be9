import { apiServices } from '../../api/generated/resources.ts'
import type { APIService } from '../../api/generated/apiregistration.v1.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { unlessThere } from '../bootstrap/namespaces.ts'
import type { Objects } from '../objects.ts'
import type { ResourceTable } from '../registry/resource-table.ts'
import { customPriority, localPriority } from './group-priorities.ts'

/** `onstart`: made when the server starts, and the user's to delete. `true`: comes and goes with what it stands for. */
const automanagedLabel = 'kube-aggregator.kubernetes.io/automanaged'

/**
 * Not in the list of APIs: the list itself, and what is served only until somebody brings a server for it, whose
 * APIService must not be there yet (Helm refuses to take over what it has not made).
 */
const unlistedGroups = ['apiregistration.k8s.io', 'metrics.k8s.io']

/**
 * Makes the APIServices of all that this server serves, and takes away those of custom resources that are gone.
 * Source: kube-aggregator/pkg/controllers/autoregister.
 */
export async function registerLocalApis(objects: Objects, table: ResourceTable): Promise<void> {
  const wanted = new Map(localApis(table).map((apiService) => [apiService.metadata!.name!, apiService]))
  const found = objects.list(apiServices)
  const present = new Map(found.map((apiService) => [apiService.metadata?.name ?? '', apiService]))
  const gone = found.filter(
    ({ metadata }) => metadata?.labels?.[automanagedLabel] === 'true' && !wanted.has(metadata.name ?? ''),
  )
  await Promise.all([
    ...Array.from(wanted, ([name, apiService]) => register(objects, apiService, present.get(name))),
    ...gone.map(({ metadata }) => objects.delete(apiServices, { name: metadata!.name! }).catch(unlessGone)),
  ])
}

function localApis(table: ResourceTable): readonly APIService[] {
  const versions = new Map<string, { readonly group: string; readonly version: string }>()
  for (const { resource } of table.all()) {
    const { group, version } = resource
    if (!unlistedGroups.includes(group)) versions.set(`${version}.${group}`, { group, version })
  }
  return Array.from(versions, ([name, { group, version }]) => {
    const priority = localPriority(group, version)
    return {
      metadata: { name, labels: { [automanagedLabel]: priority === customPriority ? 'true' : 'onstart' } },
      spec: {
        ...(group && { group }),
        version,
        groupPriorityMinimum: priority.group,
        versionPriority: priority.version,
      },
    }
  })
}

async function register(objects: Objects, wanted: APIService, found: APIService | undefined): Promise<void> {
  if (!found) {
    await objects.create(apiServices, wanted).catch(unlessThere)
    return
  }
  // Who put a server of their own in the place of this one means it.
  const isManaged = found.metadata?.labels?.[automanagedLabel] !== undefined
  if (!isManaged || isSame(found, wanted)) return
  await objects
    .change(apiServices, { name: wanted.metadata!.name! }, (apiService) => {
      Object.assign(apiService, { spec: wanted.spec })
    })
    .catch(unlessGone)
}

function isSame({ spec: found }: APIService, { spec: wanted }: APIService): boolean {
  return (
    !found?.service &&
    found?.groupPriorityMinimum === wanted?.groupPriorityMinimum &&
    found?.versionPriority === wanted?.versionPriority
  )
}

function unlessGone(error: unknown): void {
  if (!isNotFound(error)) throw error
}
