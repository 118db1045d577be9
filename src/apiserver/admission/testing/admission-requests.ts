import { writableCopy } from '../../../machinery/copy.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Resource } from '../../../machinery/resource.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../plugin.ts'

/** A request for tests, with the warnings that plugins gave. */
export interface TestRequest extends AdmissionRequest {
  readonly warnings: string[]
}

const somebody: User = { name: 'jane', groups: ['system:authenticated'] }

/** A request about `object` (a copy of it), or about the old object of an UPDATE or DELETE. */
export function admissionRequest<T extends KubernetesObject>(
  operation: Operation,
  resource: Resource<T>,
  object: T | undefined,
  rest: Partial<Omit<AdmissionRequest, 'object' | 'oldObject'>> & { readonly oldObject?: T } = {},
): TestRequest {
  const warnings: string[] = []
  const about = object ?? rest.oldObject
  return {
    operation,
    resource,
    subresource: '',
    namespace: resource.namespaced ? (about?.metadata?.namespace ?? 'default') : '',
    name: about?.metadata?.name ?? '',
    options: {},
    dryRun: false,
    user: somebody,
    warn: (message) => warnings.push(message),
    warnings,
    ...(object && { object: writableCopy<KubernetesObject>(object) }),
    ...rest,
  }
}

/** Runs a plugin as the pipeline does; answers the object as it would be stored. */
export async function admit<T extends KubernetesObject = KubernetesObject>(
  plugin: AdmissionPlugin,
  request: AdmissionRequest,
): Promise<T> {
  if (plugin.handles(request)) {
    await plugin.mutate?.(request)
    await plugin.validate?.(request)
  }
  return request.object as T
}
