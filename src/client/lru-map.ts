/** A map that forgets what was used longest ago once it holds more than `maxEntries`. */
export interface LruMap<Value> {
  get(key: string): Value | undefined
  set(key: string, value: Value): void
}

export function createLruMap<Value>(maxEntries: number): LruMap<Value> {
  const entries = new Map<string, Value>()
  return {
    get(key) {
      const value = entries.get(key)
      if (value === undefined) return undefined
      entries.delete(key)
      entries.set(key, value)
      return value
    },
    set(key, value) {
      entries.delete(key)
      entries.set(key, value)
      if (entries.size <= maxEntries) return
      for (const oldest of entries.keys()) {
        entries.delete(oldest)
        return
      }
    },
  }
}
