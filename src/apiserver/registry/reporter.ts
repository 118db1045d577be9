import type { ResourceDefinition } from '../../api/definition.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { keyOf } from '../../machinery/resource.ts'
import type { StatusError } from '../../machinery/status.ts'
import { methodNotSupported, notFound } from '../../machinery/status-errors.ts'
import { encodeArranged } from '../storage/object-encoding.ts'
import { isSelected, type Selection } from '../storage/selection.ts'
import { StoredObject, storedType } from '../storage/stored-object.ts'
import type { Registry } from './registry.ts'
import type { Answer, RequestScope, ResourceRequest } from './request.ts'

/** A resource whose objects are made when somebody asks for them: nothing is stored, nothing can be written. */
export interface Reporter {
  readonly definition: ResourceDefinition
  /** In the order in which they are listed. May bring objects beyond those that are asked for. */
  report(selection: Selection): Promise<readonly KubernetesObject[]>
  /** Of an object that is not there; what is said of every resource where absent. */
  missing?(namespace: string, name: string): StatusError
}

/** GET of one object or of all. */
export async function answerReport(
  registry: Registry,
  { report, missing }: Reporter,
  scope: RequestScope,
  request: ResourceRequest,
): Promise<Answer> {
  const as = scope.served
  switch (request.verb) {
    case 'get': {
      const { namespace, name } = request
      const objects = await report({ namespace, name })
      const object = objects.find(
        ({ metadata }) => metadata?.name === name && (metadata.namespace ?? '') === namespace,
      )
      if (!object) throw missing?.(namespace, name) ?? notFound(registry.groupResource, name)
      return { type: 'object', code: 200, object: typed(scope, object), as }
    }
    case 'list': {
      const selection = registry.selection(scope, request.options)
      const objects = await report(selection)
      const type = storedType(registry.definition.resource, registry.definition)
      const made = objects.map((object) => {
        const value = encodeArranged(typed(scope, object))
        return new StoredObject(type, keyOf(object), 0n, { value })
      })
      return {
        type: 'list',
        page: { items: made.filter((object) => isSelected(selection, object)), revision: 0n },
        as,
      }
    }
    default:
      throw methodNotSupported(registry.groupResource, request.verb)
  }
}

function typed({ served }: RequestScope, object: KubernetesObject): Writable<KubernetesObject> {
  const { kind: _kind, apiVersion: _version, ...rest } = object as Writable<KubernetesObject>
  return { kind: served.resource.kind, apiVersion: served.apiVersion, ...rest }
}
