import { writeExisting } from '../dispatch.ts'
import type { Subresource } from '../subresource.ts'

/** What controllers say of an object, written apart from what users want of it. */
export const statusSubresource: Subresource = {
  name: 'status',
  kind: (resource) => resource,
  verbs: ['get', 'patch', 'update'],
  appliesTo: (registry) => registry.definition.strategy.status !== undefined,

  async handle(registry, scope, request) {
    if (request.verb === 'get') {
      const stored = await registry.get(scope, request.name, request.options)
      return { type: 'stored', code: 200, stored, as: scope.served }
    }
    return writeExisting(registry, scope, request, registry.statusRules)
  },
}
