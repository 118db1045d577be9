import type { Container, EphemeralContainer, Pod, Volume } from '../../generated/core.v1.ts'

/*
 * Which other objects of its namespace a pod names.
 * Source: kubernetes/pkg/api/v1/pod/util.go.
 */

export const mirrorPodAnnotation = 'kubernetes.io/config.mirror'

function containersOf({ spec }: Pod): readonly (Container | EphemeralContainer)[] {
  return [...(spec?.initContainers ?? []), ...(spec?.containers ?? []), ...(spec?.ephemeralContainers ?? [])]
}

function given(names: readonly (string | undefined)[]): readonly string[] {
  return names.flatMap((name) => (name ? [name] : []))
}

/** Names may repeat. */
export function podSecretNames(pod: Pod): readonly string[] {
  const names = (pod.spec?.imagePullSecrets ?? []).map(({ name }) => name)
  for (const { envFrom = [], env = [] } of containersOf(pod)) {
    names.push(...envFrom.map(({ secretRef }) => secretRef?.name))
    names.push(...env.map(({ valueFrom }) => valueFrom?.secretKeyRef?.name))
  }
  for (const volume of pod.spec?.volumes ?? []) names.push(...volumeSecretNames(volume))
  return given(names)
}

function volumeSecretNames(volume: Volume): readonly (string | undefined)[] {
  return [
    volume.azureFile?.secretName,
    volume.cephfs?.secretRef?.name,
    volume.cinder?.secretRef?.name,
    volume.flexVolume?.secretRef?.name,
    volume.rbd?.secretRef?.name,
    volume.secret?.secretName,
    volume.scaleIO?.secretRef?.name,
    volume.iscsi?.secretRef?.name,
    volume.storageos?.secretRef?.name,
    volume.csi?.nodePublishSecretRef?.name,
    ...(volume.projected?.sources ?? []).map(({ secret }) => secret?.name),
  ]
}

/** Names may repeat. */
export function podConfigMapNames(pod: Pod): readonly string[] {
  const names: (string | undefined)[] = []
  for (const { envFrom = [], env = [] } of containersOf(pod)) {
    names.push(...envFrom.map(({ configMapRef }) => configMapRef?.name))
    names.push(...env.map(({ valueFrom }) => valueFrom?.configMapKeyRef?.name))
  }
  for (const { configMap, projected } of pod.spec?.volumes ?? []) {
    names.push(configMap?.name, ...(projected?.sources ?? []).map((source) => source.configMap?.name))
  }
  return given(names)
}

/** Also those of ephemeral volumes, which are called after the pod. */
export function podClaimNames(pod: Pod): readonly string[] {
  return (pod.spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim) return [persistentVolumeClaim.claimName]
    return ephemeral ? [`${pod.metadata?.name ?? ''}-${name}`] : []
  })
}

/** Claims for devices: named directly, made from a template, or made by the scheduler. */
export function podResourceClaimNames({ spec, status }: Pod): readonly string[] {
  const generated = new Map(
    (status?.resourceClaimStatuses ?? []).map(({ name, resourceClaimName }) => [name, resourceClaimName]),
  )
  const names = (spec?.resourceClaims ?? []).map(
    ({ name, resourceClaimName }) => resourceClaimName ?? generated.get(name),
  )
  names.push(status?.extendedResourceClaimStatus?.resourceClaimName)
  return given(names)
}
