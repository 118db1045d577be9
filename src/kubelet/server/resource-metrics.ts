import { parseTime } from '../../machinery/time.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { metricFamily, type MetricLine } from './metric-family.ts'
import type { ServerContext } from './server-context.ts'
import { allStats, nodeUsage } from './stats-summary.ts'

/**
 * /metrics/resource: what metrics-server reads, in Prometheus' text format. Each value carries the time it is of, which
 * is why this does not go through the process's metrics.
 */
export async function resourceMetrics(context: ServerContext): Promise<string> {
  const [stats, node] = await Promise.all([allStats(context), nodeUsage(context)])
  const labels = ({ name, podNamespace, podName }: ContainerStats) => ({
    container: name,
    namespace: podNamespace,
    pod: podName,
  })
  const pods = [...Map.groupBy(stats, ({ podUID }) => podUID).values()]
  const podLine = (own: readonly ContainerStats[], value: (entry: ContainerStats) => number): MetricLine => ({
    labels: { namespace: own[0]!.podNamespace, pod: own[0]!.podName },
    value: own.reduce((sum, entry) => sum + value(entry), 0),
    timestampMs: own[0]!.timestampMs,
  })
  const families: readonly (readonly [string, string, 'counter' | 'gauge', readonly MetricLine[]])[] = [
    [
      'container_cpu_usage_seconds_total',
      'Cumulative cpu time consumed by the container in core-seconds',
      'counter',
      stats.map((entry) => ({
        labels: labels(entry),
        value: seconds(entry),
        timestampMs: entry.timestampMs,
      })),
    ],
    [
      'container_memory_working_set_bytes',
      'Current working set of the container in bytes',
      'gauge',
      stats.map((entry) => ({
        labels: labels(entry),
        value: entry.memoryWorkingSetBytes,
        timestampMs: entry.timestampMs,
      })),
    ],
    [
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds',
      'gauge',
      stats.flatMap((entry) => {
        const startedMs = startOf(context, entry)
        return startedMs === undefined ? [] : [{ labels: labels(entry), value: startedMs / 1000 }]
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
  return families
    .map(([name, help, type, lines]) => metricFamily(name, `[STABLE] ${help}`, type, lines))
    .join('')
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
