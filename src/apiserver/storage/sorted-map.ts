import { OrderedKeys } from '../../store/mvcc/ordered-keys.ts'

/** A value under its key. */
interface Entry<Value> {
  readonly key: string
  value: Value
}

/** A map that is also listed in the order of its keys: constant look-up, insertion and removal among few keys. */
export class SortedMap<Value> {
  readonly #entries = new Map<string, Entry<Value>>()
  #order = new OrderedKeys<Entry<Value>>()

  get size(): number {
    return this.#entries.size
  }

  get(key: string): Value | undefined {
    return this.#entries.get(key)?.value
  }

  set(key: string, value: Value): void {
    const found = this.#entries.get(key)
    if (found) {
      found.value = value
      return
    }
    const entry = { key, value }
    this.#entries.set(key, entry)
    this.#order.add(entry)
  }

  delete(key: string): boolean {
    if (!this.#entries.delete(key)) return false
    this.#order.remove(key)
    return true
  }

  clear(): void {
    this.#entries.clear()
    this.#order = new OrderedKeys()
  }

  /** Calls `visit` for every entry whose key starts with `prefix` and is at least `from`, in order, until it answers false. */
  visit(prefix: string, from: string, visit: (value: Value, key: string) => boolean | void): void {
    this.#order.visit(prefix, from, ({ value, key }) => visit(value, key) !== false)
  }

  /** How many keys start with `prefix` and are at least `from`. */
  count(prefix: string, from: string): number {
    return this.#order.count(prefix, from)
  }
}
