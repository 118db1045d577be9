import type { Container, Pod } from '../../api/generated/core.v1.ts'
import { quantityMilliValue, quantityValue } from '../../machinery/quantity.ts'
import { cgroupPath, classPaths, kubepodsPath } from '../cgroups/cgroup-manager.ts'
import { readCgroup } from '../cgroups/cgroup-stats.ts'
import { cpuQuotaOf, cpuSharesOf, type CPUPeriod } from '../containers/resources.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { cgroupFamilies, machineMetrics, networkFamilies, type LabelledCgroup } from './cadvisor-families.ts'
import { metricFamily, type MetricLine } from './metric-family.ts'
import { readPods, type PodReading } from './pod-readings.ts'
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

type Specification = (container: Container, cpuPeriod: CPUPeriod | undefined) => number | undefined

const specifications: readonly (readonly [string, string, Specification])[] = [
  [
    'container_spec_cpu_shares',
    'CPU share of the container.',
    ({ resources }) =>
      cpuSharesOf(quantityMilliValue(resources?.requests?.cpu ?? resources?.limits?.cpu ?? '0')),
  ],
  [
    'container_spec_cpu_quota',
    'CPU quota of the container.',
    (container, period) => quotaOf(container, period)?.cpuQuota,
  ],
  [
    'container_spec_cpu_period',
    'CPU period of the container.',
    (container, period) => quotaOf(container, period)?.cpuPeriod,
  ],
  [
    'container_spec_memory_limit_bytes',
    'Memory limit for the container.',
    ({ resources }) => quantityValue(resources?.limits?.memory ?? '0'),
  ],
]

/**
 * /metrics/cadvisor: usage by container, by pod (with an empty container name) and of the groups of pods, under the names
 * and labels that dashboards know from cAdvisor. Nothing is kept between two questions.
 */
export async function cadvisorMetrics(context: ServerContext): Promise<string> {
  const [stats, node, readings, groups] = await Promise.all([
    allStats(context),
    nodeUsage(context),
    readPods(context),
    readGroups(context),
  ])
  const subjects = stats.flatMap((entry) => subjectOf(context, entry) ?? [])
  const kernel = [...groups, ...cgroupsOf(context, subjects, readings)]
  return [
    metricFamily(
      'container_fs_usage_bytes',
      'Number of bytes that are consumed by the container on this filesystem.',
      'gauge',
      linesOf(context, subjects, ({ stats }) => stats.filesystemUsedBytes),
    ),
    metricFamily(
      'container_last_seen',
      'Last time a container was seen by the exporter',
      'gauge',
      subjects.map(({ stats: { timestampMs }, labels }) => {
        return { labels, value: Math.floor(timestampMs / 1000), timestampMs }
      }),
    ),
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
        subjects.flatMap(({ pod, container, labels }) => {
          const { cpuPeriod } = context.servicesOf(pod).node.resources()
          const found = container && value(container, cpuPeriod)
          return found === undefined ? [] : [{ labels, value: found }]
        }),
      ),
    ),
    cgroupFamilies(kernel, simulatedUsage(context, subjects, readings)),
    networkFamilies(
      [...readings.values()].flatMap(({ pod, sandboxID = '', network = [] }) => {
        const { id, ...labels } = podLabels(context, pod)
        return [{ labels: { ...labels, id: `${id}/${sandboxID}`, name: sandboxID }, devices: network }]
      }),
    ),
    machineMetrics(context, node),
    metricFamily(
      'container_scrape_error',
      '1 if there was an error while getting container metrics, 0 otherwise',
      'gauge',
      [{ labels: {}, value: 0 }],
    ),
  ].join('')
}

/** Of containers, and the sums of pods. */
function linesOf(context: ServerContext, subjects: readonly Subject[], value: Value): readonly MetricLine[] {
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

/** The cgroups of pods, their sandboxes and their containers. */
function cgroupsOf(
  context: ServerContext,
  subjects: readonly Subject[],
  readings: ReadonlyMap<string, PodReading>,
): readonly LabelledCgroup[] {
  const pods = [...readings.values()].flatMap(({ pod, whole, sandbox, sandboxID = '' }) => {
    const labels = podLabels(context, pod)
    return [
      ...(whole ? [{ labels, stats: whole }] : []),
      ...(sandbox
        ? [{ labels: { ...labels, id: `${labels.id}/${sandboxID}`, name: sandboxID }, stats: sandbox }]
        : []),
    ]
  })
  const containers = subjects.flatMap(({ stats, labels }) => {
    const found = readings.get(stats.podUID)?.containers.get(stats.containerID)
    return found ? [{ labels, stats: found }] : []
  })
  return [...pods, ...containers]
}

/** The machine as a whole, all pods, and the classes of pods. */
async function readGroups({ runtimes, cgroupRoot }: ServerContext): Promise<readonly LabelledCgroup[]> {
  const [first] = runtimes
  if (!first?.runtime.usesHost) return []
  const paths = ['/', kubepodsPath(cgroupRoot), ...classPaths(cgroupRoot)]
  const found = await Promise.all(paths.map((path) => readCgroup(first.cgroups.version, path)))
  return paths.flatMap((id, index) => {
    const stats = found[index]
    const labels = { container: '', id, image: '', name: '', namespace: '', pod: '' }
    return stats ? [{ labels, stats }] : []
  })
}

/** What containers use that the kernel of this machine knows nothing of, by the name of the metric. */
function simulatedUsage(
  context: ServerContext,
  subjects: readonly Subject[],
  readings: ReadonlyMap<string, PodReading>,
): ReadonlyMap<string, readonly MetricLine[]> {
  const others = subjects.filter(
    ({ stats }) => !readings.get(stats.podUID)?.containers.has(stats.containerID),
  )
  const rows: readonly (readonly [name: string, value: Value, own?: MetricLine['labels']])[] = [
    [
      'container_cpu_usage_seconds_total',
      ({ stats }) => Number(stats.cpuUsageNanoseconds) / 1e9,
      { cpu: 'total' },
    ],
    ['container_memory_working_set_bytes', ({ stats }) => stats.memoryWorkingSetBytes],
    ['container_memory_usage_bytes', ({ stats }) => stats.memoryUsageBytes],
    ['container_memory_rss', ({ stats }) => stats.memoryRSSBytes],
  ]
  return new Map(
    rows.map(([name, value, own]) => {
      // A pod that the kernel tells of is told of once.
      const lines = linesOf(context, others, value).filter(
        ({ labels }) => labels.container || !isRead(readings, labels),
      )
      return [name, lines.map((line) => ({ ...line, labels: { ...line.labels, ...own } }))]
    }),
  )
}

function isRead(readings: ReadonlyMap<string, PodReading>, labels: MetricLine['labels']): boolean {
  return readings.values().some(({ path, whole }) => whole !== undefined && path === labels.id)
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

function quotaOf({ resources }: Container, cpuPeriod: CPUPeriod | undefined) {
  const cpu = resources?.limits?.cpu
  return cpu === undefined ? undefined : cpuQuotaOf(quantityMilliValue(cpu), cpuPeriod)
}
