import type { CgroupStats, DiskTraffic, Pressure } from '../cgroups/cgroup-stats.ts'
import { metricFamily, type MetricLine } from './metric-family.ts'
import type { NetworkDevice } from './network-stats.ts'
import type { ServerContext } from './server-context.ts'
import type { NodeUsage } from './stats-summary.ts'

/** A cgroup under the labels that its metrics have. */
export interface LabelledCgroup {
  readonly labels: Readonly<Record<string, string>>
  readonly stats: CgroupStats
}

type Type = 'counter' | 'gauge'
/** Values, each with the labels that it has beside those of the cgroup. */
type Values = readonly (readonly [labels: Readonly<Record<string, string>>, value: number | undefined])[]

const one = (value: number | undefined): Values => [[{}, value]]
/** cAdvisor says 0 for no limit. */
const limit = (value: number | undefined) => (value === Infinity ? 0 : value)

function perDisk(disks: readonly DiskTraffic[], value: (disk: DiskTraffic) => number): Values {
  return disks.map((disk) => [{ device: disk.device }, value(disk)])
}

function waited(pressure: Pressure | undefined, which: 'some' | 'full'): Values {
  return one(pressure && pressure[which].totalMicroseconds / 1e6)
}

/** Source: google/cadvisor/metrics/prometheus.go, as the kubelet has it collect. */
const rows: readonly (readonly [string, Type, string, (stats: CgroupStats) => Values])[] = [
  [
    'container_cpu_usage_seconds_total',
    'counter',
    'Cumulative cpu time consumed in seconds.',
    ({ cpu }) => [[{ cpu: 'total' }, cpu && Number(cpu.usageNanoseconds) / 1e9]],
  ],
  [
    'container_cpu_user_seconds_total',
    'counter',
    'Cumulative user cpu time consumed in seconds.',
    ({ cpu }) => one(cpu?.userSeconds),
  ],
  [
    'container_cpu_system_seconds_total',
    'counter',
    'Cumulative system cpu time consumed in seconds.',
    ({ cpu }) => one(cpu?.systemSeconds),
  ],
  [
    'container_cpu_cfs_periods_total',
    'counter',
    'Number of elapsed enforcement period intervals.',
    ({ cpu }) => one(cpu?.periods || undefined),
  ],
  [
    'container_cpu_cfs_throttled_periods_total',
    'counter',
    'Number of throttled period intervals.',
    ({ cpu }) => one(cpu?.periods ? cpu.throttledPeriods : undefined),
  ],
  [
    'container_cpu_cfs_throttled_seconds_total',
    'counter',
    'Total time duration the container has been throttled.',
    ({ cpu }) => one(cpu?.periods ? cpu.throttledSeconds : undefined),
  ],
  [
    'container_memory_usage_bytes',
    'gauge',
    'Current memory usage in bytes, including all memory regardless of when it was accessed',
    ({ memory }) => one(memory?.usageBytes),
  ],
  [
    'container_memory_working_set_bytes',
    'gauge',
    'Current working set in bytes.',
    ({ memory }) => one(memory?.workingSetBytes),
  ],
  ['container_memory_rss', 'gauge', 'Size of RSS in bytes.', ({ memory }) => one(memory?.rssBytes)],
  [
    'container_memory_cache',
    'gauge',
    'Number of bytes of page cache memory.',
    ({ memory }) => one(memory?.cacheBytes),
  ],
  [
    'container_memory_mapped_file',
    'gauge',
    'Size of memory mapped files in bytes.',
    ({ memory }) => one(memory?.mappedFileBytes),
  ],
  [
    'container_memory_swap',
    'gauge',
    'Container swap usage in bytes.',
    ({ memory }) => one(memory && (memory.swapBytes ?? 0)),
  ],
  [
    'container_memory_max_usage_bytes',
    'gauge',
    'Maximum memory usage recorded in bytes',
    ({ memory }) => one(memory?.maximumUsageBytes),
  ],
  [
    'container_memory_failcnt',
    'counter',
    'Number of memory usage hits limits',
    ({ memory }) => one(memory?.limitHits),
  ],
  [
    'container_memory_failures_total',
    'counter',
    'Cumulative count of memory allocation failures.',
    ({ memory }) => [
      [{ failure_type: 'pgfault', scope: 'hierarchy' }, memory?.pageFaults],
      [{ failure_type: 'pgmajfault', scope: 'hierarchy' }, memory?.majorPageFaults],
    ],
  ],
  [
    'container_oom_events_total',
    'counter',
    'Count of out of memory events observed for the container',
    ({ memory }) => one(memory?.outOfMemoryKills),
  ],
  [
    'container_spec_memory_swap_limit_bytes',
    'gauge',
    'Memory swap limit for the container.',
    ({ memory }) => one(memory && (limit(memory.swapLimitBytes) ?? 0)),
  ],
  [
    'container_processes',
    'gauge',
    'Number of processes running inside the container.',
    ({ processes }) => one(processes),
  ],
  [
    'container_threads',
    'gauge',
    'Number of threads running inside the container',
    ({ threads }) => one(threads),
  ],
  [
    'container_threads_max',
    'gauge',
    'Maximum number of threads allowed inside the container, infinity if value is zero',
    ({ threadsLimit }) => one(limit(threadsLimit)),
  ],
  [
    'container_fs_reads_total',
    'counter',
    'Cumulative count of reads completed',
    ({ disks }) => perDisk(disks, ({ reads }) => reads),
  ],
  [
    'container_fs_writes_total',
    'counter',
    'Cumulative count of writes completed',
    ({ disks }) => perDisk(disks, ({ writes }) => writes),
  ],
  [
    'container_fs_reads_bytes_total',
    'counter',
    'Cumulative count of bytes read',
    ({ disks }) => perDisk(disks, ({ readBytes }) => readBytes),
  ],
  [
    'container_fs_writes_bytes_total',
    'counter',
    'Cumulative count of bytes written',
    ({ disks }) => perDisk(disks, ({ writtenBytes }) => writtenBytes),
  ],
  ...(['cpu', 'memory', 'io'] as const).flatMap(
    (what): readonly (readonly [string, Type, string, (stats: CgroupStats) => Values])[] => [
      [
        `container_pressure_${what}_waiting_seconds_total`,
        'counter',
        `Total time duration tasks in the container have waited due to ${what} congestion.`,
        ({ pressure }) => waited(pressure?.[what], 'some'),
      ],
      [
        `container_pressure_${what}_stalled_seconds_total`,
        'counter',
        `Total time duration no tasks in the container could make progress due to ${what} congestion.`,
        ({ pressure }) => waited(pressure?.[what], 'full'),
      ],
    ],
  ),
]

