import {
  persistentVolumeClaims,
  persistentVolumes,
  volumeAttributesClasses,
} from '../../api/generated/resources.ts'
import type { AdmissionPlugin } from './plugin.ts'
import { isAbout } from './request-matching.ts'

const protections = [
  { resource: persistentVolumeClaims, finalizer: 'kubernetes.io/pvc-protection' },
  { resource: persistentVolumes, finalizer: 'kubernetes.io/pv-protection' },
  { resource: volumeAttributesClasses, finalizer: 'kubernetes.io/vac-protection' },
]

/**
 * Storage that is in use outlives its deletion: a controller takes the finalizer away when nobody uses it any more.
 * Source: kubernetes/plugin/pkg/admission/storage/storageobjectinuseprotection.
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: 'StorageObjectInUseProtection',
  handles: (request) => protections.some(({ resource }) => isAbout(request, resource, ['CREATE'])),
  mutate(request) {
    const { finalizer } = protections.find(({ resource }) => isAbout(request, resource, ['CREATE']))!
    const metadata = (request.object!.metadata ??= {})
    const finalizers = (metadata.finalizers ??= [])
    if (!finalizers.includes(finalizer)) finalizers.push(finalizer)
  },
}
