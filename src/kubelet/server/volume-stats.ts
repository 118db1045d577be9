import type { Pod } from '../../api/generated/core.v1.ts'
import { formatTime } from '../../machinery/time.ts'
import type { VolumeUsage } from '../volumes/volume-usage.ts'
import { metricFamily } from './metric-family.ts'
import type { ServerContext } from './server-context.ts'

/** One volume of a pod, as the summary API tells it. */
export interface VolumeStats extends VolumeUsage {
  readonly time: string
  readonly name: string
  readonly pvcRef?: { readonly name: string; readonly namespace: string }
}

export interface VolumeStatsSource {
  /** Of the pod's volumes whose use can be told. */
  of(pod: Pod): Promise<readonly VolumeStats[]>
  /** kubelet_volume_stats_*: those of PersistentVolumeClaims, in Prometheus' text format. */
  metrics(): Promise<string>
}

/** KubeletConfiguration's volumeStatsAggPeriod: to look into volumes costs. */
const periodMs = 60_000

const families: readonly (readonly [string, string, keyof VolumeUsage])[] = [
  ['capacity_bytes', 'Capacity in bytes of the volume', 'capacityBytes'],
  ['available_bytes', 'Number of available bytes in the volume', 'availableBytes'],
  ['used_bytes', 'Number of used bytes in the volume', 'usedBytes'],
  ['inodes', 'Maximum number of inodes in the volume', 'inodes'],
  ['inodes_free', 'Number of free inodes in the volume', 'inodesFree'],
  ['inodes_used', 'Number of used inodes in the volume', 'inodesUsed'],
]

/** Source: kubernetes/pkg/kubelet/server/stats/volume_stat_calculator.go and pkg/kubelet/metrics/collectors. */
export function createVolumeStats(context: ServerContext): VolumeStatsSource {
  const { clock, log } = context
  const known = new Map<
    string,
    { readonly untilMs: number; readonly stats: Promise<readonly VolumeStats[]> }
  >()

  async function measure(pod: Pod): Promise<readonly VolumeStats[]> {
    const volumes = context.servicesOf(pod).volumes.volumesOf(pod.metadata?.uid ?? '')
    const found = await Promise.all(
      Array.from(volumes, async ([name, { measure: ask }]) => {
        const usage = await ask?.().catch((error: unknown) => {
          log.warn('looking into a volume failed', { pod: pod.metadata?.name, volume: name, error })
          return undefined
        })
        const pvcRef = claimOf(pod, name)
        return usage && { time: formatTime(clock.now()), ...usage, name, ...(pvcRef && { pvcRef }) }
      }),
    )
    return found.filter((stats) => stats !== undefined)
  }

  function of(pod: Pod): Promise<readonly VolumeStats[]> {
    const uid = pod.metadata?.uid ?? ''
    const before = known.get(uid)
    if (before && before.untilMs > clock.monotonic()) return before.stats
    const stats = measure(pod)
    known.set(uid, { untilMs: clock.monotonic() + periodMs, stats })
    return stats
  }

  return {
    of,
    async metrics() {
      const pods = context.pods()
      const uids = new Set(pods.map(({ metadata }) => metadata?.uid))
      for (const uid of known.keys()) if (!uids.has(uid)) known.delete(uid)
      const all = (await Promise.all(pods.map(of))).flat()
      // A claim that several pods use is told once.
      const claims = new Map(
        all.flatMap((stats) =>
          stats.pvcRef ? [[`${stats.pvcRef.namespace}/${stats.pvcRef.name}`, stats]] : [],
        ),
      )
      return families
        .map(([name, help, field]) =>
          metricFamily(
            `kubelet_volume_stats_${name}`,
            `[ALPHA] ${help}`,
            'gauge',
            Array.from(claims.values()).flatMap(({ pvcRef, [field]: value }) =>
              value === undefined || !pvcRef
                ? []
                : [{ labels: { namespace: pvcRef.namespace, persistentvolumeclaim: pvcRef.name }, value }],
            ),
          ),
        )
        .join('')
    },
  }
}

/** The claim behind a volume of the pod; undefined when there is none. */
function claimOf({ metadata, spec }: Pod, name: string): VolumeStats['pvcRef'] {
  const volume = spec?.volumes?.find((one) => one.name === name)
  const namespace = metadata?.namespace ?? ''
  if (volume?.ephemeral) return { name: `${metadata?.name ?? ''}-${name}`, namespace }
  const claim = volume?.persistentVolumeClaim?.claimName
  return claim === undefined ? undefined : { name: claim, namespace }
}
