import type { MemoryClient } from '../../client/testing/memory-client.ts'
import type { Resource } from '../../machinery/resource.ts'

export const allVerbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch']

/** Makes a memory client answer discovery with these resources, and nothing else. */
export function serveDiscovery(
  client: MemoryClient,
  served: readonly { readonly resource: Resource; readonly verbs?: readonly string[] }[],
): void {
  for (const [path, isCore] of [
    ['/api', true],
    ['/apis', false],
  ] as const) {
    const items = served
      .filter(({ resource }) => (resource.group === '') === isCore)
      .map(({ resource: { group, version, resource, kind, namespaced }, verbs = allVerbs }) => {
        const scope = namespaced ? 'Namespaced' : 'Cluster'
        const described = { resource, responseKind: { group, version, kind }, scope, verbs }
        return { metadata: { name: group }, versions: [{ version, resources: [described] }] }
      })
    client.served.set(path, JSON.stringify({ kind: 'APIGroupDiscoveryList', items }))
  }
}
