import { lazyEntry } from './large-value.ts'
import { StoreError, type Entry, type Store, type StoreEvent } from './store.ts'

/** Where keys that begin with `from` really stand: the rest of them behind `to`. */
export interface Rooting {
  readonly from: string
  readonly to: string
}

/** Another place for everything in a store, so that several can share one: as `--etcd-prefix` of kube-apiserver. */
export function rootedStore(store: Store, { from, to }: Rooting): Store {
  const outer = (key: string): string => {
    if (!key.startsWith(from)) throw new TypeError(`the key ${key} does not begin with ${from}`)
    return to + key.slice(from.length)
  }
  const inner = (key: string): string => from + key.slice(to.length)
  const shown = (entry: Entry): Entry =>
    lazyEntry(inner(entry.key), entry, entry.revision, entry.createRevision)
  const shownEvent = (event: StoreEvent): StoreEvent =>
    event.type === 'put'
      ? { ...event, entry: shown(event.entry), ...(event.previous && { previous: shown(event.previous) }) }
      : { ...event, key: inner(event.key), previous: shown(event.previous) }
  const conflictsShown = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work
    } catch (error) {
      if (!(error instanceof StoreError && error.found)) throw error
      throw new StoreError(error.reason, error.message, shown(error.found))
    }
  }
  return {
    async get(key) {
      const entry = await store.get(outer(key))
      return entry && shown(entry)
    },
    async list(prefix, options = {}) {
      const { startKey } = options
      const range = await store.list(outer(prefix), {
        ...options,
        ...(startKey !== undefined && { startKey: outer(startKey) }),
      })
      return { ...range, entries: range.entries.map(shown) }
    },
    create: async (key, value, options) =>
      shown(await conflictsShown(store.create(outer(key), value, options))),
    update: async (key, value, revision, options) =>
      shown(await conflictsShown(store.update(outer(key), value, revision, options))),
    delete: (key, revision) => conflictsShown(store.delete(outer(key), revision)),
    watch: (prefix, after, handlers) =>
      store.watch(outer(prefix), after, {
        onEvents: (events) => handlers.onEvents(events.map(shownEvent)),
        ...(handlers.onProgress && { onProgress: (revision: bigint) => handlers.onProgress?.(revision) }),
        onEnd: (error) => handlers.onEnd(error),
      }),
    compact: (revision) => store.compact(revision),
    currentRevision: () => store.currentRevision(),
    close: () => store.close(),
  }
}
