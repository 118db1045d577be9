import type { Node } from '../../api/generated/core.v1.ts'
import { amountsOf } from '../../api/core/pod-resources.ts'
import type { HostPort, PodInfo } from '../pod-info.ts'
import { createPodCounts, type PodCounts } from './pod-counts.ts'
import { createTopology, type Topology } from './topology.ts'

/** Who looks for changes less often looks at all nodes anew. */
const changesKept = 4096

/**
 * All nodes and the pods on them, kept up to date change by change, in flat arrays that filters and scores read by node
 * index. An index stays a node's own until the node is removed and no pod is left on it. Amounts are those of
 * api/core/pod-resources.ts.
 */
export class NodeTable {
  /** Indexes of the nodes that exist, in no particular order. */
  readonly indexes: number[] = []
  readonly nodes: (Node | undefined)[] = []
  /** By resource name, one number per node. */
  readonly allocatable = new Map<string, Float64Array>()
  readonly requested = new Map<string, Float64Array>()
  /** 1 where spec.unschedulable is set. */
  unschedulable = new Uint8Array(0)
  /** 1 where there are taints. */
  tainted = new Uint8Array(0)
  scoredCpu = new Float64Array(0)
  scoredMemory = new Float64Array(0)
  readonly pods: Map<string, PodInfo>[] = []
  readonly images: ReadonlyMap<string, number>[] = []
  readonly topology: Topology
  readonly counts: PodCounts

  readonly #names: string[] = []
  readonly #indexByName = new Map<string, number>()
  readonly #placeByPod = new Map<string, number>()
  readonly #hostPorts: Map<string, number>[] = []
  readonly #nodesWithImage = new Map<string, number>()
  readonly #free: number[] = []
  readonly #positions: number[] = []
  /** The last nodes that something changed about, in a ring. */
  readonly #changed = new Int32Array(changesKept)
  #changeCount = 0
  #isTrial = false
  #capacity = 0

  constructor(namespaceLabels: (name: string) => Readonly<Record<string, string>>) {
    this.topology = createTopology(this, (key, node, from, to) => this.counts.moved(key, node, from, to))
    this.counts = createPodCounts(this, namespaceLabels)
  }

  get size(): number {
    return this.indexes.length
  }

  get capacity(): number {
    return this.#capacity
  }

  /** How many changes of nodes, and of the pods on them, there have been. */
  get changeCount(): number {
    return this.#changeCount
  }

