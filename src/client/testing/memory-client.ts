import { deepFreeze } from '../../machinery/freeze.ts'
import { formatLabelSelector, fromLabelSelector } from '../../machinery/label-selector.ts'
import type {
  DeleteOptions,
  KubernetesObject,
  LabelSelector,
  ObjectList,
  ObjectMeta,
  Status,
  WatchEvent,
} from '../../machinery/meta.ts'
import {
  apiVersionOf,
  groupResource,
  keyOf,
  type ObjectName,
  type Resource,
} from '../../machinery/resource.ts'
import {
  alreadyExists,
  conflict,
  expired,
  invalid,
  methodNotSupported,
  notFound,
} from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { Clock } from '../../machinery/clock.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Client, ListOptions, Patch, WatchOptions } from '../client.ts'
import { applyMemoryPatch } from './memory-patch.ts'
import { matches } from './memory-selection.ts'

/** One call that changed something, or tried to. */
export interface MemoryCall {
  readonly verb: 'create' | 'update' | 'patch' | 'delete' | 'deletecollection'
  readonly resource: string
  readonly subresource?: string
  readonly name: string
}

/**
 * A Client over maps, for tests of what stands on a Client. It keeps the rules that controllers depend on:
 * resourceVersions and conflicts, uid and generation, status apart from the rest, finalizers and deletionTimestamp,
 * generateName, watches that resume and expire. There is no validation, defaulting, admission or authorisation: those are
 * tested against the API server itself.
 */
export interface MemoryClient extends Client {
  /** Every write so far, in order. */
  readonly calls: readonly MemoryCall[]
  /** Puts objects there as they are, as if they had been written by someone else. */
  seed<T extends KubernetesObject>(resource: Resource<T>, ...objects: readonly T[]): void
  /** Called before each write; what it throws is what the caller gets. */
  onWrite?: (call: MemoryCall) => void
  /** What the path answers; 404 for all others. */
  readonly served: Map<string, string>
  /** Ends all watches; with an error, by failing them. */
  dropWatches(error?: Error): void
  /** Forgets history: watches from earlier versions get 410. */
  compact(): void
  /**
   * Whether watches serve sendInitialEvents; else it is invalid, as on servers with WatchList turned off, or passed over,
   * as on those that do not know it. Default true.
   */
  streamsLists: boolean | 'unknown'
}

interface Stored {
  readonly resource: Resource
  readonly objects: Map<string, KubernetesObject>
}

interface HistoryEntry {
  readonly version: number
  readonly resource: string
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly object: KubernetesObject
  readonly previous?: KubernetesObject
}

/** Whatever has a `scale` subresource. */
type Scaled = KubernetesObject & {
  readonly spec?: { readonly replicas?: number; readonly selector?: LabelSelector }
  readonly status?: { readonly replicas?: number }
}

function scaleOf({ metadata = {}, spec, status }: Scaled): KubernetesObject {
  const { name = '', namespace = '', uid = '' } = metadata
  const selector = spec?.selector ? formatLabelSelector(fromLabelSelector(spec.selector)) : ''
  const scale = {
    metadata: { name, namespace, uid },
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, ...(selector && { selector }) },
  }
  return scale
}

const podGraceSeconds = 30

