import type { CustomResourceDefinition, JSONSchemaProps } from '../../api/generated/apiextensions.v1.ts'
import type { HttpsClient, TestResponse } from './https-client.ts'

type Version = Partial<CustomResourceDefinition['spec']['versions'][number]> & {
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>
}

export const definitionsPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

/** A definition of `widgets.example.com`, namespaced, of which the first version is stored. */
export function aDefinition(
  versions: Readonly<Record<string, Version>>,
  spec: Partial<CustomResourceDefinition['spec']> = {},
): CustomResourceDefinition {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'widgets.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', kind: 'Widget' },
      versions: Object.entries(versions).map(([name, { properties = {}, ...version }], index) => ({
        name,
        served: true,
        storage: index === 0,
        schema: { openAPIV3Schema: { type: 'object', properties } },
        ...version,
      })),
      ...spec,
    },
  }
}

/** Installs a definition, and waits until its resource is served. */
export async function define(client: HttpsClient, definition: CustomResourceDefinition): Promise<void> {
  const { status, text } = await client.send(definitionsPath, { method: 'POST', body: definition })
  if (status !== 201) throw new Error(text)
  const { group, versions, names } = definition.spec
  const served = versions.find((version) => version.served)!
  const path = `/apis/${group}/${served.name}/${names.plural}`
  let answer: TestResponse
  do answer = await client.send(path)
  while (answer.status === 404)
}
