import { randomUUID } from 'node:crypto'
import type { Node } from '../../../api/generated/core.v1.ts'
import type {
  AllocationResult,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../../api/generated/resource.v1.ts'
import type { Clock } from '../../../machinery/clock.ts'
import { allocateDevices } from './allocate-devices.ts'
import { allocatedDevices } from './allocated-devices.ts'
import { indexPools } from './device-pools.ts'
import { SearchTimeout } from './device-requests.ts'
import { createDeviceSelectors } from './device-selectors.ts'

/** The part of the allocation of devices that clusters without claims never load: CEL is behind it. */
export interface DeviceAllocator {
  /** An allocator for the state that is given: slices are indexed once for many nodes. */
  withSlices(slices: readonly ResourceSlice[]): SliceAllocator
}

export interface SliceAllocator {
  /** What the claims would be given on each of the nodes that are asked for; `using` are the claims that have devices. */
  prepare(claims: readonly ResourceClaim[], using: readonly ResourceClaim[]): NodeAllocator
}

/** Undefined when the node has not what is asked for. Throws an AllocationError, or a SearchTimeout. */
export type NodeAllocator = (node: Node, extra?: ResourceClaim) => readonly AllocationResult[] | undefined

export interface DeviceAllocatorOptions {
  readonly clock: Clock
  /** How long the devices of one node may be searched. */
  readonly maxSearchMs: number
  classOf(name: string): DeviceClass | undefined
}

export function createDeviceAllocator(options: DeviceAllocatorOptions): DeviceAllocator {
  const { clock, maxSearchMs, classOf } = options
  const selectors = createDeviceSelectors()
  return {
    withSlices(slices) {
      const pools = indexPools(slices)
      return {
        prepare(claims, using) {
          const allocated = allocatedDevices(using)
          return (node, extra) => {
            const endMs = clock.monotonic() + maxSearchMs
            return allocateDevices({
              claims: extra ? [...claims, extra] : claims,
              node,
              pools,
              allocated,
              selectors,
              classOf,
              newShareId: randomUUID,
              checkTime() {
                if (clock.monotonic() > endMs) throw new SearchTimeout()
              },
            })
          }
        },
      }
    },
  }
}
