/** Something that is replaced as a whole when its source changes: each value is immutable, and another object. */
export interface Reloadable<T> {
  readonly current: T
}

/** What `make` makes of the current value, made anew when there is another one. */
export function whenReloaded<T, Made>(source: Reloadable<T>, make: (value: T) => Made): () => Made {
  let seen = source.current
  let made = make(seen)
  return () => {
    const { current } = source
    if (current !== seen) {
      made = make(current)
      seen = current
    }
    return made
  }
}
