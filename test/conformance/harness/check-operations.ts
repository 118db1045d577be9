import assert from 'node:assert/strict'
import type { KubernetesObject, WatchEvent } from '../../../src/machinery/meta.ts'
import { apiVersionOf, type ObjectName, type Resource } from '../../../src/machinery/resource.ts'
import { isConflict, isNotFound } from '../../../src/machinery/status-errors.ts'
import type { Api } from './api.ts'
import type { Scope } from './shared-cluster.ts'
import { readEvents, untilList } from './until-object.ts'

export interface OperationsOptions<T extends KubernetesObject> {
  /** An object of this kind; metadata is added. */
  readonly object: T
  /** A merge patch of the object's status, for kinds with that subresource. */
  readonly status?: object
  /** Writes of the status leave annotations as they are. */
  readonly statusKeepsMetadata?: boolean
}

/**
 * Every call that clients make on one kind: discovery, create, get, list in one and in all namespaces, watch, merge
 * patch, update, the status subresource where there is one, delete and delete of a collection; each with what it answers
 * and what the watch tells of it.
 */
export async function checkOperations<T extends KubernetesObject>(
  { client, api, namespace }: Scope,
  resource: Resource<T>,
  { object, status, statusKeepsMetadata = false }: OperationsOptions<T>,
): Promise<void> {
  await checkDiscovery(api, resource)
  const label = `operations=${namespace}`
  const home = resource.namespaced ? { namespace } : {}
  const create = (name: string) => {
    const labels = { ...object.metadata?.labels, operations: namespace }
    const metadata = { ...object.metadata, ...home, name: `${namespace}-${name}`, labels }
    return client.create(resource, { ...object, metadata })
  }
  const created = await create('a')
  const name = { ...home, name: created.metadata?.name ?? '' }
  assert.ok(created.metadata?.uid)
  await create('b')
  await create('c')

  assert.equal((await client.get(resource, name)).metadata?.uid, created.metadata.uid)
  const listed = await client.list(resource, { ...home, labelSelector: label })
  assert.equal(listed.items.length, 3)
  assert.equal((await client.list(resource, { labelSelector: label })).items.length, 3)

  const resourceVersion = listed.metadata?.resourceVersion ?? ''
  const events = readEvents(client, resource, { ...home, labelSelector: label, resourceVersion })
  const isOurs = ({ object: { metadata } }: WatchEvent<T>) => metadata?.name === name.name
  try {
    const body = { metadata: { annotations: { patched: 'true' } } }
    const patched = await client.patch(resource, name, { type: 'merge', body })
    assert.equal(patched.metadata?.annotations?.['patched'], 'true')
    const updated = await annotate(client, resource, name, { updated: 'true' })
    assert.equal(updated.metadata?.annotations?.['updated'], 'true')
    for (const key of ['patched', 'updated']) {
      await events.find('MODIFIED', ({ metadata }) => metadata?.annotations?.[key] === 'true')
    }

    const scope = { client, api, namespace }
    if (status) await checkStatus(scope, resource, name.name, { status, statusKeepsMetadata })

    await client.delete(resource, name)
    let event = await events.next()
    while (event.type !== 'DELETED' || !isOurs(event)) event = await events.next()
    await assert.rejects(client.get(resource, name), isNotFound)
  } finally {
    events.close()
  }
  assert.equal((await client.list(resource, { ...home, labelSelector: label })).items.length, 2)
  await client.deleteCollection(resource, { ...home, labelSelector: label })
  await untilList(client, resource, { ...home, labelSelector: label }, (items) => items.length === 0)
}

/** The kind is found the way clients look for it: groups, then versions of the group, then resources of the version. */
export async function checkDiscovery(api: Api, resource: Resource): Promise<void> {
  const { group, version, resource: plural } = resource
  const groupVersion = apiVersionOf(resource)
  if (group) {
    const groups = (await api('GET', '/apis')).json.groups as { name: string; versions: object[] }[]
    const found = groups.find(({ name }) => name === group)
    assert.ok(found, `${group} is in /apis`)
    assert.ok(found.versions.some((entry) => 'version' in entry && entry.version === version))
    const own = (await api('GET', `/apis/${group}`)).json
    assert.ok(own.versions.some((entry: object) => 'version' in entry && entry.version === version))
  }
  const list = (await api('GET', group ? `/apis/${groupVersion}` : `/api/${version}`)).json
  assert.equal(list.groupVersion, groupVersion)
  assert.ok(
    list.resources.some((entry: { name: string }) => entry.name === plural),
    `${plural} is listed`,
  )
}

/** Reads and updates until nobody else writes in between. */
async function annotate<T extends KubernetesObject>(
  client: Scope['client'],
  resource: Resource<T>,
  name: ObjectName,
  more: Readonly<Record<string, string>>,
): Promise<T> {
  const fresh = await client.get(resource, name)
  const annotations = { ...fresh.metadata?.annotations, ...more }
  try {
    return await client.update(resource, { ...fresh, metadata: { ...fresh.metadata, annotations } })
  } catch (error) {
    if (isConflict(error)) return annotate(client, resource, name, more)
    throw error
  }
}

/** Reads, patches and updates an object's status; its spec stays. */
async function checkStatus<T extends KubernetesObject>(
  { client, api, namespace }: Pick<Scope, 'client' | 'api' | 'namespace'>,
  resource: Resource<T>,
  name: string,
  { status, statusKeepsMetadata }: Required<Pick<OperationsOptions<T>, 'status' | 'statusKeepsMetadata'>>,
): Promise<void> {
  const written = statusKeepsMetadata ? undefined : 'true'
  const home = resource.namespaced ? { namespace } : {}
  const body = { metadata: { annotations: { 'patched-status': 'true' } }, status }
  const patched = await client.patch(
    resource,
    { ...home, name },
    { type: 'merge', body },
    { subresource: 'status' },
  )
  assert.equal(patched.metadata?.annotations?.['patched-status'], written)
  assert.partialDeepStrictEqual(patched, { status })

  const root = resource.group ? `/apis/${apiVersionOf(resource)}` : `/api/${resource.version}`
  const path = `${root}${resource.namespaced ? `/namespaces/${namespace}` : ''}/${resource.resource}/${name}`
  // What controllers think of the status comes in between: they may take it back, and make the update conflict.
  const update = async (): Promise<readonly [read: T, updated: T]> => {
    const read = (await api('GET', `${path}/status`)).json as T
    assert.ok('status' in read)
    const annotations = { ...read.metadata?.annotations, 'updated-status': 'true' }
    const changed = { ...read, metadata: { ...read.metadata, annotations } }
    try {
      return [read, await client.update(resource, changed, { subresource: 'status' })]
    } catch (error) {
      if (isConflict(error)) return update()
      throw error
    }
  }
  const [read, updated] = await update()
  assert.equal(updated.metadata?.annotations?.['updated-status'], written)
  assert.equal(updated.metadata?.generation, read.metadata?.generation)
}
