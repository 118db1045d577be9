import type { Binding } from '../../../api/generated/core.v1.ts'
import { schemaOf } from '../../../api/scheme.ts'
import { admitSubresource, successAnswer } from '../admit-subresource.ts'
import { bindPod } from '../bind-pod.ts'
import { verbNotAllowed } from '../dispatch.ts'
import { ensureNamespace, metadataOf } from '../object-meta.ts'
import { readObject } from '../read-object.ts'
import { isDryRun } from '../request.ts'
import type { Subresource } from '../subresource.ts'

const bindingKind = { group: '', version: 'v1', kind: 'Binding' }

/** Where the scheduler says which node a pod goes to. */
export const bindingSubresource: Subresource = {
  name: 'binding',
  kind: () => bindingKind,
  verbs: ['create'],
  appliesTo: ({ definition: { resource } }) => resource.group === '' && resource.resource === 'pods',

  async handle(pods, scope, request) {
    if (request.verb !== 'create') throw verbNotAllowed()
    const { name, body, options } = request
    const expected = { kind: bindingKind, schema: schemaOf(bindingKind)! }
    const binding = readObject<Binding>(expected, body, options, scope)
    ensureNamespace(pods.definition, metadataOf(binding), scope.namespace)
    await admitSubresource(pods, scope, name, binding, options)
    await bindPod(pods, scope.namespace, name, binding, { dryRun: isDryRun(options) })
    return successAnswer(201)
  },
}
