import type { PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, storageClasses } from '../../api/generated/resources.ts'
import { compareQuantity } from '../../machinery/quantity.ts'
import type { Objects } from '../objects.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { refused } from './refuse.ts'
import { isAbout, objectOf, oldObjectOf } from './request-matching.ts'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/**
 * A claim grows only when it is bound and its class says that its volumes can.
 * Source: kubernetes/plugin/pkg/admission/storage/persistentvolume/resize.
 */
export function createPersistentVolumeClaimResize(objects: Objects): AdmissionPlugin {
  return {
    name: 'PersistentVolumeClaimResize',
    handles: (request) => isAbout(request, persistentVolumeClaims, ['UPDATE']),
    async validate(request) {
      const claim: PersistentVolumeClaim = objectOf(request, persistentVolumeClaims)
      const previous = oldObjectOf(request, persistentVolumeClaims)
      if (compareQuantity(requestedSize(claim), requestedSize(previous)) <= 0) return
      if (previous.status?.phase !== 'Bound') {
        throw refused(request, 'only bound persistent volume claims can be expanded')
      }
      const className = classNameOf(claim)
      const sameClass = className !== '' && className === classNameOf(previous)
      const storageClass = sameClass ? await findClass(className) : undefined
      if (!storageClass?.allowVolumeExpansion) {
        throw refused(
          request,
          'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
        )
      }
    },
  }

  async function findClass(name: string) {
    return objects.get(storageClasses, { name }) ?? objects.getLatest(storageClasses, { name })
  }
}

function requestedSize({ spec }: PersistentVolumeClaim): string {
  return spec?.resources?.requests?.['storage'] ?? '0'
}

function classNameOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata?.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''
}
