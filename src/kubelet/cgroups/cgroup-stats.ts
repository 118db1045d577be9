import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mountPoint } from './cgroup-manager.ts'

/** What a cgroup has used, with all below it. What a kernel does not tell is absent. */
export interface CgroupStats {
  readonly cpu?: CgroupCpu
  readonly memory?: CgroupMemory
  readonly processes?: number
  readonly threads?: number
  readonly threadsLimit?: number
  /** By block device, as `major:minor`. */
  readonly disks: readonly DiskTraffic[]
  /** How long its processes waited for want of something. Version 2 only. */
  readonly pressure?: Readonly<Partial<Record<'cpu' | 'memory' | 'io', Pressure>>>
}

export interface CgroupCpu {
  readonly usageNanoseconds: bigint
  readonly userSeconds: number
  readonly systemSeconds: number
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledSeconds: number
}

export interface CgroupMemory {
  readonly usageBytes: number
  /** Without the files that were not used lately. */
  readonly workingSetBytes: number
  readonly rssBytes: number
  readonly cacheBytes: number
  readonly mappedFileBytes: number
  readonly swapBytes?: number
  readonly maximumUsageBytes?: number
  /** Infinity for none. */
  readonly limitBytes: number
  readonly swapLimitBytes?: number
  /** How often the limit was run against. */
  readonly limitHits: number
  readonly outOfMemoryKills: number
  readonly pageFaults: number
  readonly majorPageFaults: number
}

export interface DiskTraffic {
  readonly device: string
  readonly reads: number
  readonly writes: number
  readonly readBytes: number
  readonly writtenBytes: number
}

/** Some of the processes, or all of them, waited: percent of the last seconds, and microseconds since ever. */
export interface Pressure {
  readonly some: PressureLine
  readonly full: PressureLine
}

export interface PressureLine {
  readonly avg10: number
  readonly avg60: number
  readonly avg300: number
  readonly totalMicroseconds: number
}

const nanosecondsPerTick = 10_000_000
/** As the kernel rounds "none" in version 1. */
const unlimitedBytes = 2 ** 62

/** Undefined when there is no such cgroup. `root`: where cgroups are mounted. */
export async function readCgroup(
  version: 1 | 2,
  path: string,
  root = mountPoint,
): Promise<CgroupStats | undefined> {
  return version === 2 ? await readUnified(join(root, path)) : await readLegacy(root, path)
}

/** A process of the cgroup itself. Undefined when it has none. */
export async function processOf(
  version: 1 | 2,
  path: string,
  root = mountPoint,
): Promise<number | undefined> {
  const directory = version === 2 ? join(root, path) : join(root, 'memory', path)
  const first = Number.parseInt((await text(join(directory, 'cgroup.procs'))) ?? '', 10)
  return Number.isNaN(first) ? undefined : first
}

async function readLegacy(root: string, path: string): Promise<CgroupStats | undefined> {
  const file = (controller: string, name: string) => text(join(root, controller, path, name))
  const [
    usage,
    ticks,
    cfs,
    used,
    memory,
    most,
    limit,
    swapLimit,
    hits,
    kills,
    procs,
    threads,
    threadsLimit,
    bytes,
    operations,
  ] = await Promise.all([
    file('cpuacct', 'cpuacct.usage'),
    file('cpuacct', 'cpuacct.stat'),
    file('cpu', 'cpu.stat'),
    file('memory', 'memory.usage_in_bytes'),
    file('memory', 'memory.stat'),
    file('memory', 'memory.max_usage_in_bytes'),
    file('memory', 'memory.limit_in_bytes'),
    file('memory', 'memory.memsw.limit_in_bytes'),
    file('memory', 'memory.failcnt'),
    file('memory', 'memory.oom_control'),
    file('memory', 'cgroup.procs'),
    file('pids', 'pids.current'),
    file('pids', 'pids.max'),
    file('blkio', 'blkio.throttle.io_service_bytes_recursive'),
    file('blkio', 'blkio.throttle.io_serviced_recursive'),
  ])
  if (usage === undefined && used === undefined) return undefined
  const seconds = (key: string) => (number(ticks, key) * nanosecondsPerTick) / 1e9
  const usageBytes = Number(used)
  return {
    ...(usage !== undefined && {
      cpu: {
        usageNanoseconds: BigInt(usage.trim()),
        userSeconds: seconds('user'),
        systemSeconds: seconds('system'),
        periods: number(cfs, 'nr_periods'),
        throttledPeriods: number(cfs, 'nr_throttled'),
        throttledSeconds: number(cfs, 'throttled_time') / 1e9,
      },
    }),
    ...(used !== undefined && {
      memory: {
        usageBytes,
        workingSetBytes: Math.max(0, usageBytes - number(memory, 'total_inactive_file')),
        rssBytes: number(memory, 'total_rss'),
        cacheBytes: number(memory, 'total_cache'),
        mappedFileBytes: number(memory, 'total_mapped_file'),
        ...(has(memory, 'total_swap') && { swapBytes: number(memory, 'total_swap') }),
        maximumUsageBytes: Number(most ?? 0),
        limitBytes: limitOf(limit),
        ...(swapLimit !== undefined && { swapLimitBytes: limitOf(swapLimit) }),
        limitHits: Number(hits ?? 0),
        outOfMemoryKills: number(kills, 'oom_kill'),
        pageFaults: number(memory, 'total_pgfault'),
        majorPageFaults: number(memory, 'total_pgmajfault'),
      },
    }),
    ...processesOf(procs, threads, threadsLimit),
    disks: legacyDisks(bytes, operations),
  }
}

