import { writeExisting } from '../dispatch.ts'
import type { Registry } from '../registry.ts'
import type { Subresource } from '../subresource.ts'
import type { UpdateRules } from '../update-rules.ts'

/** A subresource whose body is the object itself and which writes a part of it, by rules of its own. */
export function partOf(
  group: string,
  resource: string,
  name: string,
  verbs: Subresource['verbs'],
  rulesOf: (registry: Registry) => UpdateRules,
): Subresource {
  return {
    name,
    kind: (served) => served,
    verbs,
    appliesTo: ({ definition }) =>
      definition.resource.group === group && definition.resource.resource === resource,

    async handle(registry, scope, request) {
      if (request.verb === 'get') {
        const stored = await registry.get(scope, request.name, request.options)
        return { type: 'stored', code: 200, stored, as: scope.served }
      }
      return writeExisting(registry, scope, request, rulesOf(registry))
    },
  }
}
