import { formatQuantity, quantityOf } from '../../machinery/quantity.ts'
import type { Quantity } from '../../machinery/meta.ts'
import type { ContainerSample, ResourceSample, UsageSample } from './resource-sample.ts'

/** What was used between two looks. */
export interface MeasuredUsage {
  /** End of the time that was measured, milliseconds since the epoch. */
  readonly timestampMs: number
  /** Its length. */
  readonly windowMs: number
  readonly usage: Readonly<Record<string, Quantity>>
}

export interface MeasuredPod extends Omit<MeasuredUsage, 'usage'> {
  readonly containers: readonly { readonly name: string; readonly usage: MeasuredUsage['usage'] }[]
}

/** Undefined where the looks do not tell: the node restarted between them, or there was only one. */
export function measureNode(
  { node: before }: ResourceSample,
  { node: after }: ResourceSample,
): MeasuredUsage | undefined {
  return before && after && measure(before, after)
}

/** Undefined unless all containers that run are known: half a pod would mislead an autoscaler. */
export function measurePod(
  before: ResourceSample,
  after: ResourceSample,
  key: string,
): MeasuredPod | undefined {
  const containers = after.pods.get(key)
  if (!containers) return undefined
  const measured: (MeasuredUsage & { readonly name: string })[] = []
  for (const [name, sample] of containers) {
    const usage = measure(baseOf(before.pods.get(key)?.get(name), sample), sample)
    if (!usage) return undefined
    measured.push({ name, ...usage })
  }
  // The oldest of the times: no part is told to be newer than it is.
  const oldest = measured.reduce((a, b) => (b.timestampMs < a.timestampMs ? b : a), measured[0]!)
  return {
    timestampMs: oldest.timestampMs,
    windowMs: oldest.windowMs,
    containers: measured.map(({ name, usage }) => ({ name, usage })),
  }
}

/** What a container is measured from: the earlier look at the same run of it, else its start. */
function baseOf(before: ContainerSample | undefined, after: ContainerSample): UsageSample | undefined {
  const isSameRun = before && (after.startedMs === undefined || before.timestampMs >= after.startedMs)
  if (isSameRun && before.cpuSeconds <= after.cpuSeconds) return before
  const { startedMs } = after
  return startedMs === undefined ? undefined : { timestampMs: startedMs, cpuSeconds: 0, memoryBytes: 0 }
}

function measure(before: UsageSample | undefined, after: UsageSample): MeasuredUsage | undefined {
  if (!before) return undefined
  const windowMs = after.timestampMs - before.timestampMs
  const usedSeconds = after.cpuSeconds - before.cpuSeconds
  if (windowMs <= 0 || usedSeconds < 0) return undefined
  const nanocores = Math.round((usedSeconds * 1e12) / windowMs)
  return {
    timestampMs: after.timestampMs,
    windowMs,
    usage: {
      cpu: formatQuantity({ mantissa: BigInt(nanocores), exponent: -9, format: 'DecimalSI' }),
      memory: formatQuantity(quantityOf(Math.round(after.memoryBytes), 'BinarySI')),
    },
  }
}