export function createMemoryClient(clock: Clock): MemoryClient {
  const stores = new Map<string, Stored>()
  const history: HistoryEntry[] = []
  const wakeUps = new Set<() => void>()
  const calls: MemoryCall[] = []
  let version = 0
  let names = 0
  let compacted = 0
  let drops = 0
  let dropError: Error | undefined

  function storeOf(resource: Resource): Stored {
    const key = groupResource(resource)
    let stored = stores.get(key)
    if (!stored) stores.set(key, (stored = { resource, objects: new Map() }))
    return stored
  }

  function commit<T extends KubernetesObject>(
    resource: Resource<T>,
    type: HistoryEntry['type'],
    object: T,
    previous?: T,
  ): T {
    version += 1
    const metadata = { ...object.metadata, resourceVersion: String(version) }
    const stored = deepFreeze({
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
      ...object,
      metadata,
    })
    const { objects } = storeOf(resource)
    if (type === 'DELETED') objects.delete(keyOf(stored))
    else objects.set(keyOf(stored), stored)
    history.push({
      version,
      resource: groupResource(resource),
      type,
      object: stored,
      ...(previous && { previous }),
    })
    for (const wake of wakeUps) wake()
    return stored
  }

  function find<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName): T {
    const found = storeOf(resource).objects.get(keyOf({ metadata: scoped(resource, name) }))
    if (!found) throw notFound(resource, name.name)
    return found as T
  }

  function note(verb: MemoryCall['verb'], resource: Resource, name: string, subresource = ''): void {
    const call = { verb, resource: groupResource(resource), name, ...(subresource && { subresource }) }
    calls.push(call)
    client.onWrite?.(call)
  }

  /** Stores `next` over `previous`, or removes it when nothing holds it any more. */
  function replace<T extends KubernetesObject>(resource: Resource<T>, previous: T, next: T): T {
    if (jsonEqual(previous, next)) return previous
    const isReleased = next.metadata?.deletionTimestamp && holders(resource, next).length === 0
    const isGraceful = (next.metadata?.deletionGracePeriodSeconds ?? 0) > 0
    if (isReleased && !isGraceful) return commit(resource, 'DELETED', next, previous)
    return commit(resource, 'MODIFIED', next, previous)
  }

  function merged<T extends KubernetesObject>(previous: T, next: T, subresource: string): T {
    const { metadata: was = {} } = previous
    const { metadata: wanted = {} } = next
    const isStatus = subresource === 'status'
    const status = (isStatus ? next : previous) as { readonly status?: unknown }
    const base = (isStatus ? previous : next) as T & { readonly spec?: unknown }
    const specChanged = !isStatus && !jsonEqual((previous as { spec?: unknown }).spec, base.spec)
    // With the status, what users and controllers say in the metadata is written too.
    const { labels, annotations, finalizers } = wanted
    const said = {
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
    }
    const metadata: ObjectMeta = {
      ...(isStatus ? { ...was, ...said } : wanted),
      ...kept(was),
      ...(specChanged && was.generation !== undefined && { generation: was.generation + 1 }),
    }
    const { status: _, ...rest } = base as T & { readonly status?: unknown }
    return {
      ...rest,
      metadata,
      ...(status.status !== undefined && { status: status.status }),
    } as unknown as T
  }

  function remove<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: DeleteOptions,
  ): T | Status {
    const { metadata = {} } = object
    const { uid, resourceVersion } = options.preconditions ?? {}
    if (uid !== undefined && uid !== metadata.uid)
      throw conflict(resource, metadata.name ?? '', 'the UID differs')
    if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion)
      throw conflict(resource, metadata.name ?? '')
    const finalizers = withPropagation(metadata.finalizers ?? [], options.propagationPolicy)
    const isHeld = holders(resource, { ...object, metadata: { ...metadata, finalizers } }).length > 0
    const isPod = resource.group === '' && resource.resource === 'pods'
    const spec = (object as { readonly spec?: { readonly nodeName?: string } }).spec
    const graceSeconds = isPod && spec?.nodeName ? (options.gracePeriodSeconds ?? podGraceSeconds) : 0
    const marked: ObjectMeta = {
      ...metadata,
      ...(finalizers.length > 0 && { finalizers }),
      deletionTimestamp: metadata.deletionTimestamp ?? formatTime(clock.now() + graceSeconds * 1000),
      deletionGracePeriodSeconds: Math.min(metadata.deletionGracePeriodSeconds ?? graceSeconds, graceSeconds),
    }
    if (isHeld || graceSeconds > 0) return replace(resource, object, { ...object, metadata: marked })
    commit(resource, 'DELETED', object, object)
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { uid: metadata.uid ?? '' },
    }
  }

  const client: MemoryClient = {
    calls,
    served: new Map(),
    streamsLists: true,
    seed(resource, ...objects) {
      for (const object of objects) commit(resource, 'ADDED', created(resource, object))
    },
    dropWatches(error) {
      drops += 1
      dropError = error
      for (const wake of wakeUps) wake()
    },
    compact() {
      compacted = version
      history.length = 0
    },
    get: async (resource, name) => find(resource, name),
    async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}) {
      return listNow<T>(storeOf(resource).objects, options, version)
    },
    watch: (resource, options) => watch(resource, options),
    async create(resource, object) {
      const fresh = created(resource, object)
      const name = fresh.metadata?.name ?? ''
      note('create', resource, name)
      if (storeOf(resource).objects.has(keyOf(fresh))) throw alreadyExists(resource, name)
      return commit(resource, 'ADDED', fresh)
    },
    async update(resource, object, { subresource = '' } = {}) {
      const { name = '', resourceVersion } = object.metadata ?? {}
      note('update', resource, name, subresource)
      const previous = find(resource, { ...object.metadata, name })
      if (resourceVersion && resourceVersion !== previous.metadata?.resourceVersion)
        throw conflict(resource, name)
      return replace(resource, previous, merged(previous, object, subresource))
    },
    async patch<T extends KubernetesObject>(
      resource: Resource<T>,
      name: ObjectName,
      patch: Patch,
      { subresource = '' } = {},
    ): Promise<T> {
      note('patch', resource, name.name, subresource)
      const previous = find(resource, name)
      const patched = applyMemoryPatch(resource, previous, patch)
      const { uid, resourceVersion } = patched.metadata ?? {}
      if (uid !== previous.metadata?.uid || resourceVersion !== previous.metadata?.resourceVersion)
        throw conflict(resource, name.name)
      return replace(resource, previous, merged(previous, patched, subresource))
    },
    async delete(resource, name, options = {}) {
      note('delete', resource, name.name)
      return remove(resource, find(resource, name), options)
    },
    async deleteCollection(resource, options = {}) {
      note('deletecollection', resource, '')
      const list = listNow<KubernetesObject>(storeOf(resource).objects, options, version)
      for (const object of list.items) remove(resource, object, options)
      return list
    },
    async createSubresource<Answer extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
      body: KubernetesObject,
    ): Promise<Answer> {
      note('create', resource, name.name, subresource)
      if (subresource !== 'binding') throw methodNotSupported(resource, subresource)
      const previous = find(resource, name) as KubernetesObject & { readonly spec?: object }
      const { target } = body as { readonly target?: { readonly name?: string } }
      const bound = { ...previous, spec: { ...previous.spec, nodeName: target?.name } }
      return replace(resource, previous, bound as KubernetesObject) as Answer
    },
    async getSubresource<Answer extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
    ): Promise<Answer> {
      if (subresource !== 'scale') throw methodNotSupported(resource, subresource)
      return scaleOf(find<Scaled>(resource, name)) as Answer
    },
    async updateSubresource<Answer extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
      body: KubernetesObject,
    ): Promise<Answer> {
      note('update', resource, name.name, subresource)
      const previous = find<Scaled>(resource, name)
      const { spec, status } = body as { readonly spec?: Scaled['spec']; readonly status?: unknown }
      if (subresource === 'scale') {
        const scaled = { ...previous, spec: { ...previous.spec, replicas: spec?.replicas ?? 0 } }
        return scaleOf(replace(resource, previous, scaled)) as Answer
      }
      const part = subresource === 'finalize' ? { spec } : subresource === 'approval' ? { status } : undefined
      if (!part) throw methodNotSupported(resource, subresource)
      return replace(resource, previous, { ...previous, ...part }) as Answer
    },
    async raw(path) {
      const answer = client.served.get(path)
      if (answer === undefined) throw notFound('paths', path)
      return answer
    },
  }

  function created<T extends KubernetesObject>(resource: Resource<T>, object: T): T {
    names += 1
    const { generateName, name = `${generateName}${String(names).padStart(5, '0')}` } = object.metadata ?? {}
    const metadata: ObjectMeta = {
      uid: `uid-${names}`,
      creationTimestamp: formatTime(clock.now()),
      ...('spec' in object && { generation: 1 }),
      ...scoped(resource, { ...object.metadata, name }),
    }
    return { ...object, metadata }
  }

  async function* watch<T extends KubernetesObject>(
    resource: Resource<T>,
    options: WatchOptions,
  ): AsyncGenerator<WatchEvent<T>> {
    const { signal } = options
    if (options.sendInitialEvents && !client.streamsLists)
      throw invalid({ group: 'meta.k8s.io', kind: 'ListOptions' }, '', [])
    const dropsBefore = drops
    let position = Number(options.resourceVersion || 0)
    if (options.sendInitialEvents && client.streamsLists === true) {
      const list = listNow<T>(storeOf(resource).objects, options, version)
      position = version
      for (const object of list.items) yield { type: 'ADDED', object }
      yield {
        type: 'BOOKMARK',
        object: bookmark(resource, position, { 'k8s.io/initial-events-end': 'true' }) as T,
      }
    } else if (position < compacted) throw expired(`too old resource version: ${position} (${compacted})`)
    while (!signal.aborted) {
      if (drops !== dropsBefore) {
        if (dropError) throw dropError
        return
      }
      const pending = history.filter((entry) => entry.version > position)
      position = version
      for (const entry of pending) {
        if (entry.resource !== groupResource(resource)) continue
        const event = selected(entry, options)
        if (event) yield event as WatchEvent<T>
      }
      if (position === version && drops === dropsBefore && !signal.aborted) await change(signal)
    }
  }

  function change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        wakeUps.delete(wake)
        signal.removeEventListener('abort', wake)
        resolve()
      }
      wakeUps.add(wake)
      signal.addEventListener('abort', wake, { once: true })
    })
  }

  return client
}

