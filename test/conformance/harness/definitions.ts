import { randomBytes } from 'node:crypto'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../../src/api/generated/apiextensions.v1.ts'
import { customResourceDefinitions } from '../../../src/api/generated/resources.ts'
import type { Client } from '../../../src/client/client.ts'
import type { Resource } from '../../../src/machinery/resource.ts'
import { untilGone, untilObject } from './until-object.ts'

/** A definition in a group of its own, whose versions are the given ones, the first stored. */
export function aDefinition(
  versions: Readonly<Record<string, Partial<CustomResourceDefinitionVersion>>>,
  {
    scope = 'Namespaced',
    group = `g${randomBytes(4).toString('hex')}.example.com`,
    kind = 'Thing',
    labels = {},
  }: {
    readonly scope?: string
    readonly group?: string
    readonly kind?: string
    readonly labels?: Readonly<Record<string, string>>
  } = {},
): CustomResourceDefinition {
  const plural = `${kind.toLowerCase()}s`
  return {
    metadata: { name: `${plural}.${group}`, labels },
    spec: {
      group,
      scope,
      names: { plural, singular: kind.toLowerCase(), kind, listKind: `${kind}List` },
      versions: Object.entries(versions).map(([name, version], index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
        ...version,
      })),
    },
  }
}

/** A version with this schema. */
export function withSchema(openAPIV3Schema: JSONSchemaProps): Partial<CustomResourceDefinitionVersion> {
  return { schema: { openAPIV3Schema } }
}

/** The resource that a definition defines, in one of its versions. */
export function resourceOf(
  { spec }: CustomResourceDefinition,
  version = spec.versions[0]!.name,
): Resource<CustomObject> {
  const { group, names, scope } = spec
  return { group, version, resource: names.plural, kind: names.kind, namespaced: scope === 'Namespaced' }
}

/** An object of any such kind. */
export interface CustomObject {
  readonly metadata?: {
    readonly name?: string
    readonly namespace?: string
    readonly resourceVersion?: string
  }
  readonly [field: string]: unknown
}

/** Creates a definition and waits until it is established. */
export async function establish(
  client: Client,
  definition: CustomResourceDefinition,
): Promise<CustomResourceDefinition> {
  await client.create(customResourceDefinitions, definition)
  const { name = '' } = definition.metadata ?? {}
  return untilObject(client, customResourceDefinitions, { name }, ({ status }) => {
    return (
      status?.conditions?.some(({ type, status }) => type === 'Established' && status === 'True') ?? false
    )
  })
}

/** Deletes a definition and waits until it is gone. */
export async function abolish(client: Client, { metadata }: CustomResourceDefinition): Promise<void> {
  const { name = '' } = metadata ?? {}
  await client.delete(customResourceDefinitions, { name })
  await untilGone(client, customResourceDefinitions, { name })
}
