import { matchesNodeSelector } from '../../api/core/node-affinity.ts'
import type { AllocationResult, ResourceClaim } from '../../api/generated/resource.v1.ts'
import { deviceClasses, pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { claimFinalizer, isReservedFor } from '../../api/resource/pod-claims.ts'
import { parseDuration } from '../../machinery/duration.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { ownerReferenceTo } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { changedTo, type ClusterChange } from '../cluster-change.ts'
import {
  scaleByGreatest,
  type NodeFilter,
  type NodeScore,
  type Plugin,
  type PluginHandle,
  type Refusal,
  type Remedy,
} from '../framework.ts'
import type { PodInfo } from '../pod-info.ts'
import { patchPodStatus } from '../pod-status.ts'
import { bindingState, devicesReady } from './devices/binding-conditions.ts'
import { claimsOfPod, usesResourceClaim } from './devices/claims-of-pod.ts'
import type { DeviceAllocator } from './devices/device-allocator.ts'
import { followExtendedResources, whenChanged } from './devices/device-classes.ts'
import { extendedClaimIndex, needsOf, podOfExtendedClaim, type DeviceNeeds } from './devices/device-needs.ts'
import { AllocationError, SearchTimeout } from './devices/device-requests.ts'
import {
  extendedResourceAnnotation,
  requestsForExtendedResources,
  type ExtendedResourceRequests,
} from './devices/extended-resources.ts'
import { hasAlternatives, scoreOfAlternatives } from './devices/prioritized-requests.ts'
import { bindClaim, deallocateClaim, deleteClaim, unreserveClaim } from './devices/write-claims.ts'

/** Both as Go writes durations. */
export interface DynamicResourcesArgs {
  /** How long the devices of one node may be searched. Nothing else happens in the process meanwhile. */
  readonly filterTimeout: string
  /** How long devices may take to be ready for the pod that was given them. */
  readonly bindingTimeout: string
}

export const dynamicResourcesArgs: DynamicResourcesArgs = { filterTimeout: '1s', bindingTimeout: '10m' }

/** The devices that a pod would have on a node. */
interface Found {
  /** In the order of the pending claims. */
  readonly allocations: readonly AllocationResult[]
  readonly extended: (ExtendedResourceRequests & { readonly allocation: AllocationResult }) | undefined
}

interface Plan {
  /** As they were last read or written. */
  claims: readonly { readonly claim: ResourceClaim; readonly allocation: AllocationResult | undefined }[]
  readonly extended: Found['extended']
  /** What was made for extended resources. */
  extendedClaim?: ResourceClaim
  /** Keys in `inFlight`. */
  readonly held: readonly string[]
}

const name = 'DynamicResources'
const cannotAllocate: Refusal = { reasons: ['cannot allocate all claims'], unresolvable: true }
const notAvailable: Refusal = { reasons: ['resourceclaim not available on the node'], unresolvable: true }

/**
 * A pod goes where the devices that it claims are or can be had. They are chosen here and written into the claim, with
 * the pod as its consumer, before the pod is bound. Source: kube-scheduler's DynamicResources.
 */
export function createDynamicResources(handle: PluginHandle, args: DynamicResourcesArgs): Plugin {
  const { client, clock, nodes: table, log, cache } = handle
  const claimCache = cache(resourceClaims)
  const sliceCache = cache(resourceSlices)
  const classes = cache(deviceClasses)
  claimCache.addIndex(extendedClaimIndex, podOfExtendedClaim)
  /** Claims whose devices have been chosen and not yet been seen in the cache, by uid, or the pod's for extended resources. */
  const inFlight = new Map<string, ResourceClaim>()
  const plans = new Map<string, Plan>()
  const needsInput = {
    claims: claimCache,
    classes,
    classOfExtended: followExtendedResources(handle),
    isPending: ({ metadata }: ResourceClaim) => inFlight.has(metadata?.uid ?? ''),
  }
  let allocator: DeviceAllocator | undefined
  let loading: Promise<void> | undefined
  /** What the filter found for a pod whose nodes are to be scored: searching them again would take long. */
  let searched: { readonly info: PodInfo; readonly search: (node: number) => Found | Refusal } | undefined
  const slicesAllocator = whenChanged(sliceCache, (slices) => allocator!.withSlices(slices))
  const allocatedClaims = whenChanged(claimCache, (claims) =>
    claims.filter(({ status }) => status?.allocation),
  )

  async function load(): Promise<void> {
    const { createDeviceAllocator } = await import('./devices/device-allocator.ts')
    const maxSearchMs = parseDuration(args.filterTimeout)
    allocator = createDeviceAllocator({ clock, maxSearchMs, classOf: (name) => classes.get(name) })
    handle.notice({ type: 'objectChanged', resource: resourceClaims, object: undefined, previous: undefined })
  }

  function startLoading(): void {
    loading ??= load().catch((error: unknown) => {
      log.error('the allocator of devices could not be loaded', { error })
      loading = undefined
    })
  }

  function claimsWithDevices(): readonly ResourceClaim[] {
    return inFlight.size === 0 ? allocatedClaims() : [...allocatedClaims(), ...inFlight.values()]
  }

  /** What is found on each node, once. */
  function searcher(info: PodInfo, needs: DeviceNeeds): (node: number) => Found | Refusal {
    const prepared = slicesAllocator().prepare(needs.pending, claimsWithDevices())
    const known = new Map<number, Found | Refusal>()

    function search(index: number): Found | Refusal {
      const node = table.nodes[index]!
      if (needs.stale) return { reasons: ['cannot schedule extended resource claim'], unresolvable: true }
      const selectors = needs.claims.map(({ status }) => status?.allocation?.nodeSelector)
      if (selectors.some((selector) => selector && !matchesNodeSelector(selector, node))) return notAvailable
      const missing = needs.extended.filter(({ name }) => table.allocatableOf(name, index) === 0)
      if (needs.pending.length === 0 && missing.length === 0) return { allocations: [], extended: undefined }
      const extended = missing.length === 0 ? undefined : requestsForExtendedResources(info.pod, missing)
      const allocations = prepared(node, extended && extendedClaimOf(info, extended))
      if (!allocations) return cannotAllocate
      if (!extended) return { allocations, extended: undefined }
      return {
        allocations: allocations.slice(0, -1),
        extended: { ...extended, allocation: allocations.at(-1)! },
      }
    }

    return (index) => {
      let found = known.get(index)
      if (!found) known.set(index, (found = searchSafely(() => search(index))))
      return found
    }
  }

  /** Claims must be there before the pod is tried. */
  function gate(info: PodInfo): string | undefined {
    const found = claimsOfPod(info.pod, claimCache)
    if ('reason' in found) return found.reason
    if (allocator || !needsOf(info, needsInput)) return undefined
    startLoading()
    return 'devices cannot be allocated yet'
  }

  function release(key: string): Plan | undefined {
    const plan = plans.get(key)
    if (!plan) return undefined
    plans.delete(key)
    for (const held of plan.held) inFlight.delete(held)
    return plan
  }

  /** Writes what was chosen, claim by claim. */
  async function write(info: PodInfo, plan: Plan, signal: AbortSignal): Promise<void> {
    const { pod } = info
    for (const [index, { claim, allocation }] of plan.claims.entries()) {
      if (isReservedFor(claim, pod)) continue
      const written = await bindClaim(claim, allocation && stamped(allocation), pod, client)
      plan.claims = plan.claims.with(index, { claim: written, allocation: undefined })
    }
    if (plan.extended) await writeExtended(info, plan)
    const written = [
      ...plan.claims.map(({ claim }) => claim),
      ...(plan.extendedClaim ? [plan.extendedClaim] : []),
    ]
    for (const { metadata } of written) await claimCache.waitFor(metadata?.resourceVersion ?? '0', signal)
  }

  async function writeExtended({ pod, ...info }: PodInfo, plan: Plan): Promise<void> {
    const { allocation, mappings } = plan.extended!
    const { name: _, ...metadata } = extendedClaimOf({ pod, ...info }, plan.extended!).metadata ?? {}
    const created = await client.create(resourceClaims, {
      ...extendedClaimOf({ pod, ...info }, plan.extended!),
      metadata,
    })
    plan.extendedClaim = created
    plan.extendedClaim = await bindClaim(created, stamped(allocation), pod, client)
    const resourceClaimName = created.metadata?.name ?? ''
    const extendedResourceClaimStatus = { requestMappings: mappings, resourceClaimName }
    await patchPodStatus(client, pod, { extendedResourceClaimStatus })
  }

  /** Devices that must get ready first are given a time from which they are waited for. */
  function stamped(allocation: AllocationResult): AllocationResult {
    const waits = allocation.devices?.results?.some(({ bindingConditions }) => bindingConditions?.length)
    return waits ? { ...allocation, allocationTimestamp: formatTime(clock.now()) } : allocation
  }

  /** Undoes what was written for a pod that is not bound after all. */
  async function takeBack({ pod }: PodInfo, plan: Plan): Promise<void> {
    for (const { claim } of plan.claims) {
      const current = newer(claimCache.get(keyOf(claim)), claim)
      if (!current.status?.allocation || !isReservedFor(current, pod)) continue
      if (bindingState(current) === 'ready') await unreserveClaim(current, pod, client)
      else await deallocateClaim(current, client)
    }
    if (plan.extendedClaim) await deleteClaim(plan.extendedClaim, client)
  }

  function inBackground(work: Promise<unknown>, info: PodInfo): void {
    work.catch((error: unknown) => log.warn('devices could not be given back', { pod: info.key, error }))
  }

  return {
    name,
    gate,
    filter(info) {
      const needs = needsOf(info, needsInput)
      if (!needs) return undefined
      if ('reason' in needs) return { refusesPod: { reasons: [needs.reason], unresolvable: true } }
      const search = searcher(info, needs)
      if (needs.pending.some(hasAlternatives)) searched = { info, search }
      return filterBy(search)
    },
    score(info) {
      const before = searched?.info === info ? searched : undefined
      searched = undefined
      const needs = needsOf(info, needsInput)
      if (!needs || 'reason' in needs || !needs.claims.some(hasAlternatives)) return undefined
      return scoreBy(needs, before?.search ?? searcher(info, needs))
    },
    postFilter(info, { podRefusedBy = name }): Remedy {
      // As upstream, which has not looked at claims when another plugin refuses the pod before.
      if (podRefusedBy !== name) return { type: 'failed', message: 'not found' }
      const needs = needsOf(info, needsInput)
      if (!needs || 'reason' in needs) return told('no new claims to deallocate')
      if (needs.stale) {
        inBackground(deleteClaim(needs.stale, client), info)
        return told('deletion of ResourceClaim completed')
      }
      const idle = needs.claims.find((claim) => isIdle(claim, info) && isAway(claim, handle))
      if (!idle) return told('still not schedulable')
      inBackground(deallocateClaim(idle, client), info)
      return told('deallocation of ResourceClaim completed')
    },
    reserve(info, nodeName) {
      const needs = needsOf(info, needsInput)
      if (!needs) return undefined
      if ('reason' in needs) return { reasons: [needs.reason] }
      const node = table.indexOf(nodeName)
      if (node === undefined) return { reasons: [`node "${nodeName}" not found`] }
      const found = searcher(info, needs)(node)
      if ('reasons' in found) return found
      const plan = planOf(info, needs, found, inFlight)
      plans.set(info.key, plan)
      return undefined
    },
    unreserve(info) {
      const plan = release(info.key)
      if (plan) inBackground(takeBack(info, plan), info)
    },
    async preBind(info, _, signal) {
      const plan = plans.get(info.key)
      if (!plan) return
      await write(info, plan, signal)
      const all = [
        ...plan.claims.map(({ claim }) => claim),
        ...(plan.extendedClaim ? [plan.extendedClaim] : []),
      ]
      const waiting = all.filter((claim) => bindingState(claim) !== 'ready').map(keyOf)
      const timeoutMs = parseDuration(args.bindingTimeout)
      if (waiting.length > 0) await devicesReady(waiting, { cache: claimCache, clock, timeoutMs, signal })
    },
    postBind: (info) => void release(info.key),
    mayHelp: (change, info) => mayHelp(change, info, (pod) => 'claims' in claimsOfPod(pod, claimCache)),
  }
}

function filterBy(search: (node: number) => Found | Refusal): NodeFilter {
  return {
    fits: (node) => !('reasons' in search(node)),
    refusal(node) {
      const found = search(node)
      return 'reasons' in found ? found : { reasons: [] }
    },
  }
}

/** Nodes where requests are served by what they would rather have are better. */
function scoreBy({ claims, pending }: DeviceNeeds, search: (node: number) => Found | Refusal): NodeScore {
  return {
    raw(node) {
      const found = search(node)
      if ('reasons' in found) return 0
      let score = 0
      for (const claim of claims) {
        const allocation = claim.status?.allocation ?? found.allocations[pending.indexOf(claim)]
        score += scoreOfAlternatives(claim, allocation)
      }
      return score
    },
    finish: (scores) => scaleByGreatest(scores, false),
  }
}

/** What is at fault with claims, classes or devices ends the attempt: no other node would do. */
function searchSafely(search: () => Found | Refusal): Found | Refusal {
  try {
    return search()
  } catch (error) {
    if (error instanceof SearchTimeout)
      return { reasons: ['timed out trying to allocate devices'], unresolvable: true }
    if (!(error instanceof AllocationError)) throw error
    throw new Error(`running "DynamicResources" filter plugin: ${error.message}`, { cause: error })
  }
}

/** The cache may not have seen what was written last. */
function newer(cached: ResourceClaim | undefined, claim: ResourceClaim): ResourceClaim {
  const version = ({ metadata }: ResourceClaim) => BigInt(metadata?.resourceVersion ?? 0)
  return cached && version(cached) > version(claim) ? cached : claim
}

/** Holds the chosen devices from now on. */
function planOf(
  info: PodInfo,
  needs: DeviceNeeds,
  { allocations, extended }: Found,
  inFlight: Map<string, ResourceClaim>,
): Plan {
  const held: string[] = []
  const hold = (key: string, claim: ResourceClaim, allocation: AllocationResult) => {
    held.push(key)
    inFlight.set(key, { ...claim, status: { ...claim.status, allocation } })
  }
  const claims = needs.claims.map((claim) => {
    const allocation = allocations[needs.pending.indexOf(claim)]
    if (allocation) hold(claim.metadata?.uid ?? '', claim, allocation)
    return { claim, allocation }
  })
  if (extended) hold(info.uid, extendedClaimOf(info, extended), extended.allocation)
  return { claims, extended, held }
}

/** The claim in place of a pod's extended resources, as it is created. */
function extendedClaimOf({ pod }: PodInfo, { requests }: ExtendedResourceRequests): ResourceClaim {
  const { namespace = '', name = '' } = pod.metadata ?? {}
  const { blockOwnerDeletion: _, ...owner } = ownerReferenceTo(pod, pods)
  return {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'ResourceClaim',
    metadata: {
      namespace,
      name: '<extended-resources>',
      generateName: `${name}-extended-resources-`,
      annotations: { [extendedResourceAnnotation]: 'true' },
      ownerReferences: [owner],
      finalizers: [claimFinalizer],
    },
    spec: { devices: { requests } },
  }
}

/** Nobody but this pod would miss its devices. */
function isIdle({ status }: ResourceClaim, { uid }: PodInfo): boolean {
  return !!status?.allocation && (status.reservedFor ?? []).every((consumer) => consumer.uid === uid)
}

/** Its devices cannot be reached from every node. */
function isAway({ status }: ResourceClaim, { nodes }: PluginHandle): boolean {
  const selector = status?.allocation?.nodeSelector
  return !!selector && nodes.indexes.some((index) => !matchesNodeSelector(selector, nodes.nodes[index]!))
}

function mayHelp(
  change: ClusterChange,
  { pod }: PodInfo,
  hasClaims: (pod: PodInfo['pod']) => boolean,
): boolean {
  switch (change.type) {
    case 'nodeAdded':
    case 'nodeUpdated':
      return true
    case 'podUpdated':
      return hasClaims(change.pod.pod)
    case 'objectChanged':
      break
    default:
      return false
  }
  if (changedTo(change, deviceClasses) ?? changedTo(change, resourceSlices)) return true
  if (change.resource.resource !== resourceClaims.resource) return false
  const changed = changedTo(change, resourceClaims)
  if (!changed) return true
  const { object, previous } = changed
  if (previous?.status?.allocation && !object.status?.allocation) return true
  return usesResourceClaim(pod, object) && !(previous && jsonEqual(previous.status, object.status))
}

/** Whether a nomination stays is for preemption to say. */
function told(message: string): Remedy {
  return { type: 'none', message, keepsNomination: true }
}
