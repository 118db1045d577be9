import { applyDefaults } from '../../api/apply-defaults.ts'
import { compileResourceSchema } from '../../api/apiextensions/compile-schema.ts'
import { decode } from '../../api/decode.ts'
import { DecodeError } from '../../api/decode-error.ts'
import type { Conversion, PublishedSchema, ResourceDefinition } from '../../api/definition.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../api/generated/apiextensions.v1.ts'
import type { JsonValue, KubernetesObject, Writable } from '../../machinery/meta.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import type { StatusError } from '../../machinery/status.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { compareVersions } from '../discovery/group-order.ts'
import { customColumns } from './custom-columns.ts'
import { customStrategy } from './custom-strategy.ts'
import { selectedFields } from './selected-fields.ts'
import type { ConvertObjects } from './webhook-conversion.ts'

export interface DefinitionSource {
  /** Without schemas. */
  readonly outline: CustomResourceDefinition
  /** With schemas; read when one is needed. */
  full(): CustomResourceDefinition
  /** Another for other schemas, the same on every server. */
  schemasId(): string
  /** Of definitions whose conversion is somebody else's. */
  readonly convert?: ConvertObjects | undefined
  /** Why no object may be created, if there is a reason. */
  refuseCreate(name: string): StatusError | undefined
}

/** What the API server serves a custom resource by; undefined when there is no version to store it in. */
export function servedDefinition(source: DefinitionSource): ResourceDefinition | undefined {
  const { outline } = source
  const { spec } = outline
  const storage = spec.versions.find((version) => version.storage)
  const names = outline.status?.acceptedNames
  if (!storage || !names?.plural || !names.kind) return undefined
  const schemas = new VersionSchemas(source)
  const stored = versionPart(outline, storage, schemas)
  // A version that is stored but not served is no version to anybody else.
  const others = spec.versions.filter((version) => version.served && version !== storage)
  const hidden = spec.versions.filter((version) => !version.served && version !== storage)
  const { convert } = source
  /** What somebody else makes is pruned and defaulted as what a client sends. */
  const convertAll: ConvertObjects | undefined =
    convert &&
    (async (objects, apiVersion) => {
      const converted = await convert(objects, apiVersion)
      return converted.map((object) => schemas.normalize(object, undefined))
    })
  const conversion = (version: CustomResourceDefinitionVersion) =>
    conversionOf(versionPart(outline, version, schemas), stored, schemas, convertAll)
  return {
    resource: stored.resource,
    isCustom: true,
    isStoredVersionHidden: !storage.served,
    get schema() {
      return stored.schema()
    },
    publishedSchema: stored.published,
    singular: names.singular ?? names.kind.toLowerCase(),
    listKind: names.listKind ?? `${names.kind}List`,
    ...(names.shortNames && { shortNames: names.shortNames }),
    ...(names.categories && { categories: names.categories }),
    ...(stored.deprecation !== undefined && { deprecation: stored.deprecation }),
    alsoServedAs: others.map(conversion),
    ...(hidden.length > 0 && { notServedAs: hidden.map(conversion) }),
    strategy: stored.strategy,
    get columns() {
      return stored.columns()
    },
    selectableFields: selectedFields(spec.versions),
    selectableLabels: stored.selectable,
    fieldLabels: fieldLabelsOf(stored),
    normalize: (object) => schemas.normalize(object, convert ? undefined : stored.resource),
    ...(convertAll && { convertStored: convertAll }),
  }
}

/** The schemas of all versions, read when the first one is needed, and compiled one by one. */
class VersionSchemas {
  readonly #source: DefinitionSource
  #props: ReadonlyMap<string, JSONSchemaProps | undefined> | undefined
  readonly #compiled = new Map<string, ObjectSchema>()
  #id: string | undefined

  constructor(source: DefinitionSource) {
    this.#source = source
  }

  props(version: string): JSONSchemaProps | undefined {
    this.#props ??= this.#read()
    return this.#props.get(version)
  }

