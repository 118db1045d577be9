import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core.v1.ts'
import { storageClassOf } from '../../api/core/volume-matching.ts'
import type { Informer } from '../../client/informer.ts'
import type { Metrics } from '../../machinery/metrics.ts'

interface Caches {
  volumes: Informer<PersistentVolume>
  claims: Informer<PersistentVolumeClaim>
}

/** Whose volumes are counted, so that starting again does not count twice. */
const followed = new WeakMap<Metrics, Caches>()

/** Counts volumes and claims whenever metrics are read. Names as upstream: pkg/controller/volume/persistentvolume/metrics. */
export function followVolumes(metrics: Metrics, caches: Caches): void {
  const known = followed.get(metrics)
  if (known) {
    Object.assign(known, caches)
    return
  }
  const current = { ...caches }
  followed.set(metrics, current)
  const shown: (() => void)[] = []
  const count = <Label extends string>(name: string, help: string, labels: readonly Label[]) => {
    const gauge = metrics.gauge<Label>({ name: `pv_collector_${name}`, help, labels })
    return (values: Readonly<Record<Label, string>>) => {
      gauge.with(values).add(1)
      shown.push(() => gauge.remove(values))
    }
  }
  const total = count('total_pv_count', 'Gauge measuring total number of persistent volumes', [
    'plugin_name',
    'volume_mode',
  ])
  const boundVolume = count('bound_pv_count', 'Gauge measuring number of persistent volume currently bound', [
    'storage_class',
  ])
  const freeVolume = count(
    'unbound_pv_count',
    'Gauge measuring number of persistent volume currently unbound',
    ['storage_class'],
  )
  const claimLabels = ['namespace', 'storage_class', 'volume_attributes_class'] as const
  const boundClaim = count(
    'bound_pvc_count',
    'Gauge measuring number of persistent volume claim currently bound',
    claimLabels,
  )
  const freeClaim = count(
    'unbound_pvc_count',
    'Gauge measuring number of persistent volume claim currently unbound',
    claimLabels,
  )
  metrics.onCollect(() => {
    for (const forget of shown.splice(0)) forget()
    for (const volume of current.volumes.list()) {
      const { spec, status } = volume
      total({ plugin_name: pluginOf(volume), volume_mode: spec?.volumeMode ?? 'Filesystem' })
      const storage_class = storageClassOf(volume) ?? ''
      if (status?.phase === 'Bound') boundVolume({ storage_class })
      else freeVolume({ storage_class })
    }
    for (const claim of current.claims.list()) {
      const values = {
        namespace: claim.metadata?.namespace ?? '',
        storage_class: storageClassOf(claim) ?? '',
        volume_attributes_class: claim.spec?.volumeAttributesClassName ?? '',
      }
      if (claim.status?.phase === 'Bound') boundClaim(values)
      else freeClaim(values)
    }
  })
}

/** Counts how it ends that a claim without a class is given the default one. */
export async function countAssignment(metrics: Metrics, assigning: Promise<unknown>): Promise<void> {
  const name = 'retroactive_storageclass'
  const assignments = 'retroactive StorageClass assignments to persistent volume claim'
  try {
    await assigning
  } catch (error) {
    const help = `Total number of failed ${assignments}`
    metrics
      .counter({ name: `${name}_errors_total`, help })
      .with({})
      .add()
    throw error
  }
  metrics
    .counter({ name: `${name}_total`, help: `Total number of ${assignments}` })
    .with({})
    .add()
}

/** The kind of volume, with the driver for those of CSI. */
function pluginOf({ spec }: PersistentVolume): string {
  if (spec?.csi) return `kubernetes.io/csi:${spec.csi.driver}`
  if (spec?.hostPath) return 'kubernetes.io/host-path'
  if (spec?.local) return 'kubernetes.io/local-volume'
  if (spec?.nfs) return 'kubernetes.io/nfs'
  if (spec?.iscsi) return 'kubernetes.io/iscsi'
  return spec?.fc ? 'kubernetes.io/fc' : 'N/A'
}
