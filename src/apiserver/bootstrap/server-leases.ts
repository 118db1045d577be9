import { StoreError, type Entry, type Store, type StoreEvent } from '../../store/store.ts'
import { registryRoot, type Shelf, type StoreFeed } from '../storage/store-feed.ts'

/** How long a server counts as there after it last said so. Source: kubernetes/pkg/controlplane, the lease reconciler. */
const ttlSeconds = 15
const prefix = `${registryRoot}apiserver/leases/`

/** Which API servers there are over one store: each says so again and again, and is forgotten when it no longer does. */
export class ServerLeases implements Shelf {
  readonly #store: Store
  readonly #feed: StoreFeed
  readonly #revisions = new Map<string, bigint>()

  constructor(store: Store, feed: StoreFeed) {
    this.#store = store
    this.#feed = feed
    for (const entry of feed.attach(prefix, this)) this.#put(entry)
  }

  /** The addresses of all servers, in order. */
  get addresses(): readonly string[] {
    return [...this.#revisions.keys()].sort()
  }

  /** Says that the server at `address` is there, for the next 15 seconds. */
  async renew(address: string): Promise<void> {
    const value = Buffer.from(JSON.stringify({ address }))
    const revision = this.#revisions.get(address)
    try {
      this.#put(
        revision === undefined
          ? await this.#store.create(prefix + address, value, { ttlSeconds })
          : await this.#store.update(prefix + address, value, revision, { ttlSeconds }),
      )
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
      // It expired, or another process at this address was faster: the next renewal knows.
      if (error.found) this.#put(error.found)
      else this.#revisions.delete(address)
    }
  }

  /** Says that the server at `address` goes. */
  async drop(address: string): Promise<void> {
    const revision = this.#revisions.get(address)
    if (revision === undefined) return
    try {
      await this.#store.delete(prefix + address, revision)
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
    }
    this.#revisions.delete(address)
  }

  close(): void {
    this.#feed.detach(prefix, [])
  }

  onEvent(event: StoreEvent): void {
    if (event.type === 'put') this.#put(event.entry)
    else this.#revisions.delete(event.key.slice(prefix.length))
  }

  onReplaced(entries: readonly Entry[]): void {
    this.#revisions.clear()
    for (const entry of entries) this.#put(entry)
  }

  #put({ key, revision }: Entry): void {
    this.#revisions.set(key.slice(prefix.length), revision)
  }
}