  /** Calls back with each node changed since there were `count` changes, maybe repeatedly; false when that is too long ago. */
  changedSince(count: number, onNode: (index: number) => void): boolean {
    if (this.#changeCount - count > changesKept) return false
    for (let change = count; change < this.#changeCount; change++)
      onNode(this.#changed[change % changesKept]!)
    return true
  }

  /** Something else that decisions about a node depend on changed. */
  touch(nodeName: string): void {
    const index = this.#indexByName.get(nodeName)
    if (index !== undefined) this.#noteChange(index)
  }

  /** Runs what adds pods to a node, or takes some away, and leaves the node as it was: that is no change. */
  trial<Result>(run: () => Result): Result {
    const isOuter = !this.#isTrial
    this.#isTrial = true
    try {
      return run()
    } finally {
      if (isOuter) this.#isTrial = false
    }
  }

  indexOf(nodeName: string): number | undefined {
    const index = this.#indexByName.get(nodeName)
    return index === undefined || !this.nodes[index] ? undefined : index
  }

  /** Where a pod is counted, if it is. */
  placeOf(
    podKey: string,
  ): { readonly node: number; readonly nodeName: string; readonly pod: PodInfo } | undefined {
    const node = this.#placeByPod.get(podKey)
    if (node === undefined) return undefined
    return { node, nodeName: this.#names[node]!, pod: this.pods[node]!.get(podKey)! }
  }

  setNode(node: Node): void {
    const name = node.metadata?.name ?? ''
    const index = this.#claim(name)
    const previous = this.nodes[index]
    this.nodes[index] = node
    if (!previous) {
      this.#positions[index] = this.indexes.length
      this.indexes.push(index)
    }
    this.unschedulable[index] = node.spec?.unschedulable ? 1 : 0
    this.tainted[index] = node.spec?.taints?.length ? 1 : 0
    const amounts = amountsOf(node.status?.allocatable)
    for (const column of this.allocatable.values()) column[index] = 0
    for (const name in amounts) this.#column(this.allocatable, name)[index] = amounts[name]!
    this.#setImages(index, node)
    this.topology.update(index, node.metadata?.labels ?? {})
    this.#noteChange(index)
  }

  removeNode(name: string): void {
    const index = this.indexOf(name)
    if (index === undefined) return
    this.nodes[index] = undefined
    const position = this.#positions[index]!
    const last = this.indexes.pop()!
    if (last !== index) {
      this.indexes[position] = last
      this.#positions[last] = position
    }
    for (const column of this.allocatable.values()) column[index] = 0
    this.#setImages(index, undefined)
    this.topology.update(index, {})
    this.#noteChange(index)
    this.#releaseIfUnused(index)
  }

  /** Counts a pod on a node, which need not be known yet; a pod counted elsewhere moves. */
  addPod(pod: PodInfo, nodeName: string): void {
    this.removePod(pod.key)
    const index = this.#claim(nodeName)
    this.pods[index]!.set(pod.key, pod)
    this.#placeByPod.set(pod.key, index)
    this.#account(pod, index, 1)
  }

  removePod(key: string): void {
    const node = this.#placeByPod.get(key)
    if (node === undefined) return
    const pod = this.pods[node]!.get(key)!
    this.pods[node]!.delete(key)
    this.#placeByPod.delete(key)
    this.#account(pod, node, -1)
    this.#releaseIfUnused(node)
  }

  /** What all nodes have of a resource; good until a node is added. */
  allocatableColumn(resource: string): Float64Array {
    return this.#column(this.allocatable, resource)
  }

  /** What is requested of all nodes; good until a node is added. */
  requestedColumn(resource: string): Float64Array {
    return this.#column(this.requested, resource)
  }

  requestedOf(resource: string, index: number): number {
    return this.requested.get(resource)?.[index] ?? 0
  }

  allocatableOf(resource: string, index: number): number {
    return this.allocatable.get(resource)?.[index] ?? 0
  }

  /** Whether a host port conflicts with one in use: same port and protocol, and an address in common. */
  hasHostPort(index: number, { hostIP, protocol, hostPort }: HostPort): boolean {
    const ports = this.#hostPorts[index]!
    if (ports.size === 0) return false
    if (ports.has(`${protocol} ${hostPort} 0.0.0.0`)) return true
    if (hostIP !== '0.0.0.0') return ports.has(`${protocol} ${hostPort} ${hostIP}`)
    for (const port of ports.keys()) if (port.startsWith(`${protocol} ${hostPort} `)) return true
    return false
  }

  nodesWithImage(name: string): number {
    return this.#nodesWithImage.get(name) ?? 0
  }

  #noteChange(index: number): void {
    if (!this.#isTrial) this.#changed[this.#changeCount++ % changesKept] = index
  }

  #account(pod: PodInfo, index: number, sign: 1 | -1): void {
    this.#noteChange(index)
    for (const name in pod.requests) this.#column(this.requested, name)[index]! += sign * pod.requests[name]!
    this.#column(this.requested, 'pods')[index]! += sign
    this.scoredCpu[index]! += sign * pod.scoredCpu
    this.scoredMemory[index]! += sign * pod.scoredMemory
    const ports = this.#hostPorts[index]!
    for (const { protocol, hostPort, hostIP } of pod.hostPorts) {
      const key = `${protocol} ${hostPort} ${hostIP}`
      const users = (ports.get(key) ?? 0) + sign
      if (users > 0) ports.set(key, users)
      else ports.delete(key)
    }
    this.counts.account(pod, index, sign)
  }

  #setImages(index: number, node: Node | undefined): void {
    for (const name of this.images[index]!.keys()) {
      const users = this.nodesWithImage(name) - 1
      if (users > 0) this.#nodesWithImage.set(name, users)
      else this.#nodesWithImage.delete(name)
    }
    const images = new Map<string, number>()
    for (const { names = [], sizeBytes = 0 } of node?.status?.images ?? []) {
      for (const name of names) images.set(name, sizeBytes)
    }
    for (const name of images.keys()) this.#nodesWithImage.set(name, this.nodesWithImage(name) + 1)
    this.images[index] = images
  }

  #claim(name: string): number {
    const known = this.#indexByName.get(name)
    if (known !== undefined) return known
    const index = this.#free.pop() ?? this.nodes.length
    if (index >= this.#capacity) this.#grow()
    this.#indexByName.set(name, index)
    this.#names[index] = name
    this.nodes[index] = undefined
    this.pods[index] = new Map()
    this.images[index] = new Map()
    this.#hostPorts[index] = new Map()
    return index
  }

  #releaseIfUnused(index: number): void {
    if (this.nodes[index] || this.pods[index]!.size > 0) return
    this.#indexByName.delete(this.#names[index]!)
    this.#free.push(index)
  }

  #grow(): void {
    this.#capacity = Math.max(16, this.#capacity * 2)
    for (const columns of [this.allocatable, this.requested]) {
      for (const [name, column] of columns) columns.set(name, grown(column, this.#capacity))
    }
    for (const flags of ['unschedulable', 'tainted'] as const) {
      const larger = new Uint8Array(this.#capacity)
      larger.set(this[flags])
      this[flags] = larger
    }
    this.scoredCpu = grown(this.scoredCpu, this.#capacity)
    this.scoredMemory = grown(this.scoredMemory, this.#capacity)
    this.topology.grow(this.#capacity)
    this.counts.grow(this.#capacity)
  }

  #column(columns: Map<string, Float64Array>, name: string): Float64Array {
    let column = columns.get(name)
    if (!column) {
      column = new Float64Array(this.#capacity)
      columns.set(name, column)
    }
    return column
  }
}

function grown(column: Float64Array, capacity: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(capacity)
  larger.set(column)
  return larger
}