/** `more`: what else there is to tell under these names. */
export function cgroupFamilies(
  cgroups: readonly LabelledCgroup[],
  more: ReadonlyMap<string, readonly MetricLine[]>,
): string {
  return rows
    .map(([name, type, help, valuesOf]) => {
      const lines = cgroups.flatMap(({ labels, stats }) =>
        valuesOf(stats).flatMap(([own, value]) =>
          value === undefined ? [] : [{ labels: { ...labels, ...own }, value }],
        ),
      )
      return metricFamily(name, help, type, [...lines, ...(more.get(name) ?? [])])
    })
    .join('')
}

const networkRows: readonly (readonly [string, string, (device: NetworkDevice) => number])[] = [
  ['receive_bytes_total', 'Cumulative count of bytes received', ({ rxBytes }) => rxBytes],
  [
    'receive_errors_total',
    'Cumulative count of errors encountered while receiving',
    ({ rxErrors }) => rxErrors,
  ],
  [
    'receive_packets_dropped_total',
    'Cumulative count of packets dropped while receiving',
    ({ rxDropped }) => rxDropped,
  ],
  ['receive_packets_total', 'Cumulative count of packets received', ({ rxPackets }) => rxPackets],
  ['transmit_bytes_total', 'Cumulative count of bytes transmitted', ({ txBytes }) => txBytes],
  [
    'transmit_errors_total',
    'Cumulative count of errors encountered while transmitting',
    ({ txErrors }) => txErrors,
  ],
  [
    'transmit_packets_dropped_total',
    'Cumulative count of packets dropped while transmitting',
    ({ txDropped }) => txDropped,
  ],
  ['transmit_packets_total', 'Cumulative count of packets transmitted', ({ txPackets }) => txPackets],
]

/** container_network_*: of the pod's sandbox, by interface. */
export function networkFamilies(
  sandboxes: readonly {
    readonly labels: Readonly<Record<string, string>>
    readonly devices: readonly NetworkDevice[]
  }[],
): string {
  return networkRows
    .map(([name, help, value]) =>
      metricFamily(
        `container_network_${name}`,
        help,
        'counter',
        sandboxes.flatMap(({ labels, devices }) =>
          devices.map((device) => ({ labels: { ...labels, interface: device.name }, value: value(device) })),
        ),
      ),
    )
    .join('')
}

/** machine_*. */
export function machineMetrics({ machine }: ServerContext, node: NodeUsage): string {
  const gauge = (name: string, help: string, value: number) =>
    metricFamily(name, help, 'gauge', [{ labels: {}, value }])
  return [
    gauge('machine_cpu_cores', 'Number of logical CPU cores.', machine.cpus),
    gauge('machine_memory_bytes', 'Amount of memory installed on the machine.', node.memoryTotalBytes),
    gauge('machine_swap_bytes', 'Amount of swap memory available on the machine.', node.swapTotalBytes),
  ].join('')
}
