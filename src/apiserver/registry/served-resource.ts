import type { Conversion, ResourceDefinition, Strategy, VersionRules } from '../../api/definition.ts'
import { encodeMessage } from '../../api/protobuf/encode.ts'
import { hasProtobuf } from '../../api/protobuf/message-plan.ts'
import { schemaOf } from '../../api/scheme.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { deepFreeze } from '../../machinery/freeze.ts'
import type { WatchedEvent } from '../storage/cache-event.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { Registry } from './registry.ts'
import { objectRules, statusRules, type UpdateRules } from './update-rules.ts'

/** A version of a kind, by the name of the kind or of the resource. */
export type ServedName = { readonly group: string; readonly version: string } & (
  | { readonly kind: string }
  | { readonly resource: string }
)

/**
 * One version under which the objects of a registry are served. Writes are handled in the working version: the stored
 * one for built-in kinds, the served one for custom resources, whose versions have rules of their own.
 */
export class ServedResource {
  readonly definition: ResourceDefinition
  /** As clients name it. */
  readonly resource: Resource
  readonly registry: Registry
  /** Absent for the version that is stored. */
  readonly conversion: Conversion<KubernetesObject> | undefined
  #converted: WeakMap<StoredObject, KubernetesObject> | undefined
  #messages: WeakMap<StoredObject, Buffer> | undefined
  #schema: ObjectSchema | undefined
  #rules: UpdateRules | undefined
  #statusRules: UpdateRules | undefined

  constructor(registry: Registry, conversion?: Conversion<KubernetesObject>) {
    this.registry = registry
    this.definition = registry.definition
    this.conversion = conversion
    this.resource = conversion?.resource ?? registry.definition.resource
  }

  /** Found or made when it is first asked for. */
  get schema(): ObjectSchema {
    const { conversion, definition } = this
    this.#schema ??= schemaFor(this.resource, conversion ? conversion.schema : definition.schema)
    return this.#schema
  }

  /** Made from a CustomResourceDefinition. */
  get isCustom(): boolean {
    return this.definition.isCustom === true
  }

  /** Custom resources have none, and neither have a few built-in kinds. */
  get hasProtobuf(): boolean {
    return !this.isCustom && hasProtobuf(this.schema)
  }

  /** `apps/v1` */
  get apiVersion(): string {
    return apiVersionOf(this.resource)
  }

  get strategy(): Strategy {
    return this.#own.strategy
  }

  get columns(): VersionRules['columns'] {
    return this.#own.columns
  }

  get deprecation(): string | undefined {
    const { conversion, definition } = this
    return (conversion ? (conversion.own ?? conversion) : definition).deprecation
  }

  /** Field labels of this version with those of the stored one that they mean; absent where they are the same. */
  get fieldLabels(): Conversion<KubernetesObject>['fieldLabels'] {
    return this.conversion ? this.conversion.fieldLabels : this.definition.fieldLabels
  }

