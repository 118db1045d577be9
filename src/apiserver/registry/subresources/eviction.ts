import type { Eviction } from '../../../api/generated/policy.v1.ts'
import { schemaOf } from '../../../api/scheme.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import type { DeleteOptions } from '../../../machinery/meta.ts'
import { badRequest } from '../../../machinery/status-errors.ts'
import { StatusError } from '../../../machinery/status.ts'
import { admitSubresource, successAnswer } from '../admit-subresource.ts'
import { verbNotAllowed } from '../dispatch.ts'
import { evictPod } from '../evict-pod.ts'
import { ensureNamespace, metadataOf } from '../object-meta.ts'
import { readObject } from '../read-object.ts'
import type { Registry } from '../registry.ts'
import type { WriteOptions } from '../request.ts'
import type { Subresource } from '../subresource.ts'

const evictionKind = { group: 'policy', version: 'v1', kind: 'Eviction' }
/** What clients before release 1.22 send. */
const olderVersions = ['v1beta1']

/** A DELETE that asks the pod's disruption budget first. `budgets` finds the registry of the budgets. */
export function evictionSubresource(budgets: () => Registry): Subresource {
  return {
    name: 'eviction',
    kind: () => evictionKind,
    verbs: ['create'],
    appliesTo: ({ definition: { resource } }) => resource.group === '' && resource.resource === 'pods',

    async handle(pods, scope, request) {
      if (request.verb !== 'create') throw verbNotAllowed()
      const { name, body, options } = request
      const expected = { kind: evictionKind, schema: schemaOf(evictionKind)!, olderVersions }
      const eviction = readObject<Eviction>(expected, body, options, scope)
      ensureNamespace(pods.definition, metadataOf(eviction), scope.namespace)
      if (metadataOf(eviction).name !== name) {
        throw badRequest('name in URL does not match name in Eviction object')
      }
      await admitSubresource(pods, scope, name, eviction, options)
      await evictPod(pods, budgets(), scope, name, deleteOptions(eviction, options))
      return successAnswer(201)
    },
  }
}

/** Dry run may be asked for in the query and in the body; both must say the same. */
function deleteOptions({ deleteOptions = {} }: Eviction, { dryRun }: WriteOptions): DeleteOptions {
  if (!dryRun?.length) return deleteOptions
  if (!deleteOptions.dryRun?.length) return { ...deleteOptions, dryRun }
  if (jsonEqual(deleteOptions.dryRun, dryRun)) return deleteOptions
  const both = `[${dryRun.join(' ')}] and [${deleteOptions.dryRun.join(' ')}]`
  throw new StatusError(500, '', `Non-matching dry-run options in request and content: ${both}`)
}
