import type { Entry, Store, StoreEvent } from '../../../store/store.ts'
import { StoreError } from '../../../store/store.ts'
import { registryRoot, type Shelf, type StoreFeed } from '../../storage/store-feed.ts'

/** Who has which things. */
export interface OwnedItems {
  ownerOf(item: string): string | undefined
  all(): readonly (readonly [item: string, owner: string])[]
  /** Whether `owner` has `item` now. What it had already, from a write that did not come about, it keeps. */
  claim(item: string, owner: string): Promise<boolean>
  /** Gives `item` back, if `owner` has it. */
  release(item: string, owner: string): Promise<void>
}

/**
 * Things of which each may have one owner, among all API servers on a store: ports. A claim is an entry of
 * the store that only one can create, so two never have the same.
 */
export class Claims implements Shelf, OwnedItems {
  readonly #prefix: string
  readonly #store: Store
  readonly #feed: StoreFeed
  readonly #claims = new Map<string, { readonly owner: string; readonly revision: bigint }>()

  /** `name`: `servicenodeports`. */
  constructor(name: string, store: Store, feed: StoreFeed) {
    this.#prefix = `${registryRoot}ranges/${name}/`
    this.#store = store
    this.#feed = feed
    for (const entry of feed.attach(this.#prefix, this)) this.#put(entry)
  }

  get size(): number {
    return this.#claims.size
  }

  /** Who has `item`. */
  ownerOf(item: string): string | undefined {
    return this.#claims.get(item)?.owner
  }

  all(): readonly (readonly [item: string, owner: string])[] {
    return Array.from(this.#claims, ([item, { owner }]) => [item, owner])
  }

  /** Whether `owner` has `item` now. What it had already, from a write that did not come about, it keeps. */
  async claim(item: string, owner: string): Promise<boolean> {
    const known = this.ownerOf(item)
    if (known !== undefined) return known === owner
    try {
      const value = Buffer.from(JSON.stringify({ owner }))
      this.#put(await this.#store.create(this.#prefix + item, value))
      return true
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
      if (error.found) this.#put(error.found)
      return this.ownerOf(item) === owner
    }
  }

  /** Gives `item` back, if `owner` has it. */
  async release(item: string, owner: string): Promise<void> {
    const claim = this.#claims.get(item)
    if (claim?.owner !== owner) return
    try {
      await this.#store.delete(this.#prefix + item, claim.revision)
      this.#claims.delete(item)
    } catch (error) {
      if (!(error instanceof StoreError) || error.reason !== 'conflict') throw error
    }
  }

  close(): void {
    this.#feed.detach(this.#prefix, [])
  }

  onEvent(event: StoreEvent): void {
    if (event.type === 'put') this.#put(event.entry)
    else this.#claims.delete(event.key.slice(this.#prefix.length))
  }

  onReplaced(entries: readonly Entry[]): void {
    this.#claims.clear()
    for (const entry of entries) this.#put(entry)
  }

  #put({ key, value, revision }: Entry): void {
    const { owner } = JSON.parse(Buffer.from(value).toString()) as { readonly owner: string }
    this.#claims.set(key.slice(this.#prefix.length), { owner, revision })
  }
}
