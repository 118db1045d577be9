import type { Pod } from '../../api/generated/core.v1.ts'
import type { ResourceClaim, ResourceSlice } from '../../api/generated/resource.v1.ts'
import { pods, resourceClaims, resourceSlices } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import type { Informer } from '../../client/informer.ts'
import { isReservedFor } from '../../api/resource/pod-claims.ts'
import { createMetrics, type Metrics } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { evictForTaint } from '../pods/evict-for-taint.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { deviceEvictionMs, type TaintsOfDevice } from './plan-device-eviction.ts'

const claimsByPoolIndex = 'allocated-pool'
const slicesByPoolIndex = 'pool'
const claimsByPodIndex = 'reserved-pod'

/** As upstream: from a millisecond to four minutes. */
const deletionBuckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240]

const disruption = {
  reason: 'DeletionByDeviceTaintManager',
  message: 'Device Taint manager: deleting due to NoExecute taint',
}

/** Deletes pods whose devices have NoExecute taints that their claims do not tolerate, or not any longer. */
export function deviceTaintEvictionReconciler(metrics: Metrics = createMetrics()): Reconciler {
  const prefix = 'device_taint_eviction_controller'
  const deletions = metrics.counter({
    name: `${prefix}_pod_deletions_total`,
    help: 'Pods deleted for the taints of their devices.',
  })
  const latency = metrics.histogram({
    name: `${prefix}_pod_deletion_duration_seconds`,
    help: 'Time between when a taint took effect and the deletion of the pod.',
    buckets: deletionBuckets,
  })
  const waiting = new Set<string>()
  return {
    name: 'device-taint-eviction',
    queueName: 'device-taint-eviction',
    eventSource: 'device-taint-eviction-controller',
    watches: [
      on(pods, (pod) => (usesDevices(pod) ? [keyOf(pod)] : [])),
      on(resourceClaims, podsOf),
      on(resourceSlices, (slice, { cache }) =>
        cache(resourceClaims).byIndex(claimsByPoolIndex, poolOf(slice)).flatMap(podsOf),
      ),
    ],

    prepare({ cache }) {
      const claims = cache(resourceClaims)
      claims.addIndex(claimsByPoolIndex, (claim) => [
        ...new Set(resultsOf(claim).map(({ driver, pool }) => `${driver}/${pool}`)),
      ])
      claims.addIndex(claimsByPodIndex, podsOf)
      cache(resourceSlices).addIndex(slicesByPoolIndex, (slice) => [poolOf(slice)])
    },

    async reconcile(key, context) {
      const { cache, clock, events } = context
      const pod = cache(pods).get(key)
      if (!pod || pod.metadata?.deletionTimestamp || isTerminal(pod)) {
        waiting.delete(key)
        return done
      }
      const claims = cache(resourceClaims).byIndex(claimsByPodIndex, key)
      const results = claims.filter((claim) => isReservedFor(claim, pod)).flatMap(resultsOf)
      const dueMs = deviceEvictionMs(results, taintsIn(cache(resourceSlices)), clock.now())
      if (dueMs === undefined) {
        if (waiting.delete(key))
          events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Cancelling deletion')
        return done
      }
      const leftMs = dueMs - clock.now()
      if (leftMs > 0) {
        waiting.add(key)
        return again(leftMs)
      }
      events.event(pod, 'Normal', 'DeviceTaintManagerEviction', 'Marking for deletion')
      await evictForTaint(pod, disruption, context)
      deletions.with({}).add()
      latency.with({}).observe(-leftMs / 1000)
      waiting.delete(key)
      return done
    },
  }
}

function usesDevices({ spec, status }: Pod): boolean {
  return !!spec?.resourceClaims?.length || !!status?.extendedResourceClaimStatus
}

function resultsOf({ status }: ResourceClaim) {
  return status?.allocation?.devices?.results ?? []
}

/** Keys of the pods that the claim is reserved for. */
function podsOf({ metadata, status }: ResourceClaim): string[] {
  return (status?.reservedFor ?? [])
    .filter(({ apiGroup, resource }) => !apiGroup && resource === 'pods')
    .map(({ name }) => `${metadata?.namespace}/${name}`)
}

function poolOf({ spec }: ResourceSlice): string {
  return `${spec.driver}/${spec.pool.name}`
}

/** As the newest generation of the pool says. */
function taintsIn(slices: Informer<ResourceSlice>): TaintsOfDevice {
  return ({ driver, pool, device }) => {
    const known = slices.byIndex(slicesByPoolIndex, `${driver}/${pool}`)
    const newest = Math.max(...known.map(({ spec }) => spec.pool.generation))
    return known
      .filter(({ spec }) => spec.pool.generation === newest)
      .flatMap(({ spec }) => spec.devices ?? [])
      .find(({ name }) => name === device)?.taints
  }
}
