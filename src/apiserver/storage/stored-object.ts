import { jsonEqual } from '../../machinery/equal.ts'
import { deepFreeze } from '../../machinery/freeze.ts'
import { parseWithLongIntegers } from '../../machinery/long-integers.ts'
import type { KubernetesObject, ObjectMeta, Writable } from '../../machinery/meta.ts'
import { parseApiVersion, type Resource } from '../../machinery/resource.ts'
import {
  bytesLength,
  compressedForm,
  keptBytes,
  largeValueBytes,
  outlineOf,
  type Bytes,
} from '../../store/large-value.ts'
import { withoutBulk } from './bulk.ts'
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
  /** What was written at this revision or later needs no normalizing. Default: everything does. */
  readonly normalizedSince?: bigint
  /** As in ResourceDefinition. */
  readonly bulkyField?: string
}

export function storedType<T extends KubernetesObject>(
  resource: Resource<T>,
  more: Omit<StoredType<T>, 'resource' | 'header'> = {},
): StoredType<T> {
  return {
    resource,
    header: Buffer.from(typeHeader(resource)),
    ...(more.selectableFields && { selectableFields: (object: T) => more.selectableFields!(object) }),
    ...(more.decode && { decode: (value: Uint8Array) => more.decode!(value) }),
    ...(more.normalize && { normalize: (object: KubernetesObject) => more.normalize!(object) }),
    ...(more.normalizedSince !== undefined && { normalizedSince: more.normalizedSince }),
    ...(more.bulkyField !== undefined && { bulkyField: more.bulkyField }),
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
  /** What the store has. */
  readonly bytes: Bytes
  /** Of what the store has, in bytes. */
  readonly length: number
  /** As it is sent: without resourceVersion. Undefined until it is asked for, where that takes work. */
  #sent: Bytes | undefined
  /**
   * One that was written here, and that of a large value or of a past version, may go when nobody holds it: it is made of
   * the bytes again.
   */
  #object: T | WeakRef<T> | undefined
  #metadata: ObjectMeta | undefined
  #outline: T | undefined
  #position = 0
  #fields: Readonly<Record<string, string>> | undefined

  /** `stored`: the bytes that the store has, read when they are needed; `object`: what they encode. */
  constructor(type: StoredType<T>, key: string, revision: bigint, stored: Bytes, object?: Writable<T>) {
    this.type = type
    this.key = key
    this.revision = revision
    this.resourceVersion = revision.toString()
    this.bytes = stored
    this.length = bytesLength(stored)
    // Few objects that are written are read soon.
    if (object) this.#object = new WeakRef(withResourceVersion(object, this.resourceVersion))
    // Most of what is large is never read.
    if (!object && (this.#needsNormalizing || compressedForm(stored))) return
    this.#arrange(object)
  }

  #prepare(): void {
    if (this.#needsNormalizing) this.#normalize()
    else this.#arrange()
  }

  #arrange(object?: Writable<T>): void {
    const { raw, type } = this
    this.#position = resourceVersionPosition(raw, type.header)
    if (this.#position >= 0) {
      this.#sent = this.bytes
      return
    }
    const decoded = (object ?? type.decode?.(raw) ?? parse(raw, type)) as T
    this.#rewrite(decoded, type.resource)
  }

  /** The bytes that the store has. */
  get raw(): Buffer {
    return asBuffer(this.bytes.value)
  }

  /** As stored, and as its schema has it: without resourceVersion. */
  get value(): Buffer {
    if (!this.#sent) this.#prepare()
    return asBuffer(this.#sent!.value)
  }

  get #needsNormalizing(): boolean {
    const { normalize, normalizedSince } = this.type
    return normalize !== undefined && (normalizedSince === undefined || this.revision < normalizedSince)
  }

  /** Stands in the store in another version than the one that is stored now. */
  get isOutdated(): boolean {
    const { header } = this.type
    return this.#needsNormalizing && this.raw.compare(header, 0, header.length, 0, header.length) !== 0
  }

  get object(): T {
    const held = this.#held
    if (held) return held
    const { value } = this
    // Comparing it with its schema, or arranging it, has made it.
    return (
      this.#held ??
      this.#hold(withResourceVersion(parse(value, this.type) as Writable<T>, this.resourceVersion), value)
    )
  }

  /** Holds the object only as long as others do; whoever asks for it later has it made of the bytes again. */
  release(): void {
    this.#outline = undefined
    this.#metadata = undefined
    if (this.#object && !(this.#object instanceof WeakRef)) this.#object = new WeakRef(this.#object)
  }

  get #held(): T | undefined {
    return this.#object instanceof WeakRef ? this.#object.deref() : this.#object
  }

  #hold(object: T, { length }: Uint8Array): T {
    this.#object = length < largeValueBytes ? object : new WeakRef(object)
    return object
  }

  /** Read alone, where the object has not been read: for those who want nothing else of many objects. */
  get metadata(): ObjectMeta {
    return this.#held?.metadata ?? (this.#metadata ??= this.#readMetadata())
  }

  /** The object with nothing in its bulky field, read alone: for those who want the rest of many objects. */
  get outline(): T {
    if (this.type.bulkyField === undefined) return this.object
    this.#outline ??= this.#readOutline(this.type.bulkyField)
    return this.#outline
  }

  #readOutline(bulkyField: string): T {
    const isOld = this.#needsNormalizing
    const kept = outlineOf(this.bytes)
    const outline = kept ? asBuffer(kept) : withoutBulk(isOld ? this.raw : this.value, bulkyField)
    const found = parse(outline, this.type) as Writable<KubernetesObject>
    const object = isOld ? this.type.normalize!(found) : found
    return withResourceVersion(object as Writable<T>, this.resourceVersion)
  }

  #readMetadata(): ObjectMeta {
    if (this.type.bulkyField !== undefined) return this.outline.metadata ?? {}
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
    const { raw } = this
    const found = parse(raw, this.type) as Writable<T>
    const object = this.type.normalize!(found) as unknown as T
    const position = resourceVersionPosition(raw, this.type.header)
    if (position >= 0 && jsonEqual(object, found)) {
      this.#position = position
      this.#sent = this.bytes
      this.#hold(withResourceVersion(found, this.resourceVersion), raw)
      return
    }
    const version = parseApiVersion(object.apiVersion ?? '')?.version ?? this.type.resource.version
    this.#rewrite(object, { ...this.type.resource, version })
  }

  #rewrite(object: T, resource: Resource<T>): void {
    const arranged = arrangeObject(resource, object)
    const value = encodeArranged(arranged)
    this.#sent = keptBytes(value)
    this.#position = resourceVersionPosition(value, Buffer.from(typeHeader(resource)))
    this.#hold(withResourceVersion(arranged, this.resourceVersion), value)
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
    if (!this.#sent) this.#prepare()
    // What has to be looked up in memory for it is what a list of many objects takes its time for.
    const length = this.#sent === this.bytes ? this.length : this.value.length
    return length + resourceVersionMember.length + this.resourceVersion.length + 1
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
    if (!this.#sent) this.#prepare()
    const held = this.#held
    const object = held && ({ ...held, metadata: { ...held.metadata } } as Writable<T>)
    return new StoredObject(this.type, this.key, revision, this.#sent!, object)
  }

  #writeFrom(start: number, target: Buffer, offset: number): number {
    const { value } = this
    const position = this.#position
    let at = offset + value.copy(target, offset, start, position)
    at = writeAscii(resourceVersionMember, target, at)
    at = writeAscii(this.resourceVersion, target, at)
    target[at++] = quote
    return at + value.copy(target, at, position)
  }
}

const metadataKey = '"metadata":'
const openingBrace = 0x7b
const lineBreak = 0x0a
const quote = 0x22
const resourceVersionMember = ',"resourceVersion":"'

/** Returns the offset behind the text. To ask Node.js for it would cost more than so few characters do. */
function writeAscii(text: string, target: Buffer, offset: number): number {
  for (let index = 0; index < text.length; index++) target[offset + index] = text.charCodeAt(index)
  return offset + text.length
}

function withResourceVersion<T extends KubernetesObject>(object: Writable<T>, resourceVersion: string): T {
  const metadata = object.metadata as { resourceVersion?: string }
  metadata.resourceVersion = resourceVersion
  return deepFreeze(object) as T
}

function asBuffer(value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

/** Only of objects without a Go type may integers be longer than numbers can tell. */
function parse(value: Buffer, { normalize }: Pick<StoredType, 'normalize'>): unknown {
  return normalize ? parseWithLongIntegers(value.toString()) : JSON.parse(value.toString())
}
