import { createHash } from 'node:crypto'
import type { PersistentVolume, Pod, Volume } from '../../../api/generated/core.v1.ts'
import { VolumeError } from '../volume-error.ts'

interface SecretName {
  readonly namespace: string
  readonly name: string
}

/** A CSI volume of a pod, however the pod came by it. */
export interface CsiVolume {
  readonly driver: string
  readonly volumeHandle: string
  /** What its directory on the node is called: the volume's name, or that of the pod's volume. */
  readonly specName: string
  readonly lifecycle: 'Persistent' | 'Ephemeral'
  readonly isBlock: boolean
  readonly accessModes: readonly string[]
  readonly fsType: string
  readonly mountOptions: readonly string[]
  readonly attributes: Readonly<Record<string, string>>
  readonly readOnly: boolean
  readonly stageSecret?: SecretName
  readonly publishSecret?: SecretName
  readonly expandSecret?: SecretName
  readonly capacity?: string
}

/** `readOnly` as the pod wants it: what the volume says of it is for whoever attaches it. */
export function persistentCsiVolume({ metadata, spec }: PersistentVolume, readOnly: boolean): CsiVolume {
  const { csi } = spec ?? {}
  if (!csi) throw new VolumeError(`${metadata?.name} is no CSI volume`)
  const secret = (reference: { readonly namespace?: string; readonly name?: string } | undefined) =>
    reference && { namespace: reference.namespace ?? '', name: reference.name ?? '' }
  const [stageSecret, publishSecret, expandSecret] = [
    secret(csi.nodeStageSecretRef),
    secret(csi.nodePublishSecretRef),
    secret(csi.nodeExpandSecretRef),
  ]
  return {
    driver: csi.driver,
    volumeHandle: csi.volumeHandle,
    specName: metadata?.name ?? '',
    lifecycle: 'Persistent',
    isBlock: spec?.volumeMode === 'Block',
    accessModes: spec?.accessModes ?? [],
    fsType: csi.fsType ?? '',
    mountOptions: spec?.mountOptions ?? [],
    attributes: csi.volumeAttributes ?? {},
    readOnly,
    ...(stageSecret && { stageSecret }),
    ...(publishSecret && { publishSecret }),
    ...(expandSecret && { expandSecret }),
    ...(spec?.capacity?.['storage'] !== undefined && { capacity: spec.capacity['storage'] }),
  }
}

export function ephemeralCsiVolume(pod: Pod, { name, csi }: Volume): CsiVolume {
  if (!csi) throw new VolumeError(`${name} is no CSI volume`)
  const secret = csi.nodePublishSecretRef?.name
  return {
    driver: csi.driver,
    volumeHandle: `csi-${sha256(`${pod.metadata?.uid ?? ''}${name}`)}`,
    specName: name,
    lifecycle: 'Ephemeral',
    isBlock: false,
    accessModes: ['ReadWriteOnce'],
    fsType: csi.fsType ?? '',
    mountOptions: [],
    attributes: csi.volumeAttributes ?? {},
    readOnly: csi.readOnly ?? false,
    ...(secret !== undefined && {
      publishSecret: { namespace: pod.metadata?.namespace ?? '', name: secret },
    }),
  }
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** How node statuses call a volume. */
export function uniqueVolumeName({
  driver,
  volumeHandle,
}: Pick<CsiVolume, 'driver' | 'volumeHandle'>): string {
  return `kubernetes.io/csi/${driver}^${volumeHandle}`
}
