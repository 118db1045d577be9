import { parseTime } from '../../machinery/time.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { metricFamily, type MetricLine } from './metric-family.ts'
import { readPods, type PodReading } from './pod-readings.ts'
import type { ServerContext } from './server-context.ts'
import { allStats, nodeUsage, type NodeUsage } from './stats-summary.ts'

/**
 * /metrics/resource: what metrics-server reads, in Prometheus' text format. Each value carries the time it is of, which
 * is why this does not go through the process's metrics.
 */
export async function resourceMetrics(context: ServerContext): Promise<string> {
  const [stats, node] = await Promise.all([allStats(context), nodeUsage(context)])
  const pods = [...Map.groupBy(stats, ({ podUID }) => podUID).values()]
  const swap = await swapLines(context, stats, node)
  const families: readonly (readonly [string, string, 'counter' | 'gauge', readonly MetricLine[]])[] = [
    [
      'container_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the container in core-seconds',
      'counter',
      stats.map((entry) => containerLine(entry, seconds(entry))),
    ],
    [
      'container_memory_working_set_bytes',
      'Current working set of the container in bytes',
      'gauge',
      stats.map((entry) => containerLine(entry, entry.memoryWorkingSetBytes)),
    ],
    [
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds',
      'gauge',
      stats.flatMap((entry) => {
        const startedMs = startOf(context, entry)
        return startedMs === undefined ? [] : [{ labels: labelsOf(entry), value: startedMs / 1000 }]
      }),
    ],
    [
      'node_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the node in core-seconds',
      'counter',
      [{ labels: {}, value: Number(node.cpuUsageNanoseconds) / 1e9, timestampMs: node.timestampMs }],
    ],
    [
      'node_memory_working_set_bytes',
      'Current working set of the node in bytes',
      'gauge',
      [
        {
          labels: {},
          value: node.memoryTotalBytes - node.memoryAvailableBytes,
          timestampMs: node.timestampMs,
        },
      ],
    ],
    [
      'pod_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the pod in core-seconds',
      'counter',
      pods.map((own) => podLine(own, seconds)),
    ],
    [
      'pod_memory_working_set_bytes',
      'Current working set of the pod in bytes',
      'gauge',
      pods.map((own) => podLine(own, ({ memoryWorkingSetBytes }) => memoryWorkingSetBytes)),
    ],
    [
      'resource_scrape_error',
      '1 if there was an error while getting container metrics, 0 otherwise',
      'gauge',
      [{ labels: {}, value: 0 }],
    ],
  ]
  const stable = families.map(([name, help, type, lines]) =>
    metricFamily(name, `[STABLE] ${help}`, type, lines),
  )
  const alpha = swap.map(([name, help, lines]) => metricFamily(name, `[ALPHA] ${help}`, 'gauge', lines))
  return [...stable, ...alpha].join('')
}

/** Containers and pods are looked into only where the machine has swap. */
async function swapLines(
  context: ServerContext,
  stats: readonly ContainerStats[],
  { swapTotalBytes, swapFreeBytes, timestampMs }: NodeUsage,
): Promise<readonly (readonly [string, string, readonly MetricLine[]])[]> {
  const readings = swapTotalBytes > 0 ? await readPods(context) : new Map<string, PodReading>()
  const memoryOf = ({ podUID, containerID }: ContainerStats) =>
    readings.get(podUID)?.containers.get(containerID)?.memory
  const swapping = stats.filter((entry) => memoryOf(entry)?.swapBytes !== undefined)
  const usedBytes = (entry: ContainerStats) => memoryOf(entry)?.swapBytes ?? 0
  const suffix = 'Reported only on non-windows systems'
  return [
    [
      'container_swap_usage_bytes',
      `Current amount of the container swap usage in bytes. ${suffix}`,
      swapping.map((entry) => containerLine(entry, usedBytes(entry))),
    ],
    [
      'container_swap_limit_bytes',
      `Current amount of the container swap limit in bytes. ${suffix}`,
      swapping.flatMap((entry) => {
        const limitBytes = memoryOf(entry)?.swapLimitBytes ?? Infinity
        return Number.isFinite(limitBytes) ? [containerLine(entry, limitBytes)] : []
      }),
    ],
    [
      'node_swap_usage_bytes',
      `Current swap usage of the node in bytes. ${suffix}`,
      [{ labels: {}, value: swapTotalBytes - swapFreeBytes, timestampMs }],
    ],
    [
      'pod_swap_usage_bytes',
      `Current amount of the pod swap usage in bytes. ${suffix}`,
      [...Map.groupBy(swapping, ({ podUID }) => podUID).values()].map((own) => podLine(own, usedBytes)),
    ],
  ]
}

function labelsOf({ name, podNamespace, podName }: ContainerStats) {
  return { container: name, namespace: podNamespace, pod: podName }
}

function containerLine(entry: ContainerStats, value: number): MetricLine {
  return { labels: labelsOf(entry), value, timestampMs: entry.timestampMs }
}

/** The sum of what a pod's containers have. */
function podLine(own: readonly ContainerStats[], value: (entry: ContainerStats) => number): MetricLine {
  return {
    labels: { namespace: own[0]!.podNamespace, pod: own[0]!.podName },
    value: own.reduce((sum, entry) => sum + value(entry), 0),
    timestampMs: own[0]!.timestampMs,
  }
}

function seconds({ cpuUsageNanoseconds }: ContainerStats): number {
  return Number(cpuUsageNanoseconds) / 1e9
}

/** When a running container was started, by its pod's status. */
export function startOf(
  context: ServerContext,
  { podNamespace, podName, name }: ContainerStats,
): number | undefined {
  const status = context.find(podNamespace, podName)?.status
  const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
  return parseTime(statuses.find((status) => status.name === name)?.state?.running?.startedAt)
}
