import { persistentVolumeClaims, storageClasses } from '../../api/generated/resources.ts'
import { defaultStorageClass } from '../../api/storage/default-storage-class.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout, objectOf } from './request-matching.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'
/**
 * A claim that names no class gets the default one, if there is one. `''` is a name: no class.
 * Source: kubernetes/plugin/pkg/admission/storage/storageclass/setdefault.
 */
export function createDefaultStorageClass(objects: Objects): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (request) => isAbout(request, persistentVolumeClaims, ['CREATE']),
    mutate(request) {
      const claim = objectOf(request, persistentVolumeClaims)
      if (claim.metadata?.annotations?.[classAnnotation] !== undefined) return
      if (claim.spec?.storageClassName !== undefined) return
      const name = defaultStorageClass(objects.list(storageClasses))?.metadata?.name
      if (name) (claim.spec ??= {}).storageClassName = name
    },
  }
}
