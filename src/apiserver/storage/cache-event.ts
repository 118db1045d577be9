import type { KubernetesObject, Status, WatchEvent, WatchEventType } from '../../machinery/meta.ts'
import { largeValueBytes } from '../../store/large-value.ts'
import type { StoredObject } from './stored-object.ts'

/** What a watcher is handed: a change of an object as the watcher's selection sees it, a bookmark, or the end by an error. */
export type WatchedEvent<T extends KubernetesObject = KubernetesObject> =
  | ObjectEvent<T>
  | BookmarkEvent
  | { readonly type: 'ERROR'; readonly status: Status & { readonly code: number } }

/** Shared by all watchers that see the change the same way, and so is its frame. Also what a Client's watch yields. */
export class ObjectEvent<T extends KubernetesObject = KubernetesObject> implements WatchEvent<T> {
  readonly type: Exclude<WatchEventType, 'BOOKMARK' | 'ERROR'>
  readonly stored: StoredObject<T>
  /** A large one is kept only while watchers send it. */
  #frame: Buffer | WeakRef<Buffer> | undefined

  constructor(type: ObjectEvent['type'], stored: StoredObject<T>) {
    this.type = type
    this.stored = stored
  }

  get object(): T {
    return this.stored.object
  }

  /** The event as one line of JSON, encoded once for the watchers that keep up. */
  get frame(): Buffer {
    const kept = this.#frame instanceof WeakRef ? this.#frame.deref() : this.#frame
    if (kept) return kept
    const frame = this.encodeFrame()
    this.#frame = frame.length < largeValueBytes ? frame : new WeakRef(frame)
    return frame
  }

  /** The same, not kept: for events that one watcher alone sees. */
  encodeFrame(): Buffer {
    const head = `{"type":"${this.type}","object":`
    const target = Buffer.allocUnsafe(head.length + this.stored.encodedLength + 2)
    let at = target.write(head, 0, 'latin1')
    at = this.stored.encodeInto(target, at)
    target.write('}\n', at, 'latin1')
    return target
  }
}

export interface BookmarkEvent {
  readonly type: 'BOOKMARK'
  readonly resourceVersion: string
  /** The state asked for by sendInitialEvents has been sent in full. */
  readonly initialEventsEnd: boolean
}

/** One change of one object, as the store told it. */
export class CacheEvent<T extends KubernetesObject = KubernetesObject> {
  readonly key: string
  readonly revision: bigint
  /** After the change; undefined when the object is gone. */
  readonly current: StoredObject<T> | undefined
  /** Before the change; undefined when the object is new. */
  readonly previous: StoredObject<T> | undefined
  #departed: StoredObject<T> | undefined
  #seenAs: Partial<Record<ObjectEvent['type'], ObjectEvent<T>>> = {}

  constructor(
    key: string,
    revision: bigint,
    current: StoredObject<T> | undefined,
    previous: StoredObject<T> | undefined,
  ) {
    this.key = key
    this.revision = revision
    this.current = current
    this.previous = previous
  }

  /** How a watcher sees the change whose selection had the object before and has it now, or not. */
  seenBy(had: boolean, has: boolean): ObjectEvent<T> | undefined {
    if (has) return this.#as(had ? 'MODIFIED' : 'ADDED', this.current!)
    return had ? this.#as('DELETED', this.departed) : undefined
  }

  /** The last content under the revision at which it went (or left a selection). */
  get departed(): StoredObject<T> {
    this.#departed ??= this.previous!.at(this.revision)
    return this.#departed
  }

  /** Lets go of what only watchers who keep up needed: encoded frames, and what the past version says as an object. */
  settle(): void {
    this.#seenAs = {}
    this.previous?.release()
  }

  #as(type: ObjectEvent['type'], stored: StoredObject<T>): ObjectEvent<T> {
    return (this.#seenAs[type] ??= new ObjectEvent(type, stored))
  }
}
