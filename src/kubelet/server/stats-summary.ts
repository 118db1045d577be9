import type { StatsFs } from 'node:fs'
import { readFile, statfs } from 'node:fs/promises'
import type { Volume } from '../../api/generated/core.v1.ts'
import { formatTime } from '../../machinery/time.ts'
import { parseTime } from '../../machinery/time.ts'
import type { ContainerStats } from '../runtime/runtime.ts'
import { networkStats } from './network-stats.ts'
import type { VolumeStatsSource } from './volume-stats.ts'
import type { ServerContext } from './server-context.ts'

/** What the whole node uses. */
export interface NodeUsage {
  readonly timestampMs: number
  readonly bootMs: number
  readonly cpuUsageNanoseconds: bigint
  readonly memoryTotalBytes: number
  readonly memoryAvailableBytes: number
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

  function containerEntry(stats: ContainerStats, startedAtMs: number | undefined) {
    const time = formatTime(stats.timestampMs)
    return {
      name: stats.name,
      ...(startedAtMs !== undefined && { startTime: formatTime(startedAtMs) }),
      cpu: cpu(stats.containerID, stats.timestampMs, stats.cpuUsageNanoseconds),
      memory: {
        time,
        ...(stats.memoryUsageBytes !== undefined && { usageBytes: stats.memoryUsageBytes }),
        workingSetBytes: stats.memoryWorkingSetBytes,
        ...(stats.memoryRSSBytes !== undefined && { rssBytes: stats.memoryRSSBytes }),
        ...(stats.pageFaults !== undefined && { pageFaults: stats.pageFaults }),
        ...(stats.majorPageFaults !== undefined && { majorPageFaults: stats.majorPageFaults }),
      },
      rootfs: {
        time,
        usedBytes: stats.filesystemUsedBytes ?? 0,
        inodesUsed: stats.filesystemInodesUsed ?? 0,
      },
    }
  }

  return async () => {
    const now = context.clock.now()
    const [stats, node, disk, network, images] = await Promise.all([
      allStats(context),
      nodeUsage(context),
      statfs(rootDirectory).catch(() => statfs('/')),
      networkStats(),
      imageFilesystem(context),
    ])
    const alive = new Set(stats.map(({ containerID }) => containerID))
    for (const key of samples.keys()) if (key !== 'node' && !alive.has(key)) samples.delete(key)
    const filesystem = filesystemEntry(now, disk)
    const pods = context.pods().filter(({ metadata }) => stats.some(({ podUID }) => podUID === metadata?.uid))
    const volumes = new Map(
      await Promise.all(pods.map(async (pod) => [pod.metadata?.uid, await volumeStats.of(pod)] as const)),
    )
    return {
      node: {
        nodeName: context.nodeName,
        startTime: formatTime(node.bootMs),
        cpu: cpu('node', now, node.cpuUsageNanoseconds),
        memory: {
          time: formatTime(now),
          availableBytes: node.memoryAvailableBytes,
          usageBytes: node.memoryTotalBytes - node.memoryAvailableBytes,
          workingSetBytes: node.memoryTotalBytes - node.memoryAvailableBytes,
        },
        fs: filesystem,
        ...(network && { network: { time: formatTime(now), ...network } }),
        runtime: { imageFs: images ? { ...filesystemEntry(now, images.disk), ...images.used } : filesystem },
      },
      pods: pods.map(({ metadata = {}, spec, status }) => {
        const own = stats.filter(({ podUID }) => podUID === metadata.uid)
        const ownVolumes = volumes.get(metadata.uid) ?? []
        // Volumes on the disk of the node, which count for its pods.
        const onDisk = ownVolumes.filter(({ name }) => isEphemeral(spec?.volumes, name))
        const containers = own.map((entry) => {
          const statuses = [...(status?.containerStatuses ?? []), ...(status?.initContainerStatuses ?? [])]
          const running = statuses.find(({ name }) => name === entry.name)?.state?.running
          return containerEntry(entry, parseTime(running?.startedAt))
        })
        const sum = (value: (entry: (typeof containers)[number]) => number | undefined) =>
          containers.reduce((total, entry) => total + (value(entry) ?? 0), 0)
        return {
          podRef: { name: metadata.name, namespace: metadata.namespace, uid: metadata.uid },
          startTime: status?.startTime,
          containers,
          cpu: {
            time: containers[0]?.cpu.time,
            usageNanoCores: sum(({ cpu }) => cpu.usageNanoCores),
            usageCoreNanoSeconds: sum(({ cpu }) => cpu.usageCoreNanoSeconds),
          },
          memory: {
            time: containers[0]?.memory.time,
            usageBytes: sum(({ memory }) => memory.usageBytes),
            workingSetBytes: sum(({ memory }) => memory.workingSetBytes),
            rssBytes: sum(({ memory }) => memory.rssBytes),
          },
          ...(ownVolumes.length > 0 && { volume: ownVolumes }),
          'ephemeral-storage': {
            ...filesystem,
            usedBytes: onDisk.reduce(
              (total, { usedBytes = 0 }) => total + usedBytes,
              sum(({ rootfs }) => rootfs.usedBytes),
            ),
            inodesUsed: onDisk.reduce(
              (total, { inodesUsed = 0 }) => total + inodesUsed,
              sum(({ rootfs }) => rootfs.inodesUsed),
            ),
          },
        }
      }),
    }
  }
}
