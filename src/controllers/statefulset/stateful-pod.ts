import type { StatefulSet } from '../../api/generated/apps.v1.ts'
import type { PersistentVolumeClaim, Pod, PodTemplateSpec, Volume } from '../../api/generated/core.v1.ts'
import { statefulSets } from '../../api/generated/resources.ts'
import { podRevisionLabel } from '../history/controller-revisions.ts'
import { identityOf } from '../ownership/identity.ts'
import { podFromTemplate } from '../pods/pod-from-template.ts'

const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'

/** The ordinal in a pod's name; undefined when it is not a name of the set's pods. */
export function ordinalOf(pod: Pod, set: StatefulSet): number | undefined {
  const prefix = `${set.metadata?.name}-`
  const { name = '' } = pod.metadata ?? {}
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : ''
  return /^(0|[1-9]\d*)$/.test(digits) ? Number(digits) : undefined
}

export function startOrdinal({ spec }: StatefulSet): number {
  return spec?.ordinals?.start ?? 0
}

export function replicasOf({ spec }: StatefulSet): number {
  return spec?.replicas ?? 1
}

/** Whether the set wants a pod of this ordinal. */
export function isWanted(ordinal: number, set: StatefulSet): boolean {
  const place = ordinal - startOrdinal(set)
  return place >= 0 && place < replicasOf(set)
}

export function podName(set: StatefulSet, ordinal: number): string {
  return `${set.metadata?.name}-${ordinal}`
}

export function revisionOf({ metadata }: Pod): string {
  return metadata?.labels?.[podRevisionLabel] ?? ''
}

/** The pod of an ordinal, after the template of a revision. */
export function statefulPod(
  set: StatefulSet,
  template: PodTemplateSpec,
  revision: string,
  ordinal: number,
): Pod {
  const pod = podFromTemplate(template, set, statefulSets)
  const name = podName(set, ordinal)
  const labels = { ...pod.metadata?.labels, [podRevisionLabel]: revision }
  const { serviceName } = set.spec ?? {}
  return withIdentity(
    {
      ...pod,
      metadata: { ...pod.metadata, name, labels },
      spec: { ...pod.spec!, hostname: name, ...(serviceName && { subdomain: serviceName }) },
    },
    set,
    ordinal,
  )
}

/** The pod with the labels and volumes that its place in the set gives it. */
export function withIdentity(pod: Pod, set: StatefulSet, ordinal: number): Pod {
  const labels = {
    ...pod.metadata?.labels,
    [podNameLabel]: podName(set, ordinal),
    [podIndexLabel]: String(ordinal),
  }
  const claimed: readonly Volume[] = (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    name: template.metadata?.name ?? '',
    persistentVolumeClaim: { claimName: claimName(template, set, ordinal), readOnly: false },
  }))
  const others =
    pod.spec?.volumes?.filter(({ name }) => !claimed.some((volume) => volume.name === name)) ?? []
  const volumes = [...claimed, ...others]
  return {
    ...pod,
    metadata: { ...pod.metadata, labels },
    spec: { ...pod.spec!, ...(volumes.length > 0 && { volumes }) },
  }
}

/** Whether the pod has the labels and volumes of its place. */
export function hasIdentity(pod: Pod, set: StatefulSet, ordinal: number): boolean {
  const { labels = {} } = pod.metadata ?? {}
  const hasLabels = labels[podNameLabel] === pod.metadata?.name
  const hasVolumes = (set.spec?.volumeClaimTemplates ?? []).every((template) =>
    pod.spec?.volumes?.some(
      ({ name, persistentVolumeClaim }) =>
        name === template.metadata?.name &&
        persistentVolumeClaim?.claimName === claimName(template, set, ordinal),
    ),
  )
  return hasLabels && hasVolumes
}

function claimName(template: PersistentVolumeClaim, set: StatefulSet, ordinal: number): string {
  return `${template.metadata?.name}-${set.metadata?.name}-${ordinal}`
}

/** The claims of an ordinal, as they are created. */
export function claimsFor(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  const { namespace } = identityOf(set)
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    ...template,
    metadata: {
      ...template.metadata,
      name: claimName(template, set, ordinal),
      namespace,
      labels: { ...template.metadata?.labels, ...set.spec?.selector.matchLabels },
    },
  }))
}

/** Whether a claim of this name can be one of the set's. */
export function mayBeClaimOf(set: StatefulSet, claim: string): boolean {
  return (set.spec?.volumeClaimTemplates ?? []).some((template) => {
    const prefix = `${template.metadata?.name}-${set.metadata?.name}-`
    return claim.startsWith(prefix) && /^\d+$/.test(claim.slice(prefix.length))
  })
}
