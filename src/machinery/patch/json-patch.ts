import { writableCopy } from '../copy.ts'
import { jsonEqual } from '../equal.ts'
import { goQuote } from '../go-format.ts'
import { exceedsDepth } from '../json-depth.ts'
import type { JsonValue } from '../meta.ts'
import { PatchError } from './patch-error.ts'

/*
 * JSON Patch (RFC 6902), with the leniency and the words of evanphx/json-patch v4, which upstream uses: negative
 * indexes count from the end, `replace` adds a missing key of an object, `test` takes a missing key for null.
 */

/** How many operations one PATCH request may carry. */
export const maxJsonPatchOperations = 10_000

/** How much one patch may copy, in bytes of JSON: a few copies of copies would be as large as the memory. */
const maxCopiedBytes = 3 * 1024 * 1024

export interface JsonPatchOperation {
  readonly op?: unknown
  readonly path?: unknown
  readonly from?: unknown
  readonly value?: JsonValue
}

/** Checks that a decoded body is a list of operations. Throws a PatchError. */
export function parseJsonPatch(patch: unknown, maxOperations = Infinity): readonly JsonPatchOperation[] {
  if (patch === null) return []
  if (!Array.isArray(patch)) throw notOfType(patch, 'Patch')
  if (patch.length > maxOperations) {
    throw PatchError.tooLarge(
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${patch.length}`,
    )
  }
  for (const operation of patch as readonly unknown[]) {
    if (typeof operation !== 'object' || Array.isArray(operation)) throw notOfType(operation, 'Operation')
  }
  return patch.map((operation) => (operation ?? {}) as JsonPatchOperation)
}

function notOfType(value: unknown, type: string): PatchError {
  const kind = typeof value === 'boolean' ? 'bool' : Array.isArray(value) ? 'array' : typeof value
  return PatchError.malformed(`json: cannot unmarshal ${kind} into Go value of type jsonpatch.${type}`)
}

/** The document with all operations applied, one after the other. Throws a PatchError; the document stays as it is. */
export function applyJsonPatch(document: JsonValue, patch: readonly JsonPatchOperation[]): JsonValue {
  const target = new Target(writableCopy(document) as Node)
  for (const operation of patch) target.apply(operation)
  return target.root
}

type Node = null | undefined | string | number | boolean | Node[] | { [key: string]: Node }
type Container = Node[] | { [key: string]: Node }

/** A step of an operation went wrong; the operation says which path it was. */
class StepError extends Error {}

const missing = 'missing value'

class Target {
  #root: Node
  #copiedBytes = 0

  constructor(root: Node) {
    this.#root = root
  }

  get root(): JsonValue {
    return this.#root as JsonValue
  }

  apply(operation: JsonPatchOperation): void {
    try {
      this.#apply(operation)
    } catch (error) {
      if (error instanceof StepError) throw PatchError.inapplicable(error.message)
      throw error
    }
  }

  #apply(operation: JsonPatchOperation): void {
    const op = operation.op ?? 'unknown'
    switch (op) {
      case 'add':
        return this.#add(operation)
      case 'remove':
        return this.#remove(operation)
      case 'replace':
        return this.#replace(operation)
      case 'move':
        return this.#move(operation)
      case 'copy':
        return this.#copy(operation)
      case 'test':
        return this.#test(operation)
      default:
        throw new StepError(`Unexpected kind: ${typeof op === 'string' ? op : 'unknown'}`)
    }
  }

  #add(operation: JsonPatchOperation): void {
    const path = pathOf(operation, `add operation failed to decode path: ${missing}`)
    const place = this.#find(path)
    if (!place) {
      throw new StepError(`add operation does not apply: doc is missing path: ${goQuote(path)}: ${missing}`)
    }
    within(`error in add for path: '${path}'`, () => add(place, valueOf(operation)))
  }

  #remove(operation: JsonPatchOperation): void {
    const path = pathOf(operation, `remove operation failed to decode path: ${missing}`)
    const place = this.#find(path)
    if (!place) {
      throw new StepError(
        `remove operation does not apply: doc is missing path: ${goQuote(path)}: ${missing}`,
      )
    }
    within(`error in remove for path: '${path}'`, () => remove(place))
  }

  #replace(operation: JsonPatchOperation): void {
    const path = pathOf(
      operation,
      `replace operation failed to decode path: operation missing path field: ${missing}`,
    )
    if (path === '') return this.#replaceRoot(valueOf(operation))
    const place = this.#find(path)
    if (!place) {
      throw new StepError(`replace operation does not apply: doc is missing path: ${path}: ${missing}`)
    }
    try {
      get(place)
    } catch (error) {
      if (!(error instanceof StepError)) throw error
      throw new StepError(`replace operation does not apply: doc is missing key: ${path}: ${missing}`)
    }
    set(place, valueOf(operation))
  }

  #replaceRoot(value: Node): void {
    if (!isContainer(value)) throw new StepError('replace operation value must be object or array')
    this.#root = value
  }

  #move(operation: JsonPatchOperation): void {
    const from = fromOf(
      operation,
      `move operation failed to decode from: operation, missing from field: ${missing}`,
    )
    const source = this.#find(from)
    if (!source) {
      throw new StepError(`move operation does not apply: doc is missing from path: ${from}: ${missing}`)
    }
    const value = within(`error in move for path: '${source.key}'`, () => {
      const found = get(source)
      remove(source)
      return found
    })
    const path = pathOf(
      operation,
      `move operation failed to decode path: operation missing path field: ${missing}`,
    )
    const place = this.#find(path)
    if (!place) {
      throw new StepError(
        `move operation does not apply: doc is missing destination path: ${path}: ${missing}`,
      )
    }
    within(`error in move for path: '${path}'`, () => add(place, value))
  }

  #copy(operation: JsonPatchOperation): void {
    const from = fromOf(
      operation,
      `copy operation failed to decode from: operation, missing from field: ${missing}`,
    )
    const source = this.#find(from)
    if (!source) {
      throw new StepError(`copy operation does not apply: doc is missing from path: ${from}: ${missing}`)
    }
    const value = within(`error in copy for from: '${from}'`, () => get(source))
    const path = pathOf(operation, `copy operation failed to decode path: ${missing}`)
    const place = this.#find(path)
    if (!place) {
      throw new StepError(
        `copy operation does not apply: doc is missing destination path: ${path}: ${missing}`,
      )
    }
    within('error while adding value during copy', () => add(place, this.#copyOf(value)))
  }

  #copyOf(value: Node): Node {
    if (exceedsDepth(value)) throw new StepError('exceeded max depth')
    this.#copiedBytes += Buffer.byteLength(JSON.stringify(value ?? null))
    if (this.#copiedBytes > maxCopiedBytes) {
      throw new StepError(
        'Unable to complete the copy, the accumulated size increase of copy is ' +
          `${this.#copiedBytes}, exceeding the limit ${maxCopiedBytes}`,
      )
    }
    return writableCopy<Node>(value)
  }

  #test(operation: JsonPatchOperation): void {
    const path = pathOf(
      operation,
      `test operation failed to decode path: operation missing path field: ${missing}`,
    )
    const place = path === '' ? undefined : this.#find(path)
    if (path !== '' && !place) {
      throw new StepError(`test operation does not apply: is missing path: ${path}: ${missing}`)
    }
    const found = place ? within(`error in test for path: '${path}'`, () => get(place)) : this.#root
    if (!jsonEqual(found ?? null, valueOf(operation) ?? null)) {
      throw new StepError(`testing value ${path} failed: test failed`)
    }
  }

  /** Where a path ends: the container and the key in it, which need not be there. */
  #find(path: string): Place | undefined {
    const [first, ...parts] = path.split('/')
    const last = parts.pop()
    if (first === undefined || last === undefined || !isContainer(this.#root)) return undefined
    let container: Container = this.#root
    for (const part of parts) {
      const next = getOrUndefined({ container, key: decodeKey(part) })
      if (!isContainer(next)) return undefined
      container = next
    }
    return { container, key: decodeKey(last) }
  }
}

