import { jsonEqual } from '../../machinery/equal.ts'
import { deepFreeze } from '../../machinery/freeze.ts'
import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { parseApiVersion, type Resource } from '../../machinery/resource.ts'
import { endOfObject } from './json-bytes.ts'
import { arrangeObject, encodeArranged, resourceVersionPosition, typeHeader } from './object-encoding.ts'

/** What all objects of one resource share. */
export interface StoredType<T extends KubernetesObject = KubernetesObject> {
  readonly resource: Resource<T>
  /** `{"kind":"Pod","apiVersion":"v1",` */
  readonly header: Buffer
  /** Values for field selectors, beside metadata.name and metadata.namespace. */
  selectableFields?(object: T): Readonly<Record<string, string>>
  /** Brings bytes that this code did not write (another version, another server) to an object of `resource`. */
  decode?(value: Uint8Array): T
  /** Makes what stands in the store what the schema says now, which may be another than when it was written. */
  normalize?(object: KubernetesObject): Writable<KubernetesObject>
}

export function storedType<T extends KubernetesObject>(
  resource: Resource<T>,
  more: Pick<StoredType<T>, 'selectableFields' | 'decode' | 'normalize'> = {},
): StoredType<T> {
  return {
    resource,
    header: Buffer.from(typeHeader(resource)),
    ...(more.selectableFields && { selectableFields: (object: T) => more.selectableFields!(object) }),
    ...(more.decode && { decode: (value: Uint8Array) => more.decode!(value) }),
    ...(more.normalize && { normalize: (object: KubernetesObject) => more.normalize!(object) }),
  }
}

/**
 * One version of one object: there is one in the process, shared by the cache, all lists, all watches and all components
 * of the process. It keeps the bytes that the store has; the object is made of them when it is first asked for, unless
 * it was written here. Frozen throughout.
 */
export class StoredObject<T extends KubernetesObject = KubernetesObject> {
  readonly type: StoredType<T>
  /** `namespace/name`, or `name`. */
  readonly key: string
  readonly revision: bigint
  readonly resourceVersion: string
  /** The bytes that the store has. */
  readonly raw: Buffer
  /** As it is sent: without resourceVersion. Undefined until it has been compared with its schema. */
  #value: Buffer | undefined
  #object: T | undefined
  #metadata: ObjectMeta | undefined
  #position = 0
  #fields: Readonly<Record<string, string>> | undefined

  constructor(type: StoredType<T>, key: string, revision: bigint, value: Uint8Array, object?: Writable<T>) {
    this.type = type
    this.key = key
    this.revision = revision
    this.resourceVersion = revision.toString()
    this.raw = asBuffer(value)
    if (object) this.#object = withResourceVersion(object, this.resourceVersion)
    if (!object && type.normalize) return
    this.#position = resourceVersionPosition(this.raw, type.header)
    if (this.#position >= 0) {
      this.#value = this.raw
      return
    }
    const decoded = (object ?? type.decode?.(value) ?? parse(this.raw)) as T
    this.#rewrite(decoded, type.resource)
  }

