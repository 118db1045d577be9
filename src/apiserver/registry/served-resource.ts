import type { Conversion, ResourceDefinition } from '../../api/definition.ts'
import { encodeMessage } from '../../api/protobuf/encode.ts'
import { hasProtobuf } from '../../api/protobuf/message-plan.ts'
import { schemaOf } from '../../api/scheme.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { deepFreeze } from '../../machinery/freeze.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { Registry } from './registry.ts'

/** One version under which the objects of a registry are served. */
export class ServedResource {
  readonly definition: ResourceDefinition
  /** As clients name it. */
  readonly resource: Resource
  readonly schema: ObjectSchema
  readonly registry: Registry
  /** Absent for the version that is stored. */
  readonly conversion: Conversion<KubernetesObject> | undefined
  readonly #converted = new WeakMap<StoredObject, KubernetesObject>()
  readonly #messages = new WeakMap<StoredObject, Buffer>()

  constructor(registry: Registry, conversion?: Conversion<KubernetesObject>) {
    this.registry = registry
    this.definition = registry.definition
    this.conversion = conversion
    this.resource = conversion?.resource ?? registry.definition.resource
    this.schema = schemaFor(this.resource, conversion ? conversion.schema : registry.definition.schema)
  }

  /** Made from a CustomResourceDefinition. */
  get isCustom(): boolean {
    return this.definition.schema !== undefined
  }

  /** A few built-in kinds have none either. */
  get hasProtobuf(): boolean {
    return hasProtobuf(this.schema)
  }

  /** `apps/v1` */
  get apiVersion(): string {
    return apiVersionOf(this.resource)
  }

  /** The object as this version shows it; the same one each time. */
  show(stored: StoredObject): KubernetesObject {
    if (!this.conversion) return stored.object
    let shown = this.#converted.get(stored)
    if (!shown) {
      shown = deepFreeze(this.convert(stored.object))
      this.#converted.set(stored, shown)
    }
    return shown
  }

  /** The object's protobuf message, without an envelope; encoded once. */
  protobuf(stored: StoredObject): Buffer {
    let message = this.#messages.get(stored)
    if (!message) {
      message = encodeMessage(this.show(stored), this.schema)
      this.#messages.set(stored, message)
    }
    return message
  }

  /** As show, for an object that is not in the store. */
  convert(object: KubernetesObject): KubernetesObject {
    if (!this.conversion) return object
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = this.conversion.fromStored(object)
    return { kind: this.resource.kind, apiVersion: this.apiVersion, ...rest }
  }
}

function schemaFor(resource: Resource, own: ObjectSchema | undefined): ObjectSchema {
  const schema = own ?? schemaOf(resource)
  if (!schema) throw new Error(`no schema is known of ${apiVersionOf(resource)} ${resource.kind}`)
  return schema
}
