import type { Pod } from '../../../api/generated/core.v1.ts'
import type { CSIDriver } from '../../../api/generated/storage.v1.ts'
import {
  csiDrivers,
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from '../../../api/generated/resources.ts'
import type { Objects } from '../../objects.ts'

/**
 * Whether a volume of the pod, or the driver of one, asks for tokens of this audience (`''` is the API server's).
 * Source: kubernetes/plugin/pkg/admission/noderestriction.
 */
export function podNamesAudience(objects: Objects, pod: Pod, audience: string): boolean {
  return (pod.spec?.volumes ?? []).some(({ name, projected, csi, persistentVolumeClaim, ephemeral }) => {
    const projects = projected?.sources?.some(
      ({ serviceAccountToken }) => serviceAccountToken && (serviceAccountToken.audience ?? '') === audience,
    )
    if (projects) return true
    if (csi) return driverNamesAudience(objects, csi.driver, audience)
    if (persistentVolumeClaim)
      return claimNamesAudience(objects, pod, persistentVolumeClaim.claimName, audience)
    return ephemeral
      ? claimNamesAudience(objects, pod, `${pod.metadata?.name ?? ''}-${name}`, audience)
      : false
  })
}

function claimNamesAudience(objects: Objects, pod: Pod, claimName: string, audience: string): boolean {
  const namespace = pod.metadata?.namespace ?? ''
  const claim = objects.get(persistentVolumeClaims, { namespace, name: claimName })
  const volumeName = claim?.spec?.volumeName
  const volume = volumeName ? objects.get(persistentVolumes, { name: volumeName }) : undefined
  const driver = volume?.spec?.csi?.driver ?? provisionerOf(objects, claim?.spec?.storageClassName)
  return driver !== undefined && driverNamesAudience(objects, driver, audience)
}

function provisionerOf(objects: Objects, className: string | undefined): string | undefined {
  return className ? objects.get(storageClasses, { name: className })?.provisioner : undefined
}

function driverNamesAudience(objects: Objects, name: string, audience: string): boolean {
  const driver: CSIDriver | undefined = objects.get(csiDrivers, { name })
  return (driver?.spec.tokenRequests ?? []).some((request) => request.audience === audience)
}
