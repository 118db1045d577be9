import type { NodeTable } from './nodes/node-table.ts'
import type { PodInfo } from './pod-info.ts'

/** Pods that wait for room made for them: they count on their node, for pods of no higher priority, as if they were there. */
export class NominatedPods {
  readonly #table: NodeTable
  readonly #onRelease: (pod: PodInfo, nodeName: string) => void
  readonly #places = new Map<string, { readonly pod: PodInfo; readonly nodeName: string }>()
  readonly #byNode = new Map<string, Map<string, PodInfo>>()

  /** `onRelease` is told of room that is no longer kept, when the pod has not come to take it. */
  constructor(table: NodeTable, onRelease: (pod: PodInfo, nodeName: string) => void = () => undefined) {
    this.#table = table
    this.#onRelease = onRelease
  }

  get size(): number {
    return this.#places.size
  }

  nodeOf(key: string): string | undefined {
    return this.#places.get(key)?.nodeName
  }

  set(pod: PodInfo, nodeName: string): void {
    if (this.nodeOf(pod.key) !== nodeName) this.delete(pod.key)
    this.#places.set(pod.key, { pod, nodeName })
    let there = this.#byNode.get(nodeName)
    if (!there) this.#byNode.set(nodeName, (there = new Map()))
    there.set(pod.key, pod)
    this.#table.touch(nodeName)
  }

  delete(key: string): void {
    const place = this.#places.get(key)
    if (!place) return
    this.#places.delete(key)
    const there = this.#byNode.get(place.nodeName)!
    there.delete(key)
    if (there.size === 0) this.#byNode.delete(place.nodeName)
    this.#table.touch(place.nodeName)
    if (this.#table.placeOf(key)?.nodeName !== place.nodeName) this.#onRelease(place.pod, place.nodeName)
  }

  /** Those of a node, by key. */
  on(nodeName: string): ReadonlyMap<string, PodInfo> | undefined {
    return this.#byNode.get(nodeName)
  }

  /** Those that `pod` must leave room for on a node. */
  before(pod: PodInfo, nodeName: string): PodInfo[] {
    const there = this.#byNode.get(nodeName)
    if (!there) return []
    return [...there.values()].filter((other) => other.key !== pod.key && other.priority >= pod.priority)
  }

  /** Of a lower priority than `pod` on a node: room is no longer kept for them once `pod` takes it. */
  after(pod: PodInfo, nodeName: string): PodInfo[] {
    return [...(this.#byNode.get(nodeName)?.values() ?? [])].filter((other) => other.priority < pod.priority)
  }
}