  get #own(): VersionRules {
    return this.conversion?.own ?? this.definition
  }

  /** Of PUT and PATCH of the object itself. */
  get rules(): UpdateRules {
    return (this.#rules ??= objectRules(this))
  }

  /** Of PUT and PATCH of its status. */
  get statusRules(): UpdateRules {
    return (this.#statusRules ??= statusRules(this))
  }

  /** The resource in the working version. */
  get workingResource(): Resource {
    return this.conversion?.own ? this.resource : this.definition.resource
  }

  /** Of the working version. */
  get workingSchema(): ObjectSchema {
    return this.conversion?.own ? this.schema : this.registry.served.schema
  }

  /** What is shown is what is stored: its bytes can be sent as they are. */
  get sendsStored(): boolean {
    return !this.conversion && !this.definition.convertStored
  }

  get #convert(): Conversion<KubernetesObject>['convert'] {
    return this.conversion ? this.conversion.convert : this.definition.convertStored
  }

  /** Converts what `show` is about to be asked for, all at once, where that cannot be done on the spot. */
  async prepare(objects: readonly StoredObject[]): Promise<void> {
    const convert = this.#convert
    if (!convert) return
    const missing: StoredObject[] = []
    const shown = (this.#converted ??= new WeakMap())
    for (const stored of objects) {
      if (shown.has(stored)) continue
      if (stored.object.apiVersion === this.apiVersion) shown.set(stored, stored.object)
      else missing.push(stored)
    }
    if (missing.length === 0) return
    const converted = await convert(
      missing.map(({ object }) => object),
      this.apiVersion,
    )
    for (const [index, stored] of missing.entries()) {
      shown.set(stored, deepFreeze(converted[index]!))
    }
  }

  /** The same, for the events of a watch. */
  async prepareEvents(events: readonly WatchedEvent[]): Promise<void> {
    if (!this.#convert) return
    await this.prepare(events.flatMap((event) => ('stored' in event ? [event.stored] : [])))
  }

  /** The object as this version shows it; the same one each time. */
  show(stored: StoredObject): KubernetesObject {
    if (this.sendsStored) return stored.object
    this.#converted ??= new WeakMap()
    let shown = this.#converted.get(stored)
    if (!shown) {
      if (this.#convert) throw new Error('an object is shown before it was converted')
      shown = deepFreeze(this.#fromStored(stored.object))
      this.#converted.set(stored, shown)
    }
    return shown
  }

  /** The object's protobuf message, without an envelope; encoded once. */
  protobuf(stored: StoredObject): Buffer {
    this.#messages ??= new WeakMap()
    let message = this.#messages.get(stored)
    if (!message) {
      message = encodeMessage(this.show(stored), this.schema)
      this.#messages.set(stored, message)
    }
    return message
  }

  /** What stands in the store, in the working version. */
  async working(stored: StoredObject): Promise<KubernetesObject> {
    if (this.sendsStored || (this.conversion && !this.conversion.own)) return stored.object
    await this.prepare([stored])
    return this.show(stored)
  }

  /** A decoded object of this version in the working version. */
  toWorking(object: Writable<KubernetesObject>): Writable<KubernetesObject> {
    if (!this.conversion || this.conversion.own) return object
    return this.conversion.toStored(object) as Writable<KubernetesObject>
  }

  /** An object of the working version as this version shows it. */
  fromWorking(object: KubernetesObject): KubernetesObject {
    return !this.conversion || this.conversion.own ? object : this.#fromStored(object)
  }

  /** An object of the working version as it is stored. */
  async toStored(object: Writable<KubernetesObject>): Promise<Writable<KubernetesObject>> {
    if (!this.conversion?.own) return object
    const { convert } = this.conversion
    if (!convert) return this.conversion.toStored(object) as Writable<KubernetesObject>
    const [converted] = await convert([object], apiVersionOf(this.definition.resource))
    return converted as Writable<KubernetesObject>
  }

  /** An object that is no longer, or not, in the store, as this version shows it. */
  async present(object: KubernetesObject): Promise<KubernetesObject> {
    if (this.sendsStored) return object
    const convert = this.#convert
    return convert ? (await convert([object], this.apiVersion))[0]! : this.#fromStored(object)
  }

  /**
   * An object of the working version as `target` shows it. What somebody else converts counts as having the same fields
   * there, as this is done on the spot.
   */
  inVersion(object: KubernetesObject, target: ServedResource): KubernetesObject {
    if (target === this) return this.fromWorking(object)
    if (!this.definition.isCustom) return target.fromWorking(object)
    if (this.#convert || target.#convert) return { ...object, apiVersion: target.apiVersion }
    const stored = this.conversion ? this.conversion.toStored(object) : object
    return target.conversion ? target.#fromStored(stored) : stored
  }

  #fromStored(object: KubernetesObject): KubernetesObject {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = this.conversion!.fromStored(object)
    return { kind: this.resource.kind, apiVersion: this.apiVersion, ...rest }
  }
}

function schemaFor(resource: Resource, own: ObjectSchema | undefined): ObjectSchema {
  const schema = own ?? schemaOf(resource)
  if (!schema) throw new Error(`no schema is known of ${apiVersionOf(resource)} ${resource.kind}`)
  return schema
}
