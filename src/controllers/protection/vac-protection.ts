import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeAttributesClasses,
} from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { hasFinalizer, withFinalizer, withoutFinalizer } from './finalizers.ts'

export const attributesClassProtection = 'kubernetes.io/vac-protection'

/**
 * Keeps a class of volume attributes that is being deleted for as long as a claim or a volume names it. Source:
 * kubernetes/pkg/controller/volume/vacprotection.
 */
export const vacProtectionReconciler: Reconciler = {
  name: 'volumeattributesclass-protection',
  queueName: 'vacprotection',
  watches: [
    on(volumeAttributesClasses, (attributesClass) => [keyOf(attributesClass)]),
    on(persistentVolumeClaims, classesOfClaim),
    on(persistentVolumes, classesOfVolume),
  ],

  async reconcile(key, { client, cache }) {
    const attributesClass = cache(volumeAttributesClasses).get(key)
    if (!attributesClass) return done
    const isProtected = hasFinalizer(attributesClass, attributesClassProtection)
    if (!isDeleting(attributesClass)) {
      if (!isProtected)
        await client.update(
          volumeAttributesClasses,
          withFinalizer(attributesClass, attributesClassProtection),
        )
      return done
    }
    if (!isProtected) return done
    const names = [
      ...cache(persistentVolumes).list().flatMap(classesOfVolume),
      ...cache(persistentVolumeClaims).list().flatMap(classesOfClaim),
    ]
    if (names.includes(key)) return done
    // The caches may not have seen a claim that has just been made.
    const { items } = await client.list(persistentVolumeClaims)
    if (items.flatMap(classesOfClaim).includes(key)) return done
    await client.update(volumeAttributesClasses, withoutFinalizer(attributesClass, attributesClassProtection))
    return done
  },
}

/** The class it asks for, the one it has, and the one it is being changed to. */
function classesOfClaim({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const names = [
    spec?.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ]
  return names.flatMap((name) => name || [])
}

function classesOfVolume({ spec }: PersistentVolume): readonly string[] {
  return spec?.volumeAttributesClassName ? [spec.volumeAttributesClassName] : []
}
