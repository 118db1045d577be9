import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
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

/** The object of a request that is about this resource. */
export function objectOf<T extends KubernetesObject>(
  request: AdmissionRequest,
  resource: Resource<T>,
): Writable<T> {
  assertAbout(request, resource)
  return request.object as Writable<T>
}

/** What is stored now, of a request that is about this resource. */
export function oldObjectOf<T extends KubernetesObject>(request: AdmissionRequest, resource: Resource<T>): T {
  assertAbout(request, resource)
  return request.oldObject as T
}

function assertAbout({ resource: actual }: AdmissionRequest, expected: Resource): void {
  if (actual.resource !== expected.resource || actual.group !== expected.group) {
    throw new TypeError(`expected a request about ${expected.resource}, not ${actual.resource}`)
  }
}