  /** Does not hold what it reads: somebody who asks for all schemas does not use all resources. */
  published(version: string): PublishedSchema {
    return {
      id: () => (this.#id ??= this.#source.schemasId()),
      read: () => (this.#props ?? this.#read()).get(version) as unknown as JsonValue | undefined,
    }
  }

  #read(): ReadonlyMap<string, JSONSchemaProps | undefined> {
    const { versions } = this.#source.full().spec
    return new Map(versions.map(({ name, schema }) => [name, schema?.openAPIV3Schema]))
  }

  compiled(version: string): ObjectSchema {
    let schema = this.#compiled.get(version)
    if (!schema) {
      const { preserveUnknownFields } = this.#source.outline.spec
      schema = compileResourceSchema(preserveUnknownFields ? undefined : this.props(version))
      this.#compiled.set(version, schema)
    }
    return schema
  }

  refuseCreate(name: string): StatusError | undefined {
    return this.#source.refuseCreate(name)
  }

  /** A fresh object by the schema of its own version, and then by that of `target`. */
  normalize(object: KubernetesObject, target: Resource | undefined): Writable<KubernetesObject> {
    const own = object.apiVersion?.split('/')[1] ?? ''
    try {
      const known = this.#source.outline.spec.versions.some(({ name }) => name === own)
      const first = known ? this.#shaped(object, own) : (object as Writable<KubernetesObject>)
      if (!target || own === target.version) return first
      return this.#shaped({ ...first, apiVersion: apiVersionOf(target) }, target.version)
    } catch (error) {
      // What was let in by an earlier schema is still to be seen.
      if (error instanceof DecodeError) return { ...object } as Writable<KubernetesObject>
      throw error
    }
  }

  #shaped(object: KubernetesObject, version: string): Writable<KubernetesObject> {
    const schema = this.compiled(version)
    const shaped = decode(object, schema) as Writable<KubernetesObject>
    applyDefaults(shaped, schema)
    return shaped
  }
}

interface VersionPart {
  readonly resource: Resource
  readonly deprecation: string | undefined
  readonly strategy: ResourceDefinition['strategy']
  /** Made when somebody wants a table. */
  columns(): NonNullable<ResourceDefinition['columns']>
  readonly selectable: readonly string[]
  schema(): ObjectSchema
  readonly published: PublishedSchema
}

function versionPart(
  definition: CustomResourceDefinition,
  version: CustomResourceDefinitionVersion,
  schemas: VersionSchemas,
): VersionPart {
  const { group, scope } = definition.spec
  const names = definition.status!.acceptedNames!
  const { name } = version
  const namespaced = scope === 'Namespaced'
  let columns: ReturnType<VersionPart['columns']> | undefined
  return {
    resource: { group, version: name, resource: names.plural, kind: names.kind, namespaced },
    deprecation: deprecationOf(definition, version),
    strategy: customStrategy({
      subresources: version.subresources,
      refuseCreate: (name) => schemas.refuseCreate(name),
      props: () => (definition.spec.preserveUnknownFields ? undefined : schemas.props(name)),
    }),
    columns: () => (columns ??= customColumns(version.additionalPrinterColumns)),
    selectable: (version.selectableFields ?? []).map(({ jsonPath }) => jsonPath.replace(/^\./, '')),
    schema: () => schemas.compiled(name),
    published: schemas.published(name),
  }
}

function conversionOf(
  part: VersionPart,
  stored: VersionPart,
  schemas: VersionSchemas,
  convert: ConvertObjects | undefined,
): Conversion<KubernetesObject> {
  const inVersion = (object: KubernetesObject, { resource }: VersionPart) =>
    schemas.normalize({ ...object, apiVersion: apiVersionOf(resource) }, resource)
  return {
    resource: part.resource,
    get schema() {
      return part.schema()
    },
    publishedSchema: part.published,
    fieldLabels: fieldLabelsOf(part),
    fromStored: (object) => inVersion(object, part),
    toStored: (object) => inVersion(object, stored),
    ...(convert && { convert }),
    own: {
      strategy: part.strategy,
      get columns() {
        return part.columns()
      },
      selectableLabels: part.selectable,
      ...(part.deprecation !== undefined && { deprecation: part.deprecation }),
    },
  }
}

/** A version selects by its own fields alone. */
function fieldLabelsOf({ selectable }: VersionPart): Readonly<Record<string, string>> {
  return Object.fromEntries(selectable.map((field) => [field, field]))
}

/** Source: k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go. */
function deprecationOf(
  { spec }: CustomResourceDefinition,
  { name, deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
): string | undefined {
  if (!deprecated) return undefined
  if (deprecationWarning !== undefined) return deprecationWarning
  const { group, names } = spec
  const message = `${group}/${name} ${names.kind} is deprecated`
  const better = spec.versions
    .filter((version) => version.served && !version.deprecated && compareVersions(version.name, name) < 0)
    .map((version) => version.name)
    .sort(compareVersions)[0]
  return better === undefined ? message : `${message}; use ${group}/${better} ${names.kind}`
}