interface Place {
  readonly container: Container
  readonly key: string
}

function isContainer(value: Node): value is Container {
  return typeof value === 'object' && value !== null
}

/** RFC 6901, section 4. */
function decodeKey(part: string): string {
  return part.replace(/~[01]/g, (escape) => (escape === '~1' ? '/' : '~'))
}

function get({ container, key }: Place): Node {
  if (!Array.isArray(container)) return Object.hasOwn(container, key) ? container[key] : undefined
  return container[existingIndex(container, key)]
}

function getOrUndefined(place: Place): Node {
  try {
    return get(place)
  } catch (error) {
    if (error instanceof StepError) return undefined
    throw error
  }
}

function set({ container, key }: Place, value: Node): void {
  if (Array.isArray(container)) container[existingIndex(container, key)] = value
  else setKey(container, key, value)
}

function add({ container, key }: Place, value: Node): void {
  if (!Array.isArray(container)) return setKey(container, key, value)
  if (key === '-') return void container.push(value)
  const index = within(`value was not a proper array index: '${key}'`, () => parseIndex(key))
  container.splice(inBounds(index, container.length + 1), 0, value)
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) {
    container.splice(existingIndex(container, key), 1)
    return
  }
  if (!Object.hasOwn(container, key)) {
    throw new StepError(`Unable to remove nonexistent key: ${key}: ${missing}`)
  }
  delete container[key]
}

/** An own property in any case, also when the key is `__proto__`. */
function setKey(container: { [key: string]: Node }, key: string, value: Node): void {
  Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true })
}

function existingIndex(list: readonly Node[], key: string): number {
  return inBounds(parseIndex(key), list.length)
}

function inBounds(index: number, length: number): number {
  if (index >= length || index < -length) {
    throw new StepError(`Unable to access invalid index: ${index}: invalid index referenced`)
  }
  return index < 0 ? index + length : index
}

function parseIndex(key: string): number {
  if (!/^[-+]?[0-9]+$/.test(key)) throw new StepError(`strconv.Atoi: parsing ${goQuote(key)}: invalid syntax`)
  return Number(key)
}

function pathOf({ path }: JsonPatchOperation, otherwise: string): string {
  if (typeof path !== 'string') throw new StepError(otherwise)
  return path
}

function fromOf({ from }: JsonPatchOperation, otherwise: string): string {
  if (typeof from !== 'string') throw new StepError(otherwise)
  return from
}

/** A value of its own, since later operations may change it. */
function valueOf({ value }: JsonPatchOperation): Node {
  return value === undefined ? null : (writableCopy(value) as Node)
}

function within<T>(context: string, step: () => T): T {
  try {
    return step()
  } catch (error) {
    if (error instanceof StepError) throw new StepError(`${context}: ${error.message}`)
    throw error
  }
}
