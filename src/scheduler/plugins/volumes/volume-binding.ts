import {
  boundByController,
  isBoundTo,
  isFullyBound,
  selectedNode,
  storageClassOf,
} from '../../../api/core/volume-matching.ts'
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core.v1.ts'
import {
  csiDrivers,
  csiStorageCapacities,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from '../../../api/generated/resources.ts'
import { keyOf } from '../../../machinery/resource.ts'
import { changedTo, type ClusterChange } from '../../cluster-change.ts'
import type { Plugin, PluginHandle } from '../../framework.ts'
import type { PodInfo } from '../../pod-info.ts'
import {
  findVolumes,
  sortClaims,
  type SortedClaims,
  type VolumePlan,
  type VolumeState,
} from './find-volumes.ts'
import { claimsOf, usesClaim } from './pod-claims.ts'

export interface VolumeBindingArgs {
  /** How long a pod's volumes may take to be bound before it is tried again. */
  readonly bindTimeoutSeconds: number
}

export const volumeBindingArgs: VolumeBindingArgs = { bindTimeoutSeconds: 600 }

/**
 * A pod goes where its volumes are or can be had. Claims that wait for their first pod are bound to volumes there, or
 * have one made there, before the pod is bound.
 */
export function createVolumeBinding(handle: PluginHandle, { bindTimeoutSeconds }: VolumeBindingArgs): Plugin {
  const { client, clock, nodes, cache } = handle
  const claimCache = cache(persistentVolumeClaims)
  const volumeCache = cache(persistentVolumes)
  const classCache = cache(storageClasses)
  const driverCache = cache(csiDrivers)
  const capacityCache = cache(csiStorageCapacities)
  volumeCache.addIndex('storageClass', (volume) => [storageClassOf(volume) ?? ''])
  const taken = new Map<string, string>()
  const chosenNodes = new Map<string, string>()
  const plans = new Map<string, VolumePlan>()
  const state: VolumeState = {
    volume: (name) => volumeCache.get(name),
    volumesOfClass: (name) => volumeCache.byIndex('storageClass', name),
    storageClass: (name) => classCache.get(name),
    driver: (name) => driverCache.get(name),
    capacities: () => capacityCache.list(),
    taken,
    chosenNodes,
  }

  function sortedClaimsOf({ pod }: PodInfo): SortedClaims | { readonly reason: string } {
    const found = claimsOf(pod, claimCache)
    return 'reason' in found ? found : sortClaims(found.claims, state)
  }

  function planOn(pod: PodInfo, nodeName: string): VolumePlan | { readonly reasons: readonly string[] } {
    const sorted = sortedClaimsOf(pod)
    if ('reason' in sorted) return { reasons: [sorted.reason] }
    const node = nodes.indexOf(nodeName)
    return node === undefined
      ? { reasons: [`node "${nodeName}" not found`] }
      : findVolumes(sorted, nodes.nodes[node]!, state)
  }

  async function prebind(volume: PersistentVolume, claim: PersistentVolumeClaim): Promise<void> {
    const { namespace, name, uid, resourceVersion } = claim.metadata ?? {}
    await client.update(persistentVolumes, {
      ...volume,
      metadata: {
        ...volume.metadata,
        annotations: { ...volume.metadata?.annotations, [boundByController]: 'yes' },
      },
      spec: {
        ...volume.spec,
        claimRef: {
          kind: 'PersistentVolumeClaim',
          apiVersion: 'v1',
          ...(namespace && { namespace }),
          ...(name && { name }),
          ...(uid && { uid }),
          ...(resourceVersion && { resourceVersion }),
        },
      },
    })
  }

  /** Resolves when every claim is bound; rejects when one cannot be any more. */
  async function allBound(plan: VolumePlan, nodeName: string, signal: AbortSignal): Promise<void> {
    const keys = [...plan.bindings.map(({ claim }) => claim), ...plan.provisions].map(keyOf)
    const provisioned = new Set(plan.provisions.map(keyOf))
    const isBound = (key: string): boolean => {
      const claim = claimCache.get(key)
      if (!claim) throw new Error(`error getting PVC "${key}": it is gone`)
      if (isFullyBound(claim)) return true
      const chosen = claim.metadata?.annotations?.[selectedNode]
      if (provisioned.has(key) && chosen === undefined)
        throw new Error(`provisioning failed for PVC "${claim.metadata?.name}"`)
      if (chosen !== undefined && chosen !== nodeName)
        throw new Error(`selectedNode annotation value "${chosen}" not set to scheduled node "${nodeName}"`)
      return false
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const look = () => {
      try {
        if (keys.every(isBound)) resolve()
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
    const onAbort = () => reject(new Error('the scheduler stops'))
    const cancel = clock.after(bindTimeoutSeconds * 1000, () => {
      reject(new Error('binding volumes: context deadline exceeded'))
    })
    signal.addEventListener('abort', onAbort, { once: true })
    const unsubscribe = claimCache.onChange(look)
    try {
      look()
      await promise
    } finally {
      unsubscribe()
      cancel()
      signal.removeEventListener('abort', onAbort)
    }
  }

  function release({ key }: PodInfo): void {
    const plan = plans.get(key)
    if (!plan) return
    plans.delete(key)
    for (const { volume } of plan.bindings) taken.delete(volume.metadata?.name ?? '')
    for (const claim of plan.provisions) chosenNodes.delete(keyOf(claim))
  }

  return {
    name: 'VolumeBinding',
    filter(pod, table) {
      const sorted = sortedClaimsOf(pod)
      if ('reason' in sorted) return { refusesPod: { reasons: [sorted.reason], unresolvable: true } }
      if (sorted.immediate.length > 0) {
        const reasons = ['pod has unbound immediate PersistentVolumeClaims']
        return { refusesPod: { reasons, unresolvable: true } }
      }
      if (sorted.bound.length === 0 && sorted.delayed.length === 0) return undefined
      const found = (node: number) => findVolumes(sorted, table.nodes[node]!, state)
      return {
        fits: (node) => !('reasons' in found(node)),
        refusal(node) {
          const result = found(node)
          return { reasons: 'reasons' in result ? result.reasons : [], unresolvable: true }
        },
      }
    },
    reserve(pod, nodeName) {
      const plan = planOn(pod, nodeName)
      if ('reasons' in plan) return plan
      if (plan.bindings.length === 0 && plan.provisions.length === 0) return undefined
      plans.set(pod.key, plan)
      for (const { volume, claim } of plan.bindings) taken.set(volume.metadata?.name ?? '', keyOf(claim))
      for (const claim of plan.provisions) chosenNodes.set(keyOf(claim), nodeName)
      return undefined
    },
    unreserve: (pod) => release(pod),
    async preBind(pod, nodeName, signal) {
      const plan = plans.get(pod.key)
      if (!plan) return
      for (const { volume, claim } of plan.bindings) {
        if (!isBoundTo(volume, claim) || !volume.spec?.claimRef?.uid) await prebind(volume, claim)
      }
      for (const claim of plan.provisions) {
        const { namespace = '', name = '', annotations } = claim.metadata ?? {}
        if (annotations?.[selectedNode] === nodeName) continue
        const body = { metadata: { annotations: { [selectedNode]: nodeName } } }
        const patched = await client.patch(
          persistentVolumeClaims,
          { namespace, name },
          { type: 'merge', body },
        )
        await claimCache.waitFor(patched.metadata?.resourceVersion ?? '', signal)
      }
      await allBound(plan, nodeName, signal)
      release(pod)
    },
    mayHelp: (change, pod) => mayHelp(change, pod),
  }
}

function mayHelp(change: ClusterChange, { pod }: PodInfo): boolean {
  if (change.type === 'nodeAdded' || change.type === 'nodeUpdated') return true
  const claim = changedTo(change, persistentVolumeClaims)
  if (claim) return usesClaim(pod, claim.object)
  return (
    !!changedTo(change, persistentVolumes) ||
    !!changedTo(change, storageClasses) ||
    !!changedTo(change, csiDrivers) ||
    !!changedTo(change, csiStorageCapacities)
  )
}