function listNow<T extends KubernetesObject>(
  objects: ReadonlyMap<string, KubernetesObject>,
  options: ListOptions | WatchOptions,
  version: number,
): ObjectList<T> {
  const items = [...objects.values()].filter((object) => matches(object, options)) as unknown as T[]
  return { metadata: { resourceVersion: String(version) }, items }
}

/** What a watch with these options sees of a change: objects enter and leave its selection. */
function selected(entry: HistoryEntry, options: WatchOptions): WatchEvent<KubernetesObject> | undefined {
  const { type, object, previous } = entry
  const is = type !== 'DELETED' && matches(object, options)
  const was = previous !== undefined && matches(previous, options)
  if (is) return { type: was ? 'MODIFIED' : 'ADDED', object }
  return was ? { type: 'DELETED', object } : undefined
}

function bookmark(
  resource: Resource,
  version: number,
  annotations: Readonly<Record<string, string>>,
): KubernetesObject {
  const metadata = { resourceVersion: String(version), annotations }
  return { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
}

function scoped<Meta extends ObjectMeta>(resource: Resource, metadata: Meta): Meta {
  if (resource.namespaced) return { ...metadata, namespace: metadata.namespace || 'default' }
  const { namespace: _, ...rest } = metadata
  return rest as unknown as Meta
}

/** What no write changes. */
function kept(metadata: ObjectMeta): ObjectMeta {
  const {
    uid,
    creationTimestamp,
    generation,
    deletionTimestamp,
    deletionGracePeriodSeconds,
    resourceVersion,
  } = metadata
  return {
    ...(uid !== undefined && { uid }),
    ...(creationTimestamp !== undefined && { creationTimestamp }),
    ...(generation !== undefined && { generation }),
    ...(deletionTimestamp !== undefined && { deletionTimestamp }),
    ...(deletionGracePeriodSeconds !== undefined && { deletionGracePeriodSeconds }),
    ...(resourceVersion !== undefined && { resourceVersion }),
  }
}

/** What keeps an object that is being deleted; namespaces have finalizers of their own. */
function holders(resource: Resource, object: KubernetesObject): readonly string[] {
  const { metadata, spec } = object as KubernetesObject & {
    readonly spec?: { readonly finalizers?: readonly string[] }
  }
  const own = resource.group === '' && resource.resource === 'namespaces' ? (spec?.finalizers ?? []) : []
  return [...(metadata?.finalizers ?? []), ...own]
}

function withPropagation(
  finalizers: readonly string[],
  policy: DeleteOptions['propagationPolicy'],
): readonly string[] {
  const others = finalizers.filter((name) => name !== 'orphan' && name !== 'foregroundDeletion')
  switch (policy) {
    case 'Orphan':
      return [...others, 'orphan']
    case 'Foreground':
      return [...others, 'foregroundDeletion']
    case 'Background':
      return others
    case undefined:
      return finalizers
  }
}
