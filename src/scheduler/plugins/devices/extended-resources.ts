import type { Container, ContainerExtendedResourceRequest, Pod } from '../../../api/generated/core.v1.ts'
import type { DeviceClass, DeviceRequest } from '../../../api/generated/resource.v1.ts'
import { quantityValue } from '../../../machinery/quantity.ts'

/** Marks a claim that the scheduler made for a pod's extended resources. */
export const extendedResourceAnnotation = 'resource.kubernetes.io/extended-resource-claim'

const implicitPrefix = 'deviceclass.resource.kubernetes.io/'

/** Names of extended resources that the class's devices serve: its own, and the one that every class has. */
export function extendedResourcesOf({ metadata, spec }: DeviceClass): string[] {
  const implicit = `${implicitPrefix}${metadata?.name}`
  return spec.extendedResourceName ? [spec.extendedResourceName, implicit] : [implicit]
}

/** The class of an extended resource: of several that claim it the newest, then the first by name. */
export function classOfExtendedResource(
  name: string,
  classes: readonly DeviceClass[],
): DeviceClass | undefined {
  const [first] = classes
    .filter((each) => extendedResourcesOf(each).includes(name))
    .sort((a, b) => {
      const [ofA, ofB] = [a.metadata?.creationTimestamp ?? '', b.metadata?.creationTimestamp ?? '']
      if (ofA !== ofB) return ofA > ofB ? -1 : 1
      return (a.metadata?.name ?? '') < (b.metadata?.name ?? '') ? -1 : 1
    })
  return first
}

export interface ExtendedResourceRequests {
  readonly requests: readonly DeviceRequest[]
  /** Which request serves which container. */
  readonly mappings: readonly ContainerExtendedResourceRequest[]
}

/**
 * Requests for devices in place of extended resources. Containers that run together need devices of their own; init
 * containers, which run one after the other, use those of later containers and share what they need beyond. Source:
 * kube-scheduler's DynamicResources, extended resources.
 */
export function requestsForExtendedResources(
  { spec }: Pod,
  resources: readonly { readonly name: string; readonly deviceClassName: string }[],
): ExtendedResourceRequests {
  const inits = spec?.initContainers ?? []
  const containers = [...inits, ...(spec?.containers ?? [])]
  const isShortLived = (index: number) =>
    index < inits.length && containers[index]!.restartPolicy !== 'Always'
  const requests: Requested[] = []
  const mappings: ContainerExtendedResourceRequest[] = []
  for (const { name, deviceClassName } of resources.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const own = containers.map((container, index): Requested | undefined => {
      const count = isShortLived(index) ? 0 : amountOf(container, name)
      return count > 0 ? { name: requestName(container, index, name), deviceClassName, count } : undefined
    })
    const shared = sharedByShortLived(containers, own, isShortLived, { name, deviceClassName })
    containers.forEach((container, index) => {
      const request = own[index]
      if (request) mappings.push(mapping(container, name, request))
    })
    mappings.push(...shared.mappings)
    if (shared.request) requests.push(shared.request)
    requests.push(...own.filter((request) => request !== undefined))
  }
  return {
    requests: requests.sort((a, b) => (a.name < b.name ? -1 : 1)).map(deviceRequest),
    mappings,
  }
}

interface Requested {
  readonly name: string
  readonly deviceClassName: string
  readonly count: number
}

/** What init containers need beyond the devices of the containers after them: as much as the one that needs most. */
function sharedByShortLived(
  containers: readonly Container[],
  own: readonly (Requested | undefined)[],
  isShortLived: (index: number) => boolean,
  { name, deviceClassName }: { readonly name: string; readonly deviceClassName: string },
): { readonly request: Requested | undefined; readonly mappings: ContainerExtendedResourceRequest[] } {
  let request: Requested | undefined
  const uses: { readonly container: Container; readonly request: Requested | undefined }[] = []
  containers.forEach((container, index) => {
    let missing = isShortLived(index) ? amountOf(container, name) : 0
    for (const later of own.slice(index)) {
      if (missing <= 0) break
      if (!later) continue
      uses.push({ container, request: later })
      missing -= later.count
    }
    if (missing <= 0) return
    uses.push({ container, request: undefined })
    if (!request || request.count < missing)
      request = { name: requestName(container, index, name), deviceClassName, count: missing }
  })
  return {
    request,
    mappings: uses.map((use) => mapping(use.container, name, use.request ?? request!)),
  }
}

function mapping(
  container: Container,
  resourceName: string,
  { name }: Requested,
): ContainerExtendedResourceRequest {
  return { containerName: container.name, resourceName, requestName: name }
}

function amountOf({ resources }: Container, name: string): number {
  const amount = resources?.requests?.[name]
  return amount === undefined ? 0 : quantityValue(amount)
}

/** By the places of the container and, in alphabetical order, of the resource among its requests. */
function requestName({ resources }: Container, index: number, name: string): string {
  const names = Object.keys(resources?.requests ?? {}).sort()
  return `container-${index}-request-${names.indexOf(name)}`
}

function deviceRequest({ name, deviceClassName, count }: Requested): DeviceRequest {
  return { name, exactly: { deviceClassName, allocationMode: 'ExactCount', count } }
}
