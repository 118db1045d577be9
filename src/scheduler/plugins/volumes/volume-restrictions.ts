import { persistentVolumeClaims } from '../../../api/generated/resources.ts'
import type { Pod, Volume } from '../../../api/generated/core.v1.ts'
import { changedTo } from '../../cluster-change.ts'
import type { Plugin, PluginHandle, PodRefusal } from '../../framework.ts'
import type { NodeTable } from '../../nodes/node-table.ts'
import type { PodInfo } from '../../pod-info.ts'
import { claimNamesOf, usesClaim } from './pod-claims.ts'

/** Keeps apart pods whose volumes must not be used together: disks of one writer, claims of one pod. */
export function createVolumeRestrictions({ cache }: PluginHandle): Plugin {
  const claimCache = cache(persistentVolumeClaims)

  /** The pod's claims that only one pod may use. */
  function exclusiveClaims({ pod, namespace }: PodInfo): string[] | PodRefusal {
    const found: string[] = []
    for (const { persistentVolumeClaim } of pod.spec?.volumes ?? []) {
      if (!persistentVolumeClaim) continue
      const { claimName } = persistentVolumeClaim
      const claim = claimCache.get(`${namespace}/${claimName}`)
      if (!claim) {
        const reasons = [`persistentvolumeclaim "${claimName}" not found`]
        return { refusesPod: { reasons, unresolvable: true } }
      }
      if (claim.spec?.accessModes?.includes('ReadWriteOncePod')) found.push(claimName)
    }
    return found
  }

  return {
    name: 'VolumeRestrictions',
    filter(pod, nodes) {
      const exclusive = exclusiveClaims(pod)
      if ('refusesPod' in exclusive) return exclusive
      const disks = (pod.pod.spec?.volumes ?? []).filter(isDisk)
      if (exclusive.length === 0 && disks.length === 0) return undefined
      const users = exclusive.length === 0 ? new Set<number>() : nodesUsing(exclusive, pod.namespace, nodes)
      const hasDisk = (node: number) =>
        disks.length > 0 &&
        [...nodes.pods[node]!.values()].some((other) => disks.some((disk) => conflicts(disk, other.pod)))
      return {
        isSnapshot: true,
        // A claim in use somewhere is in use everywhere.
        fits: (node) => users.size === 0 && !hasDisk(node),
        refusal(node) {
          if (hasDisk(node)) return { reasons: ['node(s) had no available disk'] }
          const inUse =
            'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode'
          return { reasons: [inUse], ...(!users.has(node) && { unresolvable: true }) }
        },
      }
    },
    mayHelp(change, pod) {
      if (change.type === 'podRemoved') return true
      const claim = changedTo(change, persistentVolumeClaims)
      return claim ? usesClaim(pod.pod, claim.object) : change.type === 'nodeAdded'
    },
  }
}

function nodesUsing(claims: readonly string[], namespace: string, nodes: NodeTable): Set<number> {
  const found = new Set<number>()
  nodes.pods.forEach((pods, node) => {
    for (const other of pods.values()) {
      if (other.namespace !== namespace) continue
      if (claimNamesOf(other.pod).some(({ name }) => claims.includes(name))) found.add(node)
    }
  })
  return found
}

function isDisk({ gcePersistentDisk, awsElasticBlockStore, iscsi, rbd }: Volume): boolean {
  return !!gcePersistentDisk || !!awsElasticBlockStore || !!iscsi || !!rbd
}

/** Two uses of one disk go together only when both only read; some disks never go together. */
function conflicts(disk: Volume, { spec }: Pod): boolean {
  return (spec?.volumes ?? []).some((other) => {
    if (disk.gcePersistentDisk && other.gcePersistentDisk)
      return (
        disk.gcePersistentDisk.pdName === other.gcePersistentDisk.pdName &&
        !(disk.gcePersistentDisk.readOnly && other.gcePersistentDisk.readOnly)
      )
    if (disk.awsElasticBlockStore && other.awsElasticBlockStore)
      return disk.awsElasticBlockStore.volumeID === other.awsElasticBlockStore.volumeID
    if (disk.iscsi && other.iscsi)
      return disk.iscsi.iqn === other.iscsi.iqn && !(disk.iscsi.readOnly && other.iscsi.readOnly)
    if (disk.rbd && other.rbd)
      return (
        disk.rbd.monitors.some((monitor) => other.rbd!.monitors.includes(monitor)) &&
        (disk.rbd.pool ?? 'rbd') === (other.rbd.pool ?? 'rbd') &&
        disk.rbd.image === other.rbd.image &&
        !(disk.rbd.readOnly && other.rbd.readOnly)
      )
    return false
  })
}