  /** As stored, and as its schema has it: without resourceVersion. */
  get value(): Buffer {
    if (!this.#value) this.#normalize()
    return this.#value!
  }

  /** Stands in the store in another version than the one that is stored now. */
  get isOutdated(): boolean {
    const { header, normalize } = this.type
    return normalize !== undefined && this.raw.compare(header, 0, header.length, 0, header.length) !== 0
  }

  get object(): T {
    if (!this.#value) this.#normalize()
    this.#object ??= withResourceVersion(parse(this.#value!) as Writable<T>, this.resourceVersion)
    return this.#object
  }

  /** Read alone, where the object has not been read: for those who want nothing else of many objects. */
  get metadata(): ObjectMeta {
    return this.#object?.metadata ?? (this.#metadata ??= this.#readMetadata())
  }

  #readMetadata(): ObjectMeta {
    const { raw, type } = this
    const start = type.header.length + metadataKey.length
    const isArranged = resourceVersionPosition(raw, type.header) >= 0
    if (!isArranged || raw.toString('latin1', type.header.length, start) !== metadataKey) {
      return this.object.metadata ?? {}
    }
    const metadata = JSON.parse(raw.toString('utf8', start, endOfObject(raw, start) + 1)) as ObjectMeta
    return deepFreeze({ ...metadata, resourceVersion: this.resourceVersion })
  }

  #normalize(): void {
    const found = parse(this.raw) as Writable<T>
    const object = this.type.normalize!(found) as unknown as T
    const position = resourceVersionPosition(this.raw, this.type.header)
    if (position >= 0 && jsonEqual(object, found)) {
      this.#position = position
      this.#value = this.raw
      this.#object = withResourceVersion(found, this.resourceVersion)
      return
    }
    const version = parseApiVersion(object.apiVersion ?? '')?.version ?? this.type.resource.version
    this.#rewrite(object, { ...this.type.resource, version })
  }

  #rewrite(object: T, resource: Resource<T>): void {
    const arranged = arrangeObject(resource, object)
    this.#value = encodeArranged(arranged)
    this.#position = resourceVersionPosition(this.#value, Buffer.from(typeHeader(resource)))
    this.#object = withResourceVersion(arranged, this.resourceVersion)
  }

  /** `''` for cluster-scoped objects. */
  get namespace(): string {
    return this.key.slice(0, Math.max(0, this.key.indexOf('/')))
  }

  get name(): string {
    return this.key.slice(this.key.indexOf('/') + 1)
  }

  /** The values that field selectors see. */
  get fields(): Readonly<Record<string, string>> {
    this.#fields ??= {
      ...this.type.selectableFields?.(this.object),
      'metadata.name': this.name,
      'metadata.namespace': this.namespace,
    }
    return this.#fields
  }

  /** The length of the JSON of the object with kind, apiVersion and resourceVersion, in bytes. */
  get encodedLength(): number {
    return this.value.length + resourceVersionLength(this.resourceVersion)
  }

  /** Writes the JSON of the object to `target` at `offset`; returns the offset behind it. */
  encodeInto(target: Buffer, offset: number): number {
    return this.#writeFrom(0, target, offset)
  }

  /** The length of the JSON without kind and apiVersion: as an item of a list. */
  get itemLength(): number {
    return this.encodedLength - this.type.header.length + 1
  }

  encodeItemInto(target: Buffer, offset: number): number {
    target[offset] = openingBrace
    return this.#writeFrom(this.type.header.length, target, offset + 1)
  }

  /** The JSON of the object and a line break, in a buffer of its own. */
  encodeLine(): Buffer {
    const target = Buffer.allocUnsafe(this.encodedLength + 1)
    target[this.encodeInto(target, 0)] = lineBreak
    return target
  }

  /** The same content under a later revision: what a watch is told when the object is gone. */
  at(revision: bigint): StoredObject<T> {
    const object =
      this.#object && ({ ...this.#object, metadata: { ...this.#object.metadata } } as Writable<T>)
    return new StoredObject(this.type, this.key, revision, this.value, object)
  }

  #writeFrom(start: number, target: Buffer, offset: number): number {
    const { value } = this
    const position = this.#position
    let at = offset + value.copy(target, offset, start, position)
    at += target.write(`,"resourceVersion":"${this.resourceVersion}"`, at, 'latin1')
    return at + value.copy(target, at, position)
  }
}

const metadataKey = '"metadata":'
const openingBrace = 0x7b
const lineBreak = 0x0a

function resourceVersionLength(resourceVersion: string): number {
  return `,"resourceVersion":""`.length + resourceVersion.length
}

function withResourceVersion<T extends KubernetesObject>(object: Writable<T>, resourceVersion: string): T {
  const metadata = object.metadata as { resourceVersion?: string }
  metadata.resourceVersion = resourceVersion
  return deepFreeze(object) as T
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function parse(value: Buffer): unknown {
  return JSON.parse(value.toString())
}
