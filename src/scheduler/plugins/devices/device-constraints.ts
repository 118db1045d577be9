import type { DeviceAttribute, DeviceConstraint } from '../../../api/generated/resource.v1.ts'
import type { PooledDevice } from './device-pools.ts'
import { AllocationError, type DeviceRequestView } from './device-requests.ts'

/** What the devices of a claim must have in common, or must not. */
export interface Constraint {
  /** Whether the device may join those chosen; if so, it is counted until it is removed. */
  add(request: DeviceRequestView, device: PooledDevice): boolean
  /** Takes back the last device that was added for the request. */
  remove(request: DeviceRequestView): void
}

/** `where` names the constraint in messages. */
export function createConstraint(constraint: DeviceConstraint, where: string): Constraint {
  const { requests = [], matchAttribute, distinctAttribute } = constraint
  const attribute = matchAttribute ?? distinctAttribute
  if (attribute === undefined)
    throw new AllocationError(`${where}: empty constraint (unsupported constraint type?)`)
  const wantsSame = matchAttribute !== undefined
  const values: string[] = []
  const concerns = ({ parent, fullName }: DeviceRequestView) =>
    requests.length === 0 ||
    requests.includes(fullName) ||
    (parent !== undefined && requests.includes(parent))
  return {
    add(request, device) {
      if (!concerns(request)) return true
      const value = attributeOf(device, attribute)
      if (value === undefined) return false
      const isAllowed = wantsSame ? values.every((other) => other === value) : !values.includes(value)
      if (isAllowed) values.push(value)
      return isAllowed
    },
    remove(request) {
      if (concerns(request)) values.pop()
    },
  }
}

/** Equal for equal attributes of one type. Versions are in their shortest form, so that their texts compare. */
function attributeOf({ device, slice }: PooledDevice, fullName: string): string | undefined {
  const slash = fullName.indexOf('/')
  const isOwn = fullName.slice(0, slash) === slice.spec.driver
  const attribute =
    device.attributes?.[fullName] ?? (isOwn ? device.attributes?.[fullName.slice(slash + 1)] : undefined)
  return attribute && textOf(attribute)
}

function textOf({ string, int, bool, version }: DeviceAttribute): string | undefined {
  if (string !== undefined) return `string ${string}`
  if (int !== undefined) return `int ${int}`
  if (bool !== undefined) return `bool ${bool}`
  return version === undefined ? undefined : `version ${version}`
}
