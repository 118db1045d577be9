import { persistentVolumes } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts'

export const volumeProtection = 'kubernetes.io/pv-protection'

/** Keeps a volume that is being deleted for as long as it is bound. Source: kubernetes/pkg/controller/volume/pvprotection. */
export const pvProtectionReconciler: Reconciler = {
  name: 'pv-protection',
  queueName: 'pvprotection',
  watches: [on(persistentVolumes, (volume) => [keyOf(volume)])],

  async reconcile(key, { client, cache }) {
    const volume = cache(persistentVolumes).get(key)
    if (!volume) return done
    const isProtected = hasFinalizer(volume, volumeProtection)
    if (!isDeleting(volume)) {
      if (!isProtected) await client.update(persistentVolumes, withFinalizer(volume, volumeProtection))
    } else if (isProtected && volume.status?.phase !== 'Bound') {
      await client.update(persistentVolumes, withoutFinalizer(volume, volumeProtection))
    }
    return done
  },
}
