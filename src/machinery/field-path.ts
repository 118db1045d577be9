/**
 * The way from an object's root to a field, as error messages name it: `spec.containers[0].ports[http]`.
 * Links to its parent, so that building one during validation costs no string work.
 */
export class FieldPath {
  readonly #parent: FieldPath | undefined
  /** Joined with a dot when true, in brackets otherwise. */
  readonly #named: boolean
  readonly #part: string | number

  constructor(parent: FieldPath | undefined, named: boolean, part: string | number) {
    this.#parent = parent
    this.#named = named
    this.#part = part
  }

  /** `path.name`, and so on for more names. */
  child(name: string, ...more: readonly string[]): FieldPath {
    let result = new FieldPath(this, true, name)
    for (const next of more) result = new FieldPath(result, true, next)
    return result
  }

  /** `path[3]`. */
  index(index: number): FieldPath {
    return new FieldPath(this, false, index)
  }

  /** `path[key]`. */
  key(key: string): FieldPath {
    return new FieldPath(this, false, key)
  }

  toString(): string {
    if (!this.#named || this.#part === '') return `${this.#parent?.toString() ?? ''}[${this.#part}]`
    return this.#parent ? `${this.#parent.toString()}.${this.#part}` : String(this.#part)
  }
}

/** Starts a path at a field of the root: `path('spec', 'template')`. */
export function path(name: string, ...more: readonly string[]): FieldPath {
  return more.reduce((parent, next) => parent.child(next), new FieldPath(undefined, true, name))
}
