import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core.v1.ts'
import type { VolumeAttachment } from '../../api/generated/storage.v1.ts'
import type { Informer } from '../../client/informer.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { isTerminal } from '../pods/pod-state.ts'
import { claimNamesOf } from './claim-names.ts'

interface Caches {
  readonly pods: Informer<Pod>
  readonly claims: Informer<PersistentVolumeClaim>
  readonly volumes: Informer<PersistentVolume>
  readonly attachments: Informer<VolumeAttachment>
}

/** Whose attachments are counted, so that starting again does not count twice. */
const followed = new WeakMap<Metrics, Caches>()
const plugin = 'kubernetes.io/csi'

/** A volume is taken from a node that has not said that it let go of it. */
export function countForcedDetach(metrics: Metrics, reason: 'timeout' | 'out-of-service'): void {
  metrics
    .counter({
      name: 'attach_detach_controller_attachdetach_controller_forced_detaches',
      help: 'Number of times the A/D Controller performed a forced detach',
      labels: ['reason'],
    })
    .with({ reason })
    .add()
}

/**
 * Counts what is to be attached and what is, whenever metrics are read. Source of the names:
 * kubernetes/pkg/controller/volume/attachdetach/metrics.
 */
export function followAttachments(metrics: Metrics, caches: Caches): void {
  const isFollowed = followed.has(metrics)
  followed.set(metrics, caches)
  if (isFollowed) return
  const total = metrics.gauge({
    name: 'attachdetach_controller_total_volumes',
    help: 'Number of volumes in A/D Controller',
    labels: ['plugin_name', 'state'],
  })
  const inUse = metrics.gauge({
    name: 'storage_count_attachable_volumes_in_use',
    help: 'Measure number of volumes in use',
    labels: ['node', 'volume_plugin'],
  })
  const shown: (() => void)[] = []
  metrics.onCollect(() => {
    for (const forget of shown.splice(0)) forget()
    const { pods, claims, volumes, attachments } = followed.get(metrics)!
    const count = (driver: string, state: 'actual_state_of_world' | 'desired_state_of_world') => {
      const labels = { plugin_name: `${plugin}:${driver}`, state }
      total.with(labels).add(1)
      shown.push(() => total.remove(labels))
    }
    for (const { spec } of attachments.list()) count(spec.attacher, 'actual_state_of_world')
    const desired = new Set<string>()
    for (const pod of pods.list()) {
      const node = pod.spec?.nodeName
      if (!node || isTerminal(pod)) continue
      for (const claimName of claimNamesOf(pod)) {
        const claim = claims.get(`${pod.metadata?.namespace}/${claimName}`)
        const volume = volumes.get(claim?.spec?.volumeName ?? '')
        if (!volume?.spec?.csi) continue
        inUse.with({ node, volume_plugin: plugin }).add(1)
        shown.push(() => inUse.remove({ node, volume_plugin: plugin }))
        const key = `${node}/${volume.metadata?.name}`
        if (!desired.has(key)) count(volume.spec.csi.driver, 'desired_state_of_world')
        desired.add(key)
      }
    }
  })
}