async function readUnified(directory: string): Promise<CgroupStats | undefined> {
  const file = (name: string) => text(join(directory, name))
  const [
    cpu,
    used,
    memory,
    events,
    swap,
    most,
    limit,
    swapLimit,
    procs,
    threads,
    threadsLimit,
    io,
    ...pressures
  ] = await Promise.all([
    file('cpu.stat'),
    file('memory.current'),
    file('memory.stat'),
    file('memory.events'),
    file('memory.swap.current'),
    file('memory.peak'),
    file('memory.max'),
    file('memory.swap.max'),
    file('cgroup.procs'),
    file('pids.current'),
    file('pids.max'),
    file('io.stat'),
    file('cpu.pressure'),
    file('memory.pressure'),
    file('io.pressure'),
  ])
  if (cpu === undefined) return undefined
  const usageBytes = Number(used)
  const [ofCpu, ofMemory, ofIO] = pressures.map(parsePressure)
  return {
    cpu: {
      usageNanoseconds: BigInt(number(cpu, 'usage_usec')) * 1000n,
      userSeconds: number(cpu, 'user_usec') / 1e6,
      systemSeconds: number(cpu, 'system_usec') / 1e6,
      periods: number(cpu, 'nr_periods'),
      throttledPeriods: number(cpu, 'nr_throttled'),
      throttledSeconds: number(cpu, 'throttled_usec') / 1e6,
    },
    ...(used !== undefined && {
      memory: {
        usageBytes,
        workingSetBytes: Math.max(0, usageBytes - number(memory, 'inactive_file')),
        rssBytes: number(memory, 'anon'),
        cacheBytes: number(memory, 'file'),
        mappedFileBytes: number(memory, 'file_mapped'),
        ...(swap !== undefined && { swapBytes: Number(swap) }),
        ...(most !== undefined && { maximumUsageBytes: Number(most) }),
        limitBytes: limitOf(limit),
        ...(swapLimit !== undefined && { swapLimitBytes: limitOf(swapLimit) }),
        limitHits: number(events, 'max'),
        outOfMemoryKills: number(events, 'oom_kill'),
        pageFaults: number(memory, 'pgfault'),
        majorPageFaults: number(memory, 'pgmajfault'),
      },
    }),
    ...processesOf(procs, threads, threadsLimit),
    disks: unifiedDisks(io),
    ...((ofCpu || ofMemory || ofIO) && {
      pressure: {
        ...(ofCpu && { cpu: ofCpu }),
        ...(ofMemory && { memory: ofMemory }),
        ...(ofIO && { io: ofIO }),
      },
    }),
  }
}

async function text(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}

/** Of lines `key value`. 0 when it is not there. */
function number(lines: string | undefined, key: string): number {
  const found = lines && new RegExp(`^${key} (\\d+)$`, 'm').exec(lines)
  return found ? Number(found[1]) : 0
}

function has(lines: string | undefined, key: string): boolean {
  return lines !== undefined && new RegExp(`^${key} `, 'm').test(lines)
}

function limitOf(value: string | undefined): number {
  const bytes = Number(value)
  return value === undefined || Number.isNaN(bytes) || bytes > unlimitedBytes ? Infinity : bytes
}

function processesOf(procs?: string, threads?: string, limit?: string) {
  return {
    ...(procs !== undefined && { processes: procs.split('\n').filter(Boolean).length }),
    ...(threads !== undefined && { threads: Number(threads) }),
    ...(limit !== undefined && { threadsLimit: limitOf(limit) }),
  }
}

/** Lines `8:0 Read 4096`. */
function legacyDisks(bytes = '', operations = ''): readonly DiskTraffic[] {
  const parse = (lines: string) =>
    new Map(
      lines
        .matchAll(/^(\d+:\d+) (Read|Write) (\d+)$/gm)
        .map(([, device, what, value]) => [`${device} ${what}`, Number(value)] as const),
    )
  const [ofBytes, ofOperations] = [parse(bytes), parse(operations)]
  const devices = new Set(ofBytes.keys().map((key) => key.split(' ')[0]!))
  return Array.from(devices, (device) => ({
    device,
    reads: ofOperations.get(`${device} Read`) ?? 0,
    writes: ofOperations.get(`${device} Write`) ?? 0,
    readBytes: ofBytes.get(`${device} Read`) ?? 0,
    writtenBytes: ofBytes.get(`${device} Write`) ?? 0,
  }))
}

/** Lines `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`. */
function unifiedDisks(lines = ''): readonly DiskTraffic[] {
  return lines.split('\n').flatMap((line) => {
    const device = /^(\d+:\d+) /.exec(line)?.[1]
    const value = (key: string) => Number(new RegExp(` ${key}=(\\d+)`).exec(line)?.[1] ?? 0)
    if (device === undefined) return []
    return [
      {
        device,
        reads: value('rios'),
        writes: value('wios'),
        readBytes: value('rbytes'),
        writtenBytes: value('wbytes'),
      },
    ]
  })
}

/** Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0` and the same of `full`. */
function parsePressure(lines: string | undefined): Pressure | undefined {
  if (!lines) return undefined
  const line = (name: string): PressureLine => {
    const found = new RegExp(`^${name} (.*)$`, 'm').exec(lines)?.[1] ?? ''
    const value = (key: string) => Number(new RegExp(`${key}=([\\d.]+)`).exec(found)?.[1] ?? 0)
    return {
      avg10: value('avg10'),
      avg60: value('avg60'),
      avg300: value('avg300'),
      totalMicroseconds: value('total'),
    }
  }
  return { some: line('some'), full: line('full') }
}
