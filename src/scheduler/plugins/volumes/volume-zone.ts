import { storageClassOf } from '../../../api/core/volume-matching.ts'
import {
  persistentVolumeClaims,
  persistentVolumes,
  storageClasses,
} from '../../../api/generated/resources.ts'
import type { PersistentVolume } from '../../../api/generated/core.v1.ts'
import { changedTo } from '../../cluster-change.ts'
import type { Plugin, PluginHandle, PodRefusal } from '../../framework.ts'
import type { PodInfo } from '../../pod-info.ts'
import { usesClaim } from './pod-claims.ts'

const zone = 'topology.kubernetes.io/zone'
const region = 'topology.kubernetes.io/region'
/** The labels of zones and regions, old ones with those that took their place. */
const topologyLabels: Readonly<Record<string, string>> = {
  'failure-domain.beta.kubernetes.io/zone': zone,
  'failure-domain.beta.kubernetes.io/region': region,
  [zone]: zone,
  [region]: region,
}
const separator = '__'

interface Requirement {
  readonly key: string
  readonly values: ReadonlySet<string>
}

/** A pod goes to the zone and region that the labels of its volumes name. */
export function createVolumeZone({ cache }: PluginHandle): Plugin {
  const claimCache = cache(persistentVolumeClaims)
  const volumeCache = cache(persistentVolumes)
  const classCache = cache(storageClasses)

  function requirementsOf({ pod, namespace }: PodInfo): Requirement[] | PodRefusal {
    const found: Requirement[] = []
    for (const { persistentVolumeClaim } of pod.spec?.volumes ?? []) {
      if (!persistentVolumeClaim) continue
      const { claimName } = persistentVolumeClaim
      const claim = claimCache.get(`${namespace}/${claimName}`)
      if (!claim) return refuse(`persistentvolumeclaim "${claimName}" not found`)
      const volumeName = claim.spec?.volumeName
      if (volumeName) {
        const volume = volumeCache.get(volumeName)
        if (!volume) return refuse(`persistentvolume "${volumeName}" not found`)
        found.push(...zonesOf(volume))
        continue
      }
      const className = storageClassOf(claim)
      if (!className) return refuse('PersistentVolumeClaim had no pv name and storageClass name')
      const storageClass = classCache.get(className)
      if (!storageClass) return refuse(`storageclass.storage.k8s.io "${className}" not found`)
      if (storageClass.volumeBindingMode !== 'WaitForFirstConsumer')
        return refuse('PersistentVolume had no name')
    }
    return found
  }

  return {
    name: 'VolumeZone',
    filter(pod, { nodes }) {
      const requirements = requirementsOf(pod)
      if ('refusesPod' in requirements) return requirements
      if (requirements.length === 0) return undefined
      return {
        fits(node) {
          const labels = nodes[node]!.metadata?.labels ?? {}
          // A cluster without zones has no zone conflicts.
          if (!Object.keys(topologyLabels).some((key) => labels[key] !== undefined)) return true
          return requirements.every(({ key, values }) =>
            values.has(labels[key] ?? labels[topologyLabels[key]!] ?? ''),
          )
        },
        refusal: () => ({ reasons: ['node(s) had no available volume zone'], unresolvable: true }),
      }
    },
    mayHelp(change, { pod }) {
      if (change.type === 'nodeAdded' || change.type === 'nodeUpdated') return true
      const claim = changedTo(change, persistentVolumeClaims)
      if (claim) return usesClaim(pod, claim.object)
      return !!changedTo(change, persistentVolumes) || !!changedTo(change, storageClasses)
    },
  }
}

function zonesOf({ metadata }: PersistentVolume): Requirement[] {
  return Object.keys(topologyLabels).flatMap((key) => {
    const value = metadata?.labels?.[key]
    return value === undefined ? [] : [{ key, values: new Set(value.split(separator)) }]
  })
}

function refuse(reason: string): PodRefusal {
  return { refusesPod: { reasons: [reason], unresolvable: true } }
}
