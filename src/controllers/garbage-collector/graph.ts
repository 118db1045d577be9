import type { ObjectMeta, OwnerReference } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

/** An object in the graph of owners. Virtual while only others' references tell of it. */
export interface GraphNode {
  readonly uid: string
  readonly origin: ObservedOrigin | VirtualOrigin
  readonly dependents: ReadonlySet<GraphNode>
}

export interface ObservedOrigin {
  readonly type: 'observed'
  readonly resource: Resource
  readonly metadata: ObjectMeta
}

export interface VirtualOrigin {
  readonly type: 'virtual'
  readonly reference: OwnerReference
  /** Of the dependent that refers to it. */
  readonly namespace: string
  /** What others called it by, of which the API server said that it is not there. */
  readonly disproved: ReadonlySet<string>
}

/** Told of a dependent that names an owner which is in another namespace. */
type OnMisplaced = (dependent: ObservedOrigin, reference: OwnerReference) => void

/** Something in the graph to look at: whether an object must go, or whether its dependents must be set free. */
export interface Task {
  readonly type: 'attempt' | 'orphan'
  readonly uid: string
}

/**
 * Who owns whom, over all objects of all resources, by uid. Every change answers with what has become worth looking at.
 * Source: pkg/controller/garbagecollector/graph_builder.go.
 */
export interface Graph {
  readonly size: number
  get(uid: string): GraphNode | undefined
  /** An object as it now is. */
  set(resource: Resource, metadata: ObjectMeta): readonly Task[]
  /** An object is gone. */
  remove(uid: string): readonly Task[]
  /**
   * The API server does not know the virtual object by the name that it goes by. Where dependents call the same uid by
   * another name it goes by that one from now on, else it never was.
   */
  disprove(uid: string): readonly Task[]
}

interface MutableNode {
  readonly uid: string
  origin: ObservedOrigin | VirtualOrigin
  owners: readonly OwnerReference[]
  readonly dependents: Set<MutableNode>
}

export function createGraph(onMisplaced: OnMisplaced = () => {}): Graph {
  const nodes = new Map<string, MutableNode>()

  function addToOwner(node: MutableNode, reference: OwnerReference, tasks: Map<string, Task>): void {
    const { metadata } = node.origin as ObservedOrigin
    let owner = nodes.get(reference.uid)
    if (!owner) {
      const namespace = metadata.namespace ?? ''
      const origin: VirtualOrigin = { type: 'virtual', reference, namespace, disproved: new Set() }
      owner = { uid: reference.uid, origin, owners: [], dependents: new Set() }
      nodes.set(reference.uid, owner)
      attempt(owner, tasks)
    }
    owner.dependents.add(node)
    if (owner.origin.type === 'virtual') return
    if (isMisplaced(node, owner.origin)) onMisplaced(node.origin as ObservedOrigin, reference)
    if (isDeletingDependents(owner) || !isReferredToBy(owner, reference, metadata.namespace))
      attempt(node, tasks)
  }

  function removeFromOwner(node: MutableNode, { uid }: OwnerReference): void {
    const owner = nodes.get(uid)
    owner?.dependents.delete(node)
    if (owner?.origin.type === 'virtual' && owner.dependents.size === 0) nodes.delete(uid)
  }

  function updateOwners(
    node: MutableNode,
    owners: readonly OwnerReference[],
    tasks: Map<string, Task>,
  ): void {
    const before = node.owners
    node.owners = owners
    for (const reference of before) {
      const now = owners.find(({ uid }) => uid === reference.uid)
      const owner = nodes.get(reference.uid)
      if (owner && reference.blockOwnerDeletion && !now?.blockOwnerDeletion) attempt(owner, tasks)
      if (!now) removeFromOwner(node, reference)
    }
    for (const reference of owners)
      if (!before.some(({ uid }) => uid === reference.uid)) addToOwner(node, reference, tasks)
  }

  function removeNode(node: MutableNode | undefined): readonly Task[] {
    if (!node) return []
    const tasks = new Map<string, Task>()
    nodes.delete(node.uid)
    for (const reference of node.owners) {
      const owner = nodes.get(reference.uid)
      removeFromOwner(node, reference)
      if (owner && isDeletingDependents(owner)) attempt(owner, tasks)
    }
    for (const dependent of node.dependents) attempt(dependent, tasks)
    return [...tasks.values()]
  }

  return {
    get size() {
      return nodes.size
    },
    get: (uid) => nodes.get(uid),

    set(resource, metadata) {
      const tasks = new Map<string, Task>()
      const { uid = '' } = metadata
      const origin: ObservedOrigin = { type: 'observed', resource, metadata }
      const known = nodes.get(uid)
      const before = known?.origin
      const node = known ?? { uid, origin, owners: [], dependents: new Set() }
      node.origin = origin
      nodes.set(uid, node)
      updateOwners(node, metadata.ownerReferences ?? [], tasks)

      if (before?.type === 'virtual') {
        for (const dependent of node.dependents) {
          const references = dependent.owners.filter((reference) => reference.uid === uid)
          if (isMisplaced(dependent, origin)) onMisplaced(dependent.origin as ObservedOrigin, references[0]!)
          if (!references.every((reference) => fits(dependent, reference, node))) attempt(dependent, tasks)
        }
      }
      if (begins(orphanFinalizer, before, metadata)) tasks.set(`orphan/${uid}`, { type: 'orphan', uid })
      if (begins(foregroundFinalizer, before, metadata)) {
        for (const dependent of node.dependents) attempt(dependent, tasks)
        attempt(node, tasks)
      }
      return [...tasks.values()]
    },

    remove: (uid) => removeNode(nodes.get(uid)),

    disprove(uid) {
      const node = nodes.get(uid)
      if (node?.origin.type !== 'virtual') return []
      const disproved = new Set(node.origin.disproved).add(
        nameKey(node.origin.reference, node.origin.namespace),
      )
      for (const { owners, origin } of node.dependents) {
        if (origin.type === 'virtual') continue
        const { namespace = '' } = origin.metadata
        const reference = owners.find(
          (candidate) => candidate.uid === uid && !disproved.has(nameKey(candidate, namespace)),
        )
        if (!reference) continue
        node.origin = { type: 'virtual', reference, namespace, disproved }
        return [node, ...node.dependents].map((next) => ({ type: 'attempt', uid: next.uid }))
      }
      return removeNode(node)
    },
  }
}

