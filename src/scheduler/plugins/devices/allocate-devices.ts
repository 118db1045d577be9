import type { Node } from '../../../api/generated/core.v1.ts'
import type { AllocationResult, DeviceClass, ResourceClaim } from '../../../api/generated/resource.v1.ts'
import { keyOf } from '../../../machinery/resource.ts'
import type { AllocatedDevices } from './allocated-devices.ts'
import { allocationResult, type ChosenDevice } from './allocation-result.ts'
import { consumedCapacity, hasRoom, sumOf, type Capacity } from './device-capacity.ts'
import { createConstraint, type Constraint } from './device-constraints.ts'
import { createCounters } from './device-counters.ts'
import type { Pool, PoolIndex, PooledDevice } from './device-pools.ts'
import { AllocationError, toleratesTaints, viewsOf, type DeviceRequestView } from './device-requests.ts'
import type { DeviceSelectors } from './device-selectors.ts'

/** The most devices that one claim may have. */
const maxResults = 32

export interface AllocationInput {
  readonly claims: readonly ResourceClaim[]
  readonly node: Node
  readonly pools: PoolIndex
  readonly allocated: AllocatedDevices
  readonly selectors: DeviceSelectors
  classOf(name: string): DeviceClass | undefined
  /** Names one share of a device that several use. */
  newShareId(): string
  /** Throws when the search has taken too long. */
  checkTime(): void
}

/** A device that may serve a request, with its pool. */
interface Candidate {
  readonly pool: Pool
  readonly device: PooledDevice
  readonly isTolerated: boolean
  /** What of a shared device would be taken. */
  readonly consumed: Capacity | undefined
}

interface Chosen extends Candidate, ChosenDevice {}

/**
 * Devices for all claims on one node, or undefined when they are not to be had there. The first solution counts: earlier
 * alternatives are tried before later ones, devices in the order of pools and slices. Within a request devices are chosen
 * in ascending order only, since the order of equals makes no difference. Throws an AllocationError when claims, classes
 * or devices are at fault. Source: k8s.io/dynamic-resource-allocation/structured.
 */
export function allocateDevices(input: AllocationInput): readonly AllocationResult[] | undefined {
  const search = new Search(input)
  if (search.fromRequest(0, 0)) return search.results()
  if (search.pools.some(({ state }) => state === 'invalid') && search.candidateCount === 0)
    throw new AllocationError('invalid resource pools were encountered')
  return undefined
}

class Search {
  readonly pools: readonly Pool[]
  candidateCount = 0
  readonly #input: AllocationInput
  readonly #requests: readonly (readonly (readonly DeviceRequestView[])[])[]
  readonly #constraints: readonly (readonly Constraint[])[]
  readonly #chosen: Chosen[][]
  readonly #candidates = new Map<DeviceRequestView, readonly Candidate[]>()
  /** How many of the claims at hand have the device; devices for administration count for their own claim only. */
  readonly #inUse = new Map<string, number>()
  readonly #taken = new Map<string, Capacity>()
  readonly #counters

