import { writeExisting } from '../dispatch.ts'
import type { Subresource } from '../subresource.ts'

/** What controllers say of an object, written apart from what users want of it. */
export const statusSubresource: Subresource = {
  name: 'status',
  kind: (resource) => resource,
  verbs: ['get', 'patch', 'update'],
  appliesTo: (_registry, { strategy }) => strategy.status !== undefined,

  async handle(registry, scope, request) {
    if (request.verb === 'get') {
      const stored = await registry.get(scope, request.name, request.options)
      await scope.served.prepare([stored])
      return { type: 'stored', code: 200, stored, as: scope.served }
    }
    return writeExisting(registry, scope, request, scope.served.statusRules)
  },
}
