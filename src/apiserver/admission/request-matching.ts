import type { Writable } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { AdmissionRequest, Operation } from './plugin.ts'

/** Whether a request is about a resource, in whichever version, and about this subresource (`''`: itself). */
export function isAbout(
  request: AdmissionRequest,
  resource: Resource,
  operations: readonly Operation[],
  subresource = '',
): boolean {
  return (
    request.resource.resource === resource.resource &&
    request.resource.group === resource.group &&
    request.subresource === subresource &&
    operations.includes(request.operation)
  )
}

/** The object of the request, which `isAbout` said to be of this resource. */
export function objectOf<T extends KubernetesObject>(request: AdmissionRequest, _: Resource<T>): Writable<T> {
  return request.object as Writable<T>
}

/** What is stored now. */
export function oldObjectOf<T extends KubernetesObject>(request: AdmissionRequest, _: Resource<T>): T {
  return request.oldObject as T
}
