import type { Container, Pod } from '../../api/generated/core.v1.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { cgroupPath } from '../cgroups/cgroup-manager.ts'
import { cpuQuotaOf, cpuSharesOf } from '../containers/resources.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { metricFamily, type MetricLine } from './metric-family.ts'
import { startOf } from './resource-metrics.ts'
import type { ServerContext } from './server-context.ts'
import { allStats, nodeUsage } from './stats-summary.ts'

interface Subject {
  readonly stats: ContainerStats
  readonly pod: Pod
  readonly container: Container | undefined
  readonly labels: Readonly<Record<string, string>>
}

type Value = (subject: Subject) => number | undefined

const families: readonly (readonly [string, 'counter' | 'gauge', string, Value])[] = [
  ['container_cpu_usage_seconds_total', 'counter', 'Cumulative cpu time consumed in seconds.', cpuSeconds],
  [
    'container_memory_working_set_bytes',
    'gauge',
    'Current working set in bytes.',
    ({ stats }) => stats.memoryWorkingSetBytes,
  ],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    ({ stats }) => stats.memoryUsageBytes,
  ],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', ({ stats }) => stats.memoryRSSBytes],
  [
    'container_fs_usage_bytes',
    'gauge',
    'Number of bytes that are consumed by the container on this filesystem.',
    ({ stats }) => stats.filesystemUsedBytes,
  ],
  [
    'container_last_seen',
    'gauge',
    'Last time a container was seen by the exporter',
    ({ stats }) => Math.floor(stats.timestampMs / 1000),
  ],
]

const specifications: readonly (readonly [string, string, (container: Container) => number | undefined])[] = [
  [
    'container_spec_cpu_shares',
    'CPU share of the container.',
    ({ resources }) =>
      cpuSharesOf(quantityMilliValue(resources?.requests?.cpu ?? resources?.limits?.cpu ?? '0')),
  ],
  ['container_spec_cpu_quota', 'CPU quota of the container.', (container) => quotaOf(container)?.cpuQuota],
  ['container_spec_cpu_period', 'CPU period of the container.', (container) => quotaOf(container)?.cpuPeriod],
  [
    'container_spec_memory_limit_bytes',
    'Memory limit for the container.',
    ({ resources }) => quantityValue(resources?.limits?.memory ?? '0'),
  ],
]

/**
 * /metrics/cadvisor: usage by container, and by pod (with an empty container name), under the names and labels that
 * dashboards know from cAdvisor. Nothing is kept between two questions.
 */
export async function cadvisorMetrics(context: ServerContext): Promise<string> {
  const [stats, node] = await Promise.all([allStats(context), nodeUsage(context)])
  const subjects = stats.flatMap((entry) => subjectOf(context, entry) ?? [])
  const lines = (value: Value): MetricLine[] => {
    const own = subjects.flatMap((subject) => {
      const found = value(subject)
      return found === undefined ? [] : [{ subject, value: found }]
    })
    const sums = [...Map.groupBy(own, ({ subject }) => subject.stats.podUID).values()].map((group) => ({
      labels: podLabels(context, group[0]!.subject.pod),
      value: group.reduce((sum, { value }) => sum + value, 0),
      timestampMs: group[0]!.subject.stats.timestampMs,
    }))
    const each = own.map(({ subject, value }) => ({
      labels: subject.labels,
      value,
      timestampMs: subject.stats.timestampMs,
    }))
    return [...sums, ...each]
  }
  const withCpu = (line: MetricLine): MetricLine => ({ ...line, labels: { ...line.labels, cpu: 'total' } })
  const machine = [
    metricFamily('machine_cpu_cores', 'Number of logical CPU cores.', 'gauge', [
      { labels: {}, value: context.machine.cpus },
    ]),
    metricFamily('machine_memory_bytes', 'Amount of memory installed on the machine.', 'gauge', [
      { labels: {}, value: node.memoryTotalBytes },
    ]),
  ]
  return [
    ...families.map(([name, type, help, value]) => {
      const found =
        name === 'container_last_seen' ? lines(value).filter(({ labels }) => labels.container) : lines(value)
      return metricFamily(name, help, type, type === 'counter' ? found.map(withCpu) : found)
    }),
    metricFamily(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds.',
      'gauge',
      subjects.flatMap(({ stats, labels }) => {
        const startedMs = startOf(context, stats)
        return startedMs === undefined ? [] : [{ labels, value: startedMs / 1000 }]
      }),
    ),
    ...specifications.map(([name, help, value]) =>
      metricFamily(
        name,
        help,
        'gauge',
        subjects.flatMap(({ container, labels }) => {
          const found = container && value(container)
          return found === undefined ? [] : [{ labels, value: found }]
        }),
      ),
    ),
    ...machine,
  ].join('')
}

function subjectOf(context: ServerContext, stats: ContainerStats): Subject | undefined {
  const pod = context.find(stats.podNamespace, stats.podName)
  if (pod === undefined) return undefined
  const { containers = [], initContainers = [] } = pod.spec ?? {}
  const container = [...containers, ...initContainers].find(({ name }) => name === stats.name)
  const { id, ...labels } = podLabels(context, pod)
  return {
    stats,
    pod,
    container,
    labels: {
      ...labels,
      container: stats.name,
      id: `${id}/${stats.containerID}`,
      image: container?.image ?? '',
      name: stats.containerID,
    },
  }
}

function podLabels({ cgroupRoot }: ServerContext, pod: Pod) {
  const { namespace = '', name = '' } = pod.metadata ?? {}
  return { container: '', id: cgroupPath(cgroupRoot, pod), image: '', name: '', namespace, pod: name }
}

function cpuSeconds({ stats }: Subject): number {
  return Number(stats.cpuUsageNanoseconds) / 1e9
}

function quotaOf({ resources }: Container) {
  const cpu = resources?.limits?.cpu
  return cpu === undefined ? undefined : cpuQuotaOf(quantityMilliValue(cpu))
}
