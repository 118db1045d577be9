import type { Client } from '../../client/client.ts'
import type { EventRecorder } from '../../client/event-recorder.ts'
import { createLruMap } from '../../client/lru-map.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { ObjectMeta, OwnerReference } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import {
  blockingDependents,
  foregroundFinalizer,
  isBeingDeleted,
  isDeletingDependents,
  isReferredToBy,
  orphanFinalizer,
  waitsForDependents,
  type Graph,
  type GraphNode,
  type ObservedOrigin,
  type Task,
  type VirtualOrigin,
} from './graph.ts'
import type { Monitors } from './monitors.ts'
import { planAttempt, type OwnerState } from './plan-attempt.ts'

export interface CollectorOptions {
  readonly client: Client
  readonly graph: Graph
  readonly monitors: Monitors
  readonly enqueue: (tasks: readonly Task[]) => void
}

export interface Collector {
  /** Does one task; throws to be asked again later. */
  perform(task: Task): Promise<void>
  /** An object that others may refer to is gone, by what its watch said. */
  gone(resource: Resource, metadata: ObjectMeta): void
}

type Observed = GraphNode & { readonly origin: ObservedOrigin }

const maxAbsentOwners = 500

/** Deletes what has lost all its owners, and lets owners go that wait for their dependents. */
export function createCollector({ client, graph, monitors, enqueue }: CollectorOptions): Collector {
  /** Owners that the API server said are not there; uids never come back. */
  const absent = createLruMap<true>(maxAbsentOwners)

  async function attempt(node: GraphNode): Promise<void> {
    if (node.origin.type === 'virtual') return verify(node, node.origin)
    const observed = node as Observed
    if (isDeletingDependents(node)) return releaseOwner(observed)
    if (isBeingDeleted(node)) return undefined

    const { resource, metadata } = observed.origin
    const references = metadata.ownerReferences ?? []
    // Such a reference can never be resolved: no reason to delete, and none to try again.
    if (!metadata.namespace && references.some(namesNamespaced)) return undefined
    const states = new Map<string, OwnerState>()
    for (const reference of references) states.set(reference.uid, await ownerState(reference, observed))
    const plan = planAttempt(metadata, ({ uid }) => states.get(uid) ?? 'solid', node.dependents.size > 0)
    switch (plan.type) {
      case 'keep':
        return undefined
      case 'forget':
        return setOwners(observed, plan.ownerReferences)
      case 'delete': {
        const isCircular = [...node.dependents].some(isDeletingDependents)
        if (plan.propagationPolicy === 'Foreground' && isCircular) return unblock(observed)
        const preconditions = preconditionsOf(metadata)
        await unlessGone(client.delete(resource, nameOf(metadata), { ...plan, preconditions }), node)
      }
    }
  }

  function namesNamespaced({ apiVersion, kind }: OwnerReference): boolean {
    return monitors.resourceOf(apiVersion, kind)?.namespaced ?? false
  }

  /** Asks whether an owner that no cache has shown is there at all. */
  async function verify(node: GraphNode, { reference, namespace }: VirtualOrigin): Promise<void> {
    const found = await findOwner(reference, namespace)
    if (!found) return enqueue(graph.disprove(node.uid))
    throw new Error(`${reference.kind} ${reference.name} is there but not in the caches yet`)
  }

  async function ownerState(reference: OwnerReference, { origin }: Observed): Promise<OwnerState> {
    const { namespace } = origin.metadata
    const owner = graph.get(reference.uid)
    if (owner && isReferredToBy(owner, reference, namespace))
      return isDeletingDependents(owner) ? 'waiting' : 'solid'
    const found = await findOwner(reference, namespace ?? '')
    if (!found) return 'absent'
    return waitsForDependents(found) ? 'waiting' : 'solid'
  }

  /** The owner's metadata, from the API server itself; undefined when there is no such object. */
  async function findOwner(reference: OwnerReference, namespace: string): Promise<ObjectMeta | undefined> {
    const { apiVersion, kind } = reference
    if (absent.get(coordinates(reference, '')) || absent.get(coordinates(reference, namespace)))
      return undefined
    const resource = monitors.resourceOf(apiVersion, kind)
    if (!resource)
      throw new Error(`no resource is known for owners of kind ${describe(reference, namespace)}`)
    const target = { name: reference.name, ...(resource.namespaced && { namespace }) }
    const metadata = await read(resource, target)
    if (metadata?.uid === reference.uid) return metadata
    absent.set(coordinates(reference, resource.namespaced ? namespace : ''), true)
    return undefined
  }

  async function read(
    resource: Resource,
    target: { name: string; namespace?: string },
  ): Promise<ObjectMeta | undefined> {
    try {
      return (await client.get(resource, target)).metadata
    } catch (error) {
      if (isNotFound(error)) return undefined
      throw error
    }
  }

  /** Foreground deletion: the owner goes when nothing that blocks it is left. */
  async function releaseOwner(owner: Observed): Promise<void> {
    const blocking = blockingDependents(owner)
    if (blocking.length > 0) {
      const pending = blocking.filter((dependent) => !isDeletingDependents(dependent))
      return enqueue(pending.map(({ uid }) => ({ type: 'attempt', uid })))
    }
    requireComplete()
    return removeFinalizer(owner, foregroundFinalizer)
  }

  async function orphan(owner: Observed): Promise<void> {
    requireComplete()
    await Promise.all(
      [...owner.dependents].map(async (dependent) => {
        if (dependent.origin.type === 'virtual') return
        const { ownerReferences = [] } = dependent.origin.metadata
        await setOwners(
          dependent as Observed,
          ownerReferences.filter(({ uid }) => uid !== owner.uid),
        )
      }),
    )
    await removeFinalizer(owner, orphanFinalizer)
  }

  /** Dependents of a resource that is not known completely could be overlooked. */
  function requireComplete(): void {
    if (!monitors.isComplete()) throw new Error('the caches of some resources are not filled yet')
  }

  /** In a circle of objects that wait for one another, nobody waits for this one any more. */
  async function unblock(node: Observed): Promise<void> {
    const { metadata, resource } = node.origin
    const references = metadata.ownerReferences ?? []
    if (references.some(({ blockOwnerDeletion }) => blockOwnerDeletion))
      await setOwners(
        node,
        references.map((reference) => ({ ...reference, blockOwnerDeletion: false })),
      )
    const preconditions = { uid: node.uid }
    await unlessGone(
      client.delete(resource, nameOf(metadata), { propagationPolicy: 'Foreground', preconditions }),
      node,
    )
  }

  async function setOwners(node: Observed, ownerReferences: readonly OwnerReference[]): Promise<void> {
    const { resource, metadata } = node.origin
    const body = { metadata: { ...preconditionsOf(metadata), ownerReferences } }
    await unlessGone(client.patch(resource, nameOf(metadata), { type: 'merge', body }), node)
  }

  async function removeFinalizer(node: Observed, finalizer: string): Promise<void> {
    const { resource, metadata } = node.origin
    const latest = await read(resource, nameOf(metadata))
    if (latest?.uid !== node.uid || !latest.finalizers?.includes(finalizer)) return
    const finalizers = latest.finalizers.filter((name) => name !== finalizer)
    const body = { metadata: { ...preconditionsOf(latest), finalizers } }
    await unlessGone(client.patch(resource, nameOf(metadata), { type: 'merge', body }), node)
  }

  /** An object that is gone needs nothing more; the graph may not have heard of it. */
  async function unlessGone(writing: Promise<unknown>, node: GraphNode): Promise<void> {
    try {
      await writing
    } catch (error) {
      if (!isNotFound(error)) throw error
      enqueue(graph.remove(node.uid))
    }
  }

  return {
    gone(resource, { uid = '', name = '', namespace = '' }) {
      if (!graph.get(uid)?.dependents.size) return
      const reference = { apiVersion: apiVersionOf(resource), kind: resource.kind, name, uid }
      absent.set(coordinates(reference, namespace), true)
    },
    async perform({ type, uid }) {
      const node = graph.get(uid)
      if (!node) return
      if (type === 'attempt') await attempt(node)
      else if (node.origin.type === 'observed' && isBeingDeleted(node)) await orphan(node as Observed)
    },
  }
}

function preconditionsOf({ uid, resourceVersion }: ObjectMeta) {
  return { ...(uid !== undefined && { uid }), ...(resourceVersion !== undefined && { resourceVersion }) }
}

function nameOf({ name = '', namespace }: ObjectMeta): { name: string; namespace?: string } {
  return { name, ...(namespace && { namespace }) }
}

/** Tells owners apart; `namespace` is `''` for cluster-scoped ones. */
function coordinates({ uid, apiVersion, kind, name }: OwnerReference, namespace: string): string {
  return JSON.stringify([uid, apiVersion, kind, name, namespace])
}

function describe({ apiVersion, kind, name, uid }: OwnerReference, namespace: string): string {
  return `[${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`
}

/** A Warning about a dependent whose owner is in another namespace. */
export function reportMisplaced(
  events: EventRecorder,
  { resource, metadata }: ObservedOrigin,
  reference: OwnerReference,
): void {
  const { namespace = '' } = metadata
  const about = { apiVersion: apiVersionOf(resource), kind: resource.kind, metadata }
  const message = `ownerRef ${describe(reference, namespace)} does not exist in namespace ${goQuote(namespace)}`
  events.event(about, 'Warning', 'OwnerRefInvalidNamespace', message)
}
