import type { StatsFs } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import type { Pod, Volume } from '../../api/generated/core.v1.ts'
import { formatTime } from '../../machinery/time.ts'
import { parseTime } from '../../machinery/time.ts'
import { readCgroup } from '../cgroups/cgroup-stats.ts'
import { kubepodsPath } from '../cgroups/cgroup-manager.ts'
import { readProcesses } from '../eviction/read-signals.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { podDirectory } from '../volumes/pod-directory.ts'
import { networkEntry, networkStats } from './network-stats.ts'
import { fileBytes, logUsage, readPods, type PodReading } from './pod-readings.ts'
import type { VolumeStatsSource } from './volume-stats.ts'
import type { ServerContext } from './server-context.ts'
import { memoryEntry, pressureEntry, swapEntry } from './summary-entries.ts'

/** What the whole node uses. */
export interface NodeUsage {
  readonly timestampMs: number
  readonly bootMs: number
  readonly cpuUsageNanoseconds: bigint
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
  readonly memoryRSSBytes: number
  readonly swapTotalBytes: number
  readonly swapFreeBytes: number
}

const nanosecondsPerTick = 10_000_000n

export async function nodeUsage({ clock, runtimes }: ServerContext): Promise<NodeUsage> {
  const [machine, own] = await Promise.all([machineUsage(clock.now()), runtimes[0]?.runtime.nodeUsage?.()])
  if (!own) return machine
  const memoryAvailableBytes = Math.max(0, machine.memoryTotalBytes - own.memoryWorkingSetBytes)
  return { ...machine, cpuUsageNanoseconds: own.cpuUsageNanoseconds, memoryAvailableBytes }
}

async function machineUsage(now: number): Promise<NodeUsage> {
  const [stat, meminfo] = await Promise.all([
    readFile('/proc/stat', 'utf8').catch(() => ''),
    readFile('/proc/meminfo', 'utf8').catch(() => ''),
  ])
  // user nice system idle iowait irq softirq steal: all but idle and iowait.
  const ticks = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '').split(' ').map(BigInt)
  const busy = ticks
    .slice(0, 8)
    .reduce((sum, count, index) => (index === 3 || index === 4 ? sum : sum + count), 0n)
  const kibibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1] ?? 0) * 1024
  return {
    timestampMs: now,
    bootMs: Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1000,
    cpuUsageNanoseconds: busy * nanosecondsPerTick,
    memoryTotalBytes: kibibytes('MemTotal'),
    memoryAvailableBytes: kibibytes('MemAvailable'),
    memoryRSSBytes: kibibytes('AnonPages'),
    swapTotalBytes: kibibytes('SwapTotal'),
    swapFreeBytes: kibibytes('SwapFree'),
  }
}

/** Every container's usage, of all runtimes. */
export async function allStats(context: ServerContext): Promise<readonly ContainerStats[]> {
  const lists = await Promise.all(context.runtimes.map(({ runtime }) => runtime.containerStats()))
  const known = new Set(context.pods().map(({ metadata }) => metadata?.uid))
  return lists.flat().filter(({ podUID }) => known.has(podUID))
}

/** The volume is of the node's own disk, and goes with the pod. */
function isEphemeral(volumes: readonly Volume[] = [], name: string): boolean {
  const volume = volumes.find((one) => one.name === name)
  if (volume?.emptyDir) return !volume.emptyDir.medium
  return volume?.configMap !== undefined
}

function filesystemEntry(now: number, disk: StatsFs) {
  return {
    time: formatTime(now),
    availableBytes: disk.bavail * disk.bsize,
    capacityBytes: disk.blocks * disk.bsize,
    usedBytes: (disk.blocks - disk.bfree) * disk.bsize,
    inodesFree: disk.ffree,
    inodes: disk.files,
    inodesUsed: disk.files - disk.ffree,
  }
}

/** The file system that images are on, and what they use of it; undefined where the runtime does not say. */
async function imageFilesystem({ runtimes }: ServerContext) {
  const [usage] = (await runtimes[0]?.runtime.imageFilesystem().catch(() => [])) ?? []
  if (!usage) return undefined
  const { mountpoint, usedBytes, inodesUsed } = usage
  const disk = await statfs(mountpoint).catch(() => undefined)
  return disk && { disk, used: { usedBytes, inodesUsed } }
}

interface Sample {
  readonly timestampMs: number
  readonly cpuUsageNanoseconds: bigint
  readonly rate: number | undefined
}

const shortestSampleMs = 1000

