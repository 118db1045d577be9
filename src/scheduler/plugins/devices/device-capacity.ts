import type {
  CapacityRequestPolicy,
  CapacityRequirements,
  Device,
  DeviceCapacity,
} from '../../../api/generated/resource.v1.ts'
import {
  addQuantity,
  compareQuantity,
  formatQuantity,
  parseQuantity,
  quantityOf,
  quantityValue,
  type ParsedQuantity,
} from '../../../machinery/quantity.ts'

/** Amounts by the names of capacities. */
export type Capacity = ReadonlyMap<string, ParsedQuantity>

/**
 * What an allocation takes of a device's capacity, each amount raised to what the policy of the capacity allows; without
 * a request, the policy's default or all there is. Undefined when the device has no such capacity, or its policy allows
 * none that large. Source: k8s.io/dynamic-resource-allocation/structured, consumable capacity.
 */
export function consumedCapacity(
  { capacity = {} }: Device,
  { requests = {} }: CapacityRequirements = {},
): Capacity | undefined {
  if (Object.keys(requests).some((name) => !(name in capacity))) return undefined
  const consumed = new Map<string, ParsedQuantity>()
  for (const [name, each] of Object.entries(capacity)) {
    const requested = requests[name]
    const amount = amountOf(each, requested === undefined ? undefined : parseQuantity(requested))
    if (violates(amount, each.requestPolicy)) return undefined
    consumed.set(name, amount)
  }
  return consumed
}

/** Whether the device has room for `added` beside what is taken. */
export function hasRoom({ capacity = {} }: Device, added: Capacity, taken: Capacity | undefined): boolean {
  for (const [name, amount] of added) {
    const before = taken?.get(name)
    const total = before ? addQuantity(before, amount) : amount
    if (compareQuantity(total, capacity[name]!.value) > 0) return false
  }
  return true
}

export function sumOf(a: Capacity | undefined, b: Capacity): Capacity {
  const sum = new Map(a)
  for (const [name, amount] of b) {
    const before = sum.get(name)
    sum.set(name, before ? addQuantity(before, amount) : amount)
  }
  return sum
}

export function formatCapacity(capacity: Capacity): Record<string, string> {
  return Object.fromEntries([...capacity].map(([name, amount]) => [name, formatQuantity(amount)]))
}

function amountOf(
  { value, requestPolicy }: DeviceCapacity,
  requested: ParsedQuantity | undefined,
): ParsedQuantity {
  if (!requested) return parseQuantity(requestPolicy?.default ?? value)
  const { validRange, validValues } = requestPolicy ?? {}
  if (validRange) {
    if (compareQuantity(requested, validRange.min) < 0) return parseQuantity(validRange.min)
    if (validRange.step === undefined) return requested
    const least = quantityValue(validRange.min)
    const step = quantityValue(validRange.step)
    return quantityOf(least + step * Math.ceil((quantityValue(requested) - least) / step), 'BinarySI')
  }
  const fitting = validValues?.find((valid) => compareQuantity(requested, valid) <= 0)
  return fitting === undefined ? requested : parseQuantity(fitting)
}

function violates(amount: ParsedQuantity, policy: CapacityRequestPolicy | undefined): boolean {
  if (!policy) return false
  if (policy.default && compareQuantity(amount, policy.default) === 0) return false
  const { validRange, validValues } = policy
  if (validRange) {
    if (validRange.max !== undefined && compareQuantity(amount, validRange.max) > 0) return true
    if (validRange.step === undefined) return false
    return (quantityValue(amount) - quantityValue(validRange.min)) % quantityValue(validRange.step) !== 0
  }
  if (!validValues?.length) return false
  return !validValues.some((valid) => compareQuantity(amount, valid) === 0)
}