  constructor(input: AllocationInput) {
    const { claims, node, pools, allocated, classOf } = input
    this.#input = input
    this.pools = pools.poolsOf(node)
    this.#requests = claims.map((claim) =>
      (claim.spec.devices?.requests ?? []).map((request) => viewsOf(claim, request, classOf)),
    )
    this.#constraints = claims.map((claim) =>
      (claim.spec.devices?.constraints ?? []).map((constraint, index) =>
        createConstraint(constraint, `claim ${keyOf(claim)}, constraint #${index}`),
      ),
    )
    this.#chosen = claims.map(() => [])
    this.#counters = createCounters((id) => allocated.whole.has(id))
  }

  results(): readonly AllocationResult[] {
    return this.#input.claims.map((claim, index) =>
      allocationResult(claim, this.#chosen[index]!, this.#input.node),
    )
  }

  /** Whether all requests from this one on can be served. */
  fromRequest(claimIndex: number, requestIndex: number): boolean {
    const requests = this.#requests[claimIndex]
    if (!requests) return true
    const alternatives = requests[requestIndex]
    if (!alternatives) return this.fromRequest(claimIndex + 1, 0)
    return alternatives.some((request) => {
      const candidates = this.#candidatesFor(claimIndex, request)
      const count = request.mode === 'All' ? candidates.length : request.count
      if (count === 0 || this.#chosen[claimIndex]!.length + count > maxResults) return false
      return this.#choose(claimIndex, requestIndex, request, candidates, count, 0)
    })
  }

  #choose(
    claimIndex: number,
    requestIndex: number,
    request: DeviceRequestView,
    candidates: readonly Candidate[],
    missing: number,
    from: number,
  ): boolean {
    if (missing === 0) return this.fromRequest(claimIndex, requestIndex + 1)
    this.#input.checkTime()
    const isAll = request.mode === 'All'
    // Of a device that several share, one request may take several shares.
    const last = isAll ? from : candidates.length - 1
    for (let index = from; index <= last; index++) {
      const candidate = candidates[index]!
      if (!candidate.consumed && candidates.length - index < missing) return false
      const undo = this.#take(claimIndex, request, candidate)
      if (!undo) continue
      const next = candidate.consumed && !isAll ? index : index + 1
      if (this.#choose(claimIndex, requestIndex, request, candidates, missing - 1, next)) return true
      undo()
    }
    return false
  }

  /** Counts the device as taken; what undoes that, or undefined when it cannot be had. */
  #take(claimIndex: number, request: DeviceRequestView, candidate: Candidate): (() => void) | undefined {
    const { pool, device, consumed } = candidate
    const { id } = device
    if (!candidate.isTolerated) return undefined
    const own = this.#chosen[claimIndex]!
    const isAdmin = request.adminAccess === true
    if (isAdmin ? own.some((other) => other.device.id === id) : this.#isTaken(candidate)) return undefined
    // Looking on takes no counters from those who use them.
    if (!isAdmin && !this.#counters.take(pool, device.device)) return undefined
    const constraints = this.#constraints[claimIndex]!
    const refusing = constraints.findIndex((constraint) => !constraint.add(request, device))
    const release = () => {
      const added = refusing < 0 ? constraints : constraints.slice(0, refusing)
      for (const constraint of added) constraint.remove(request)
      if (!isAdmin) this.#counters.giveBack(pool, device.device)
    }
    if (refusing >= 0) {
      release()
      if (request.mode !== 'All') return undefined
      const where = `claim ${keyOf(this.#input.claims[claimIndex]!)}, request ${request.name}`
      throw new AllocationError(
        `${where}: cannot add device ${id} because a claim constraint would not be satisfied`,
      )
    }
    const takenBefore = this.#taken.get(id)
    if (consumed) this.#taken.set(id, sumOf(takenBefore, consumed))
    else if (!isAdmin) this.#inUse.set(id, (this.#inUse.get(id) ?? 0) + 1)
    own.push({ ...candidate, request, shareId: consumed && this.#input.newShareId() })
    return () => {
      own.pop()
      if (consumed) {
        if (takenBefore) this.#taken.set(id, takenBefore)
        else this.#taken.delete(id)
      } else if (!isAdmin) this.#inUse.set(id, this.#inUse.get(id)! - 1)
      release()
    }
  }

  #isTaken({ device: { id, device }, consumed }: Candidate): boolean {
    const { whole, shared } = this.#input.allocated
    if (whole.has(id)) return true
    if (!consumed) return (this.#inUse.get(id) ?? 0) > 0
    const before = shared.get(id)
    const here = this.#taken.get(id)
    return !hasRoom(device, consumed, before && here ? sumOf(before, here) : (before ?? here))
  }

  /** What the selectors, taints and capacities leave, taken or not. */
  #candidatesFor(claimIndex: number, request: DeviceRequestView): readonly Candidate[] {
    const known = this.#candidates.get(request)
    if (known) return known
    const candidates = this.pools.flatMap((pool) => this.#candidatesOf(pool, claimIndex, request))
    this.#candidates.set(request, candidates)
    this.candidateCount += candidates.length
    return candidates
  }

  #candidatesOf(pool: Pool, claimIndex: number, request: DeviceRequestView): Candidate[] {
    const claim = this.#input.claims[claimIndex]!
    if (pool.state !== 'usable') {
      if (request.mode !== 'All') return []
      const state = pool.state === 'incomplete' ? 'being updated' : 'invalid'
      throw new AllocationError(
        `claim ${keyOf(claim)}, request ${request.name}: asks for all devices, but resource pool ${pool.id} is currently ${state}`,
      )
    }
    return pool.devices.flatMap((device): Candidate[] => {
      this.#input.checkTime()
      if (!this.#input.selectors.choose(claim, request, device)) return []
      const isShared = device.device.allowMultipleAllocations === true && request.adminAccess !== true
      const capacity =
        isShared || request.capacity ? consumedCapacity(device.device, request.capacity) : undefined
      const isAskedFor = isShared || request.capacity !== undefined
      if (isAskedFor && (!capacity || !hasRoom(device.device, capacity, undefined))) return []
      const isTolerated = toleratesTaints(device.device, request)
      // Who wants all devices gets none, when one of them is not to be had.
      if (!isTolerated && request.mode !== 'All') return []
      return [{ pool, device, isTolerated, consumed: isShared ? capacity : undefined }]
    })
  }
}
