import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, pods } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isControlledBy, isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts'

export const claimProtection = 'kubernetes.io/pvc-protection'

/**
 * Keeps a claim that is being deleted for as long as a pod that has a node uses it. Source:
 * kubernetes/pkg/controller/volume/pvcprotection.
 */
export const pvcProtectionReconciler: Reconciler = {
  name: 'pvc-protection',
  queueName: 'pvcprotection',
  watches: [
    on(persistentVolumeClaims, (claim) => [keyOf(claim)]),
    on(pods, (pod) => claimNames(pod).map((name) => `${pod.metadata?.namespace}/${name}`)),
  ],

  async reconcile(key, { client, cache }) {
    const claim = cache(persistentVolumeClaims).get(key)
    if (!claim) return done
    if (!isDeleting(claim)) {
      if (!hasFinalizer(claim, claimProtection))
        await client.update(persistentVolumeClaims, withFinalizer(claim, claimProtection))
      return done
    }
    if (!hasFinalizer(claim, claimProtection)) return done
    const namespace = claim.metadata?.namespace ?? ''
    if (
      cache(pods)
        .list(namespace)
        .some((pod) => usesClaim(pod, claim))
    )
      return done
    // The cache may not have seen a pod that has just been given its node.
    const { items } = await client.list(pods, { namespace })
    if (items.some((pod) => usesClaim(pod, claim))) return done
    await client.update(persistentVolumeClaims, withoutFinalizer(claim, claimProtection))
    return done
  },
}

function claimNames(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => claimNameOf(pod, volume) ?? [])
}

function claimNameOf(pod: Pod, { name, persistentVolumeClaim, ephemeral }: Volume): string | undefined {
  if (persistentVolumeClaim) return persistentVolumeClaim.claimName
  return ephemeral ? `${pod.metadata?.name}-${name}` : undefined
}

/** A pod without a node is not counted: no kubelet starts a pod whose claim is being deleted. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if (!pod.spec?.nodeName) return false
  return (pod.spec.volumes ?? []).some((volume) => {
    if (claimNameOf(pod, volume) !== claim.metadata?.name) return false
    return !volume.ephemeral || (isControlledBy(claim, pod) && !isShutDown(pod))
  })
}

/** The kubelet is done with it, and only finalizers keep it. */
function isShutDown({ metadata }: Pod): boolean {
  return metadata?.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0
}
