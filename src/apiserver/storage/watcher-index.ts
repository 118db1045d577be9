import type { KubernetesObject } from '../../machinery/meta.ts'
import type { CacheEvent } from './cache-event.ts'
import { isSelected, type Selection } from './selection.ts'
import type { Watcher } from './watcher.ts'

/**
 * Finds the watchers that a change may concern without asking all of them: each is filed under the narrowest thing that
 * its selection names, which is one object, one value of a field (`spec.nodeName=node-7`), one namespace, or everything.
 */
export class WatcherIndex<T extends KubernetesObject = KubernetesObject> {
  readonly #all = new Set<Watcher<T>>()
  readonly #everything = new Set<Watcher<T>>()
  // Made when they are needed: there is one of this for each kind, and most are watched as a whole.
  #byKey: Map<string, Set<Watcher<T>>> | undefined
  #byNamespace: Map<string, Set<Watcher<T>>> | undefined
  #byField: Map<string, Map<string, Set<Watcher<T>>>> | undefined

  get size(): number {
    return this.#all.size
  }

  /** All watchers; a snapshot, so that they may leave meanwhile. */
  all(): readonly Watcher<T>[] {
    return [...this.#all]
  }

  add(watcher: Watcher<T>): void {
    this.#all.add(watcher)
    this.#shelfOf(watcher.selection).add(watcher)
  }

  remove(watcher: Watcher<T>): void {
    this.#all.delete(watcher)
    const shelf = this.#shelfOf(watcher.selection)
    shelf.delete(watcher)
    if (shelf.size === 0) this.#dropShelf(watcher.selection)
  }

  dispatch(event: CacheEvent<T>): void {
    if (this.#all.size === 0) return
    deliverAll(this.#everything, event)
    deliverAll(this.#byKey?.get(event.key), event)
    if (this.#byNamespace) {
      deliverAll(this.#byNamespace.get((event.current ?? event.previous)!.namespace), event)
    }
    for (const [key, byValue] of this.#byField ?? []) {
      const had = event.previous && (event.previous.fields[key] ?? '')
      const has = event.current && (event.current.fields[key] ?? '')
      if (had !== undefined) deliverAll(byValue.get(had), event)
      if (has !== undefined && has !== had) deliverAll(byValue.get(has), event)
    }
  }

  #shelfOf(selection: Selection): Set<Watcher<T>> {
    const place = placeOf(selection)
    switch (place.type) {
      case 'everything':
        return this.#everything
      case 'key':
        return upsert((this.#byKey ??= new Map()), place.key, newSet<Watcher<T>>)
      case 'namespace':
        return upsert((this.#byNamespace ??= new Map()), place.namespace, newSet<Watcher<T>>)
      case 'field': {
        const byValue = upsert((this.#byField ??= new Map()), place.key, newMap<Set<Watcher<T>>>)
        return upsert(byValue, place.value, newSet<Watcher<T>>)
      }
    }
  }

  #dropShelf(selection: Selection): void {
    const place = placeOf(selection)
    switch (place.type) {
      case 'everything':
        return
      case 'key':
        this.#byKey?.delete(place.key)
        return
      case 'namespace':
        this.#byNamespace?.delete(place.namespace)
        return
      case 'field': {
        const byValue = this.#byField?.get(place.key)
        byValue?.delete(place.value)
        if (byValue?.size === 0) this.#byField?.delete(place.key)
      }
    }
  }
}

type Place =
  | { readonly type: 'everything' }
  | { readonly type: 'key'; readonly key: string }
  | { readonly type: 'field'; readonly key: string; readonly value: string }
  | { readonly type: 'namespace'; readonly namespace: string }

function placeOf({ namespace, name, fields = [] }: Selection): Place {
  if (name !== '' && namespace !== '') return { type: 'key', key: `${namespace}/${name}` }
  if (name !== '') return { type: 'field', key: 'metadata.name', value: name }
  const term = fields.find(({ operator }) => operator === '=')
  if (term) return { type: 'field', key: term.field, value: term.value }
  return namespace === '' ? { type: 'everything' } : { type: 'namespace', namespace }
}

function deliverAll<T extends KubernetesObject>(
  watchers: Set<Watcher<T>> | undefined,
  event: CacheEvent<T>,
): void {
  if (!watchers) return
  for (const watcher of watchers) deliver(watcher, event)
}

/** Hands the event to the watcher as its selection sees it, if it does. */
export function deliver<T extends KubernetesObject>(watcher: Watcher<T>, event: CacheEvent<T>): void {
  const { selection, after } = watcher
  if (event.revision <= after) return
  const had = event.previous !== undefined && isSelected(selection, event.previous)
  const has = event.current !== undefined && isSelected(selection, event.current)
  const seen = event.seenBy(had, has)
  if (seen) watcher.push(seen, event)
}

function upsert<Value>(map: Map<string, Value>, key: string, create: () => Value): Value {
  let value = map.get(key)
  if (value === undefined) map.set(key, (value = create()))
  return value
}

function newSet<Item>(): Set<Item> {
  return new Set()
}

function newMap<Value>(): Map<string, Value> {
  return new Map()
}
