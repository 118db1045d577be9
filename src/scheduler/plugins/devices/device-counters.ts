import {
  addQuantity,
  compareQuantity,
  parseQuantity,
  subtractQuantity,
  type ParsedQuantity,
} from '../../../machinery/quantity.ts'
import type { Device } from '../../../api/generated/resource.v1.ts'
import type { Pool } from './device-pools.ts'

/**
 * What is left of the counters that the devices of each pool share. Source: k8s.io/dynamic-resource-allocation/structured,
 * partitionable devices.
 */
export interface Counters {
  /** Takes what the device needs; false, and nothing taken, when there is not enough. */
  take(pool: Pool, device: Device): boolean
  giveBack(pool: Pool, device: Device): void
}

/** `isAllocated` says which devices were allocated before, by their ids. */
export function createCounters(isAllocated: (id: string) => boolean): Counters {
  const left = new Map<string, Map<string, ParsedQuantity>>()

  function leftOf(pool: Pool): Map<string, ParsedQuantity> {
    const known = left.get(pool.id)
    if (known) return known
    const counters = new Map<string, ParsedQuantity>()
    for (const { name, counters: own } of pool.counterSets) {
      for (const [counter, { value }] of Object.entries(own))
        counters.set(`${name}/${counter}`, parseQuantity(value))
    }
    for (const { id, device } of pool.allDevices) {
      if (isAllocated(id)) spend(counters, device, subtractQuantity)
    }
    left.set(pool.id, counters)
    return counters
  }

  return {
    take(pool, device) {
      if (!device.consumesCounters?.length) return true
      const counters = leftOf(pool)
      spend(counters, device, subtractQuantity)
      if (usedBy(device).every(([name]) => compareQuantity(counters.get(name)!, '0') >= 0)) return true
      spend(counters, device, addQuantity)
      return false
    },
    giveBack(pool, device) {
      if (device.consumesCounters?.length) spend(leftOf(pool), device, addQuantity)
    },
  }
}

function usedBy({ consumesCounters = [] }: Device): (readonly [name: string, value: string])[] {
  return consumesCounters.flatMap(({ counterSet, counters }) =>
    Object.entries(counters).map(([counter, { value }]) => [`${counterSet}/${counter}`, value] as const),
  )
}

function spend(
  counters: Map<string, ParsedQuantity>,
  device: Device,
  change: (before: ParsedQuantity, value: string) => ParsedQuantity,
): void {
  for (const [name, value] of usedBy(device)) counters.set(name, change(counters.get(name)!, value))
}