function nameKey({ apiVersion, kind, name }: OwnerReference, namespace: string): string {
  return JSON.stringify([apiVersion, kind, namespace, name])
}

/** Whether the owner is in a namespace that is not the dependent's. */
function isMisplaced(dependent: MutableNode, { resource, metadata }: ObservedOrigin): boolean {
  if (dependent.origin.type === 'virtual' || !resource.namespaced) return false
  return dependent.origin.metadata.namespace !== metadata.namespace
}

function attempt({ uid }: MutableNode, tasks: Map<string, Task>): void {
  tasks.set(`attempt/${uid}`, { type: 'attempt', uid })
}

function fits(dependent: MutableNode, reference: OwnerReference, owner: GraphNode): boolean {
  if (dependent.origin.type === 'virtual') return true
  return isReferredToBy(owner, reference, dependent.origin.metadata.namespace)
}

/** Whether the object begins to be deleted with the finalizer. */
function begins(
  finalizer: string,
  before: GraphNode['origin'] | undefined,
  { deletionTimestamp, finalizers = [] }: ObjectMeta,
): boolean {
  if (!deletionTimestamp || !finalizers.includes(finalizer)) return false
  if (before?.type !== 'observed') return true
  return !before.metadata.deletionTimestamp || !before.metadata.finalizers?.includes(finalizer)
}

export function isBeingDeleted({ origin }: GraphNode): boolean {
  return origin.type === 'observed' && origin.metadata.deletionTimestamp !== undefined
}

/** Waits for its dependents to go first. */
export function isDeletingDependents(node: GraphNode): boolean {
  const { origin } = node
  return isBeingDeleted(node) && origin.type === 'observed' && waitsForDependents(origin.metadata)
}

export function waitsForDependents({ deletionTimestamp, finalizers }: ObjectMeta): boolean {
  return deletionTimestamp !== undefined && (finalizers?.includes(foregroundFinalizer) ?? false)
}

/** Whether the node is what the reference, made in `namespace`, names: same kind, name and place. */
export function isReferredToBy(
  { origin }: GraphNode,
  { apiVersion, kind, name }: OwnerReference,
  namespace: string | undefined,
): boolean {
  if (origin.type === 'virtual') return false
  const { resource, metadata } = origin
  const slash = apiVersion.indexOf('/')
  return (
    kind === resource.kind &&
    name === metadata.name &&
    resource.group === (slash < 0 ? '' : apiVersion.slice(0, slash)) &&
    (!resource.namespaced || metadata.namespace === namespace)
  )
}

/** The dependents that the owner must not go before. */
export function blockingDependents(owner: GraphNode): readonly GraphNode[] {
  return [...owner.dependents].filter(
    ({ origin }) =>
      origin.type === 'observed' &&
      origin.metadata.ownerReferences?.some(
        ({ uid, blockOwnerDeletion }) => uid === owner.uid && blockOwnerDeletion,
      ),
  )
}
