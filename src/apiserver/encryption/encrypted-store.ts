import { StoreError, type Entry, type Store, type StoreEvent, type WriteOptions } from '../../store/store.ts'
import { registryRoot } from '../storage/store-feed.ts'
import type { Encryption, ResourceEncryption } from './encryption.ts'
import type { Decrypted } from './transformer.ts'

const nothing = new Uint8Array()

/** Stores values encrypted, each resource as it is configured at the time. What cannot be read is told entry by entry. */
export function encryptedStore(store: Store, encryption: () => Encryption): Store {
  /** Of values that were read or written in the clear: who wrote what is stored. */
  const writers = new WeakMap<Uint8Array, string>()
  /** Values in the clear by what is stored, so that each is decrypted once and its bytes stay the same ones. */
  const decrypted = new WeakMap<Uint8Array, { readonly key: string; readonly value: Uint8Array }>()

  function encryptionOf(key: string): ResourceEncryption {
    const group = key.indexOf('/', registryRoot.length)
    const name = key.slice(registryRoot.length, group)
    const resource = key.slice(group + 1, key.indexOf('/', group + 1))
    return encryption().of(name === 'core' ? '' : name, resource)
  }

  function encrypt(key: string, value: Uint8Array): Uint8Array {
    const how = encryptionOf(key)
    const stored = how.encrypt(value, key)
    writers.set(value, how.writer)
    if (stored !== value) decrypted.set(stored, { key, value })
    return stored
  }

  function decrypt(entry: Entry): Entry | Promise<Entry> {
    const { key, value: stored } = entry
    const known = decrypted.get(stored)
    if (known?.key === key) return { ...entry, value: known.value }
    const seen = ({ value, writer }: Decrypted): Entry => {
      if (writer !== '') {
        writers.set(value, writer)
        decrypted.set(stored, { key, value })
      }
      return value === stored ? entry : { ...entry, value }
    }
    const unreadable = (error: unknown): Entry => {
      if (!(error instanceof Error)) throw error
      return { ...entry, value: nothing, fault: error }
    }
    try {
      const answer = encryptionOf(key).decrypt(stored, key)
      return answer instanceof Promise ? answer.then(seen).catch(unreadable) : seen(answer)
    } catch (error) {
      return unreadable(error)
    }
  }

  function decryptEvent(event: StoreEvent): StoreEvent | Promise<StoreEvent> {
    const previous = event.previous && decrypt(event.previous)
    const entry = event.type === 'put' ? decrypt(event.entry) : undefined
    const made = (before: Entry | undefined, now: Entry | undefined) =>
      ({ ...event, ...(before && { previous: before }), ...(now && { entry: now }) }) as StoreEvent
    if (!(previous instanceof Promise) && !(entry instanceof Promise)) return made(previous, entry)
    return Promise.all([previous, entry]).then(([before, now]) => made(before, now))
  }

  /** The entry that a write has made, with the value in the clear. */
  const written = async (value: Uint8Array, work: Promise<Entry>): Promise<Entry> => {
    try {
      return { ...(await work), value }
    } catch (error) {
      if (!(error instanceof StoreError && error.found)) throw error
      throw new StoreError(error.reason, error.message, await decrypt(error.found))
    }
  }

  return {
    async get(key) {
      const entry = await store.get(key)
      return entry && decrypt(entry)
    },
    async list(prefix, options) {
      const range = await store.list(prefix, options)
      return { ...range, entries: await Promise.all(range.entries.map(async (entry) => decrypt(entry))) }
    },
    async create(key, value, options) {
      const stored = encrypt(key, value)
      return written(value, store.create(key, stored, stored === value ? options : withoutBulk(options)))
    },
    async update(key, value, revision, options) {
      const stored = encrypt(key, value)
      const work = store.update(key, stored, revision, stored === value ? options : withoutBulk(options))
      return written(value, work)
    },
    async delete(key, revision) {
      try {
        return await store.delete(key, revision)
      } catch (error) {
        if (!(error instanceof StoreError && error.found)) throw error
        throw new StoreError(error.reason, error.message, await decrypt(error.found))
      }
    },
    watch: (prefix, after, handlers) => inOrder(store, prefix, after, handlers, decryptEvent),
    compact: (revision) => store.compact(revision),
    currentRevision: () => store.currentRevision(),
    isStale: (key, value) => (writers.get(value) ?? '') !== encryptionOf(key).writer,
    close: () => store.close(),
  }
}

/** What is encrypted has no parts. */
function withoutBulk({ bulk: _bulk, ...options }: WriteOptions = {}): WriteOptions {
  return options
}

/** A watch whose events may take time to be read; they and what comes after them stay in order. */
function inOrder(
  store: Store,
  prefix: string,
  after: bigint,
  handlers: Parameters<Store['watch']>[2],
  decryptEvent: (event: StoreEvent) => StoreEvent | Promise<StoreEvent>,
): ReturnType<Store['watch']> {
  let pending: Promise<void> | undefined
  let hasEnded = false
  const end = (error?: Error) => {
    if (hasEnded) return
    hasEnded = true
    handlers.onEnd(error)
  }
  const enqueue = (work: () => void | Promise<void>): void => {
    const run = async (): Promise<void> => {
      if (!hasEnded) await work()
    }
    const mine = (pending ?? Promise.resolve()).then(run).catch((error: unknown) => {
      watch.close()
      end(error instanceof Error ? error : new Error(String(error)))
    })
    pending = mine
    void mine.then(() => {
      if (pending === mine) pending = undefined
    })
  }
  const watch = store.watch(prefix, after, {
    onEvents(events) {
      const read = events.map(decryptEvent)
      const isReady = (event: StoreEvent | Promise<StoreEvent>): event is StoreEvent =>
        !(event instanceof Promise)
      if (!pending && read.every(isReady)) handlers.onEvents(read)
      else {
        const all = Promise.all(read.map(async (event) => event))
        all.catch(() => {})
        enqueue(async () => handlers.onEvents(await all))
      }
    },
    onProgress(revision) {
      if (pending) enqueue(() => handlers.onProgress?.(revision))
      else handlers.onProgress?.(revision)
    },
    onEnd(error) {
      if (pending) enqueue(() => end(error))
      else end(error)
    },
  })
  return watch
}
