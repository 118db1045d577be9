import { goQuote } from '../../machinery/go-format.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { internalError } from '../../machinery/status-errors.ts'
import type { Entry } from '../../store/store.ts'
import { registryRoot } from './store-feed.ts'
import { keyPrefix, type Selection } from './selection.ts'
import type { StoredObject } from './stored-object.ts'

interface UnreadableEntry<T extends KubernetesObject> {
  readonly key: string
  /** With its fault. */
  readonly entry: Entry
  /** What could be read there before. */
  readonly last: StoredObject<T> | undefined
}

/**
 * What of a resource stands in the store and cannot be read: encrypted, by a key that is not there. It is answered with what
 * upstream says; everything beside it is served. Source: k8s.io/apiserver/pkg/storage/etcd3/store.go.
 */
export class UnreadableEntries<T extends KubernetesObject> {
  readonly #entries = new Map<string, UnreadableEntry<T>>()

  get size(): number {
    return this.#entries.size
  }

  get(key: string): UnreadableEntry<T> | undefined {
    return this.#entries.get(key)
  }

  add(key: string, entry: Entry, last: StoredObject<T> | undefined): void {
    this.#entries.set(key, { key, entry, last: last ?? this.#entries.get(key)?.last })
  }

  /** Forgets the entry: there is another one, or none; what could be read there before. */
  take(key: string): StoredObject<T> | undefined {
    const found = this.#entries.get(key)
    this.#entries.delete(key)
    return found?.last
  }

  clear(): readonly UnreadableEntry<T>[] {
    const all = [...this.#entries.values()]
    this.#entries.clear()
    return all
  }

  entries(): readonly Entry[] {
    return Array.from(this.#entries.values(), ({ entry }) => entry)
  }

  in(selection: Selection): readonly UnreadableEntry<T>[] {
    return [...this.#entries.values()].filter(({ key }) => mayHold(selection, key))
  }

  /** Throws where the object at `key` is one of them. */
  checkOne(key: string): void {
    const found = this.#entries.get(key)
    if (found) throw internalError(found.entry.fault!)
  }

  /** Throws where an object that may be selected is one of them. */
  check(selection: Selection, resource: Resource<T>): void {
    const [first] = this.in(selection)
    if (!first) return
    const path = goQuote(`${registryRoot}${resource.resource}/${first.key}`)
    throw internalError(`unable to transform key ${path}: ${first.entry.fault!.message}`)
  }
}

/** Whether a selection may hold an object with this key, whatever its labels and fields. */
export function mayHold({ name, ...rest }: Selection, key: string): boolean {
  if (!key.startsWith(keyPrefix({ name, ...rest }))) return false
  return name === '' || key.slice(key.indexOf('/') + 1) === name
}
