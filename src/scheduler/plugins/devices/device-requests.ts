import type {
  CapacityRequirements,
  DeviceAllocationMode,
  DeviceClass,
  DeviceRequest,
  DeviceSelector,
  DeviceTaint,
  DeviceToleration,
  Device,
  ResourceClaim,
} from '../../../api/generated/resource.v1.ts'
import { keyOf } from '../../../machinery/resource.ts'

/** Something about a claim, a class or a device that no other node would mend. */
export class AllocationError extends Error {}

/** The devices of one node took too long to search. */
export class SearchTimeout extends Error {}

/** A request, or one of the alternatives of a request. */
export interface DeviceRequestView {
  readonly name: string
  /** The request that this is an alternative of. */
  readonly parent: string | undefined
  /** `request` or `request/alternative`, as allocations name it. */
  readonly fullName: string
  readonly class: DeviceClass
  readonly mode: DeviceAllocationMode
  readonly count: number
  readonly adminAccess: boolean | undefined
  readonly selectors: readonly DeviceSelector[]
  readonly tolerations: readonly DeviceToleration[] | undefined
  readonly capacity: CapacityRequirements | undefined
}

/** The alternatives of a request in the order in which they are wanted: one, unless it lists more. */
export function viewsOf(
  claim: ResourceClaim,
  request: DeviceRequest,
  classOf: (name: string) => DeviceClass | undefined,
): readonly DeviceRequestView[] {
  const { exactly, firstAvailable } = request
  const wanted = firstAvailable?.length ? firstAvailable : exactly ? [{ ...exactly, name: request.name }] : []
  if (wanted.length === 0) throw new AllocationError(`request ${request.name}: unsupported request type`)
  const parent = firstAvailable?.length ? request.name : undefined
  return wanted.map((each) => {
    const where = `claim ${keyOf(claim)}, request ${each.name}`
    const found = classOf(each.deviceClassName)
    if (!found) throw new AllocationError(`${where}: could not retrieve device class ${each.deviceClassName}`)
    const { selectors = [], allocationMode = 'ExactCount', count = 1, tolerations, capacity } = each
    selectors.forEach(({ cel }, index) => {
      if (cel) return
      throw new AllocationError(
        `${where}, selector #${index}: CEL expression empty (unsupported selector type?)`,
      )
    })
    if (allocationMode !== 'ExactCount' && allocationMode !== 'All')
      throw new AllocationError(`${where}: unsupported count mode ${String(allocationMode)}`)
    return {
      name: each.name,
      parent,
      fullName: parent === undefined ? each.name : `${parent}/${each.name}`,
      class: found,
      mode: allocationMode,
      count,
      adminAccess: parent === undefined ? exactly?.adminAccess : undefined,
      selectors,
      tolerations,
      capacity,
    }
  })
}

/** A taint keeps a device from requests that do not tolerate it. */
export function toleratesTaints(device: Device, { tolerations = [] }: DeviceRequestView): boolean {
  return (device.taints ?? []).every(
    (taint) =>
      (taint.effect !== 'NoSchedule' && taint.effect !== 'NoExecute') ||
      tolerations.some((toleration) => toleratesTaint(toleration, taint)),
  )
}

/** As tolerations of nodes' taints. */
function toleratesTaint(
  { key = '', operator = 'Equal', value = '', effect }: DeviceToleration,
  taint: DeviceTaint,
): boolean {
  if (effect && effect !== taint.effect) return false
  if (key && key !== taint.key) return false
  return operator === 'Exists' || (operator === 'Equal' && value === (taint.value ?? ''))
}