/** Answers /stats/summary; remembers the usage it saw, to tell how fast it grows. */
export function createStatsSummary(
  context: ServerContext,
  rootDirectory: string,
  volumeStats: VolumeStatsSource,
): () => Promise<object> {
  const samples = new Map<string, Sample>()

  /** Nanocores between this and an earlier look; undefined at the first. */
  function rateOf(key: string, timestampMs: number, usage: bigint): number | undefined {
    const before = samples.get(key)
    const elapsedMs = before ? timestampMs - before.timestampMs : 0
    if (before && elapsedMs < shortestSampleMs) return before.rate
    const rate = before && Math.round((Number(usage - before.cpuUsageNanoseconds) / elapsedMs) * 1000)
    samples.set(key, { timestampMs, cpuUsageNanoseconds: usage, rate })
    return rate
  }

  function cpu(key: string, timestampMs: number, usage: bigint) {
    const rate = rateOf(key, timestampMs, usage)
    return {
      time: formatTime(timestampMs),
      ...(rate !== undefined && { usageNanoCores: Math.max(0, rate) }),
      usageCoreNanoSeconds: Number(usage),
    }
  }

  function containerEntry(
    stats: ContainerStats,
    reading: PodReading | undefined,
    startedAtMs: number | undefined,
    imageDisk: StatsFs,
  ) {
    const { timestampMs, containerID } = stats
    const kernel = reading?.containers.get(containerID)
    return {
      name: stats.name,
      ...(startedAtMs !== undefined && { startTime: formatTime(startedAtMs) }),
      cpu: {
        ...cpu(containerID, timestampMs, stats.cpuUsageNanoseconds),
        ...pressureEntry(kernel?.pressure?.cpu),
      },
      memory: {
        ...memoryEntry(timestampMs, kernel?.memory, kernel?.pressure?.memory),
        ...(stats.memoryUsageBytes !== undefined && { usageBytes: stats.memoryUsageBytes }),
        workingSetBytes: stats.memoryWorkingSetBytes,
        ...(stats.memoryRSSBytes !== undefined && { rssBytes: stats.memoryRSSBytes }),
        ...(stats.pageFaults !== undefined && { pageFaults: stats.pageFaults }),
        ...(stats.majorPageFaults !== undefined && { majorPageFaults: stats.majorPageFaults }),
      },
      ...(kernel?.pressure?.io && {
        io: { time: formatTime(timestampMs), ...pressureEntry(kernel.pressure.io) },
      }),
      ...swapEntry(timestampMs, kernel?.memory),
      rootfs: {
        ...filesystemEntry(timestampMs, imageDisk),
        usedBytes: stats.filesystemUsedBytes ?? 0,
        inodesUsed: stats.filesystemInodesUsed ?? 0,
      },
    }
  }

  /** What runs beside the pods, and all pods together; nothing where pods are not of this machine. */
  async function systemContainers(now: number): Promise<readonly object[]> {
    const [first] = context.runtimes
    if (!first?.runtime.usesHost) return []
    const pods = await readCgroup(first.cgroups.version, kubepodsPath(context.cgroupRoot))
    const own = process.cpuUsage()
    const { rss } = process.memoryUsage()
    return [
      {
        name: 'kubelet',
        startTime: formatTime(now - process.uptime() * 1000),
        cpu: cpu('kubelet', now, BigInt(own.user + own.system) * 1000n),
        memory: { time: formatTime(now), usageBytes: rss, workingSetBytes: rss, rssBytes: rss },
      },
      ...(pods?.cpu
        ? [
            {
              name: 'pods',
              cpu: {
                ...cpu('pods', now, pods.cpu.usageNanoseconds),
                ...pressureEntry(pods.pressure?.cpu),
              },
              memory: memoryEntry(now, pods.memory, pods.pressure?.memory),
              ...swapEntry(now, pods.memory),
            },
          ]
        : []),
    ]
  }

  async function podEntry(
    pod: Pod,
    own: readonly ContainerStats[],
    reading: PodReading | undefined,
    { disk, imageDisk, now }: { readonly disk: StatsFs; readonly imageDisk: StatsFs; readonly now: number },
  ) {
    const { metadata = {}, spec, status } = pod
    const uid = metadata.uid ?? ''
    const filesystem = filesystemEntry(now, disk)
    const [volumes, hostsBytes, ...logs] = await Promise.all([
      volumeStats.of(pod),
      reading ? fileBytes(podDirectory(rootDirectory, uid).hostsFile) : 0,
      ...own.map(({ containerID }) => logUsage(context, pod, containerID)),
    ])
    // Volumes on the disk of the node, which count for its pods.
    const onDisk = volumes.filter(({ name }) => isEphemeral(spec?.volumes, name))
    const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
    const containers = own.map((entry, index) => {
      const running = statuses.find(({ name }) => name === entry.name)?.state?.running
      const used = logs[index]
      return {
        ...containerEntry(entry, reading, parseTime(running?.startedAt), imageDisk),
        ...(used && { logs: { ...filesystem, ...used } }),
      }
    })
    const sum = (value: (entry: (typeof containers)[number]) => number | undefined) =>
      containers.reduce((total, entry) => total + (value(entry) ?? 0), 0)
    const whole = reading?.whole
    return {
      podRef: { name: metadata.name, namespace: metadata.namespace, uid },
      startTime: status?.startTime,
      containers,
      cpu: whole?.cpu
        ? {
            ...cpu(`pod/${uid}`, now, whole.cpu.usageNanoseconds),
            ...pressureEntry(whole.pressure?.cpu),
          }
        : {
            time: containers[0]?.cpu.time,
            usageNanoCores: sum(({ cpu }) => cpu.usageNanoCores),
            usageCoreNanoSeconds: sum(({ cpu }) => cpu.usageCoreNanoSeconds),
          },
      memory: whole?.memory
        ? memoryEntry(now, whole.memory, whole.pressure?.memory)
        : {
            time: containers[0]?.memory.time,
            usageBytes: sum(({ memory }) => memory.usageBytes),
            workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
            rssBytes: sum(({ memory }) => memory.rssBytes),
          },
      ...(whole?.pressure?.io && { io: { time: formatTime(now), ...pressureEntry(whole.pressure.io) } }),
      ...swapEntry(now, whole?.memory),
      ...(reading?.network && { network: { time: formatTime(now), ...networkEntry(reading.network) } }),
      ...(volumes.length > 0 && { volume: volumes }),
      'ephemeral-storage': {
        ...filesystem,
        usedBytes: onDisk.reduce(
          (total, { usedBytes = 0 }) => total + usedBytes,
          hostsBytes + sum(({ rootfs, logs: used }) => rootfs.usedBytes + (used?.usedBytes ?? 0)),
        ),
        inodesUsed: onDisk.reduce(
          (total, { inodesUsed = 0 }) => total + inodesUsed,
          (hostsBytes > 0 ? 1 : 0) +
            sum(({ rootfs, logs: used }) => rootfs.inodesUsed + (used?.inodesUsed ?? 0)),
        ),
      },
      ...(reading && { process_stats: { process_count: processesOf(reading) } }),
    }
  }

  return async () => {
    const now = context.clock.now()
    const [stats, node, disk, network, images, readings, processes, system] = await Promise.all([
      allStats(context),
      nodeUsage(context),
      statfs(rootDirectory).catch(() => statfs('/')),
      networkStats(),
      imageFilesystem(context),
      readPods(context),
      readProcesses(),
      systemContainers(now),
    ])
    const alive = new Set(stats.map(({ containerID }) => containerID))
    for (const uid of readings.keys()) alive.add(`pod/${uid}`)
    for (const key of ['node', 'kubelet', 'pods']) alive.add(key)
    for (const key of samples.keys()) if (!alive.has(key)) samples.delete(key)
    const filesystem = filesystemEntry(now, disk)
    const imageFs = images ? { ...filesystemEntry(now, images.disk), ...images.used } : filesystem
    const pods = context.pods().filter(({ metadata }) => stats.some(({ podUID }) => podUID === metadata?.uid))
    const time = formatTime(now)
    return {
      node: {
        nodeName: context.nodeName,
        ...(system.length > 0 && { systemContainers: system }),
        startTime: formatTime(node.bootMs),
        cpu: cpu('node', now, node.cpuUsageNanoseconds),
        memory: {
          time,
          availableBytes: node.memoryAvailableBytes,
          usageBytes: node.memoryTotalBytes - node.memoryAvailableBytes,
          workingSetBytes: node.memoryTotalBytes - node.memoryAvailableBytes,
          rssBytes: node.memoryRSSBytes,
        },
        swap: {
          time,
          swapAvailableBytes: node.swapFreeBytes,
          swapUsageBytes: node.swapTotalBytes - node.swapFreeBytes,
        },
        fs: filesystem,
        ...(network && { network: { time, ...network } }),
        runtime: { imageFs, containerFs: imageFs },
        ...(processes && {
          rlimit: { time, maxpid: processes.capacity, curproc: processes.capacity - processes.available },
        }),
      },
      pods: await Promise.all(
        pods.map((pod) => {
          const own = stats.filter(({ podUID }) => podUID === pod.metadata?.uid)
          const filesystems = { disk, imageDisk: images?.disk ?? disk, now }
          return podEntry(pod, own, readings.get(pod.metadata?.uid ?? ''), filesystems)
        }),
      ),
    }
  }
}

function processesOf({ sandbox, containers }: PodReading): number {
  return [sandbox, ...containers.values()].reduce((sum, stats) => sum + (stats?.processes ?? 0), 0)
}
