import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Pod } from '../../api/generated/core.v1.ts'
import { cpuSharesOf, type CPUPeriod } from '../containers/resources.ts'
import { qosClassOf } from '../../api/core/pod/qos-class.ts'
import type { PodQOSClass as QOSClass } from '../../api/generated/core.v1.ts'
import { isThere } from '../if-there.ts'
import { burstableShares, limitsOf } from './pod-limits.ts'

/**
 * The cgroups that pods stand in: `<root>/kubepods[/burstable|/besteffort]/pod<uid>`, limited to what the pod as a whole
 * may use, so that classes of pods share a busy node as their requests say. Containers' own cgroups are the runtime's.
 */
export interface CgroupManager {
  readonly version: 1 | 2
  /** The kernel limits swap space by cgroup; known after `setUp`. */
  readonly limitsSwap: boolean
  /** Makes the parents of all pods' cgroups. */
  setUp(allocatable: { readonly milliCPU: number; readonly memoryBytes: number }): Promise<void>
  /** Limits a cgroup that is not of pods. Rejects where it is not there, in upstream's words. */
  enforce(path: string, limits: CgroupLimits): Promise<void>
  /** Makes a pod's cgroup; resolves with its path, as runtimes want their parent. */
  create(pod: Pod): Promise<string>
  /** Shares CPU between the classes by what their pods ask for. */
  balance(pods: Iterable<Pod>): Promise<void>
  /** Removes a pod's cgroups, whatever its class was. */
  remove(podUID: string): Promise<void>
}

export interface CgroupLimits {
  readonly milliCPU?: number
  readonly memoryBytes?: number
}

/** Where cgroups are mounted. */
export const mountPoint = '/sys/fs/cgroup'
const classDirectories: Readonly<Record<QOSClass, string>> = {
  Guaranteed: '',
  Burstable: '/burstable',
  BestEffort: '/besteffort',
}
/** Version 1 hierarchies that the kubelet writes limits in; the runtime makes its own way in the others. */
const limitedControllers = ['cpu', 'memory'] as const

export interface CgroupOptions {
  readonly cgroupRoot: string
  /** Processes of one pod at most; below 1, the default, there is no limit. */
  readonly podPidsLimit?: number
  readonly cpuPeriod?: CPUPeriod
}

export async function openCgroups(options: CgroupOptions): Promise<CgroupManager> {
  return (await isThere(join(mountPoint, 'cgroup.controllers')))
    ? unifiedCgroups(options)
    : legacyCgroups(options)
}

/** Where there are no cgroups to make: the simulated runtime, or no root. */
export const noCgroups: CgroupManager = {
  version: 2,
  limitsSwap: false,
  async setUp() {},
  async enforce() {},
  create: async () => '',
  async balance() {},
  async remove() {},
}

export function cgroupPath(cgroupRoot: string, pod: Pod): string {
  return `${parentPath(cgroupRoot, qosClassOf(pod))}/pod${pod.metadata?.uid ?? ''}`
}

/** The cgroup of all pods. */
export function kubepodsPath(cgroupRoot: string): string {
  return parentPath(cgroupRoot, 'Guaranteed')
}

/** The cgroups of classes of pods below it. */
export function classPaths(cgroupRoot: string): readonly string[] {
  return [parentPath(cgroupRoot, 'Burstable'), parentPath(cgroupRoot, 'BestEffort')]
}

function parentPath(cgroupRoot: string, qosClass: QOSClass): string {
  return `${cgroupRoot.replace(/\/+$/, '')}/kubepods${classDirectories[qosClass]}`
}

function legacyCgroups({ cgroupRoot, podPidsLimit = -1, cpuPeriod }: CgroupOptions): CgroupManager {
  const directory = (controller: string, path: string) => join(mountPoint, controller, path)
  const make = async (path: string) => {
    for (const controller of limitedControllers) await mkdir(directory(controller, path), { recursive: true })
  }
  return {
    version: 1,
    limitsSwap: false,
    async setUp({ milliCPU, memoryBytes }) {
      for (const qosClass of Object.keys(classDirectories) as QOSClass[]) {
        await make(parentPath(cgroupRoot, qosClass))
      }
      const root = parentPath(cgroupRoot, 'Guaranteed')
      await write(join(directory('cpu', root), 'cpu.shares'), cpuSharesOf(milliCPU))
      await write(join(directory('memory', root), 'memory.limit_in_bytes'), memoryBytes)
      await write(join(directory('cpu', parentPath(cgroupRoot, 'BestEffort')), 'cpu.shares'), cpuSharesOf(0))
    },
    async enforce(path, { milliCPU, memoryBytes }) {
      for (const controller of limitedControllers) await mustBeThere(directory(controller, path), path)
      if (milliCPU !== undefined)
        await write(join(directory('cpu', path), 'cpu.shares'), cpuSharesOf(milliCPU))
      if (memoryBytes !== undefined) {
        await write(join(directory('memory', path), 'memory.limit_in_bytes'), memoryBytes)
      }
    },
    async create(pod) {
      const path = cgroupPath(cgroupRoot, pod)
      await make(path)
      const { shares, quota, memoryBytes } = limitsOf(pod, cpuPeriod)
      const cpu = directory('cpu', path)
      await write(join(cpu, 'cpu.shares'), shares)
      if (quota) {
        await write(join(cpu, 'cpu.cfs_period_us'), quota.cpuPeriod)
        await write(join(cpu, 'cpu.cfs_quota_us'), quota.cpuQuota)
      }
      if (memoryBytes !== undefined) {
        await write(join(directory('memory', path), 'memory.limit_in_bytes'), memoryBytes)
      }
      if (podPidsLimit > 0) {
        await mkdir(directory('pids', path), { recursive: true })
        await write(join(directory('pids', path), 'pids.max'), podPidsLimit)
      }
      return path
    },
    async balance(pods) {
      const path = directory('cpu', parentPath(cgroupRoot, 'Burstable'))
      await write(join(path, 'cpu.shares'), burstableShares(pods))
    },
    async remove(podUID) {
      const controllers = await readdir(mountPoint)
      for (const qosClass of Object.keys(classDirectories) as QOSClass[]) {
        const path = `${parentPath(cgroupRoot, qosClass)}/pod${podUID}`
        for (const controller of controllers) await removeTree(directory(controller, path))
      }
    },
  }
}

function unifiedCgroups({ cgroupRoot, podPidsLimit = -1, cpuPeriod }: CgroupOptions): CgroupManager {
  const directory = (path: string) => join(mountPoint, path)
  /** A controller limits a cgroup only when every cgroup above hands it down. */
  const make = async (path: string) => {
    let current = mountPoint
    for (const part of path.split('/').filter(Boolean)) {
      await handDown(current)
      current = join(current, part)
      await mkdir(current, { recursive: true })
    }
  }
  const handDown = async (path: string) => {
    const available = (await readFile(join(path, 'cgroup.controllers'), 'utf8')).trim().split(/\s+/)
    const enabled = (await readFile(join(path, 'cgroup.subtree_control'), 'utf8')).trim().split(/\s+/)
    const missing = available.filter((controller) => controller !== '' && !enabled.includes(controller))
    for (const controller of missing) {
      // Some controllers cannot be handed down everywhere; limits that need them then fail by name.
      await write(join(path, 'cgroup.subtree_control'), `+${controller}`).catch(() => undefined)
    }
  }
  let limitsSwap = false
  return {
    version: 2,
    get limitsSwap() {
      return limitsSwap
    },
    async setUp({ milliCPU, memoryBytes }) {
      for (const qosClass of Object.keys(classDirectories) as QOSClass[]) {
        await make(parentPath(cgroupRoot, qosClass))
        await handDown(directory(parentPath(cgroupRoot, qosClass)))
      }
      const root = directory(parentPath(cgroupRoot, 'Guaranteed'))
      await write(join(root, 'cpu.weight'), weightOf(cpuSharesOf(milliCPU)))
      await write(join(root, 'memory.max'), memoryBytes)
      limitsSwap = await isThere(join(root, 'memory.swap.max'))
      await write(
        join(directory(parentPath(cgroupRoot, 'BestEffort')), 'cpu.weight'),
        weightOf(cpuSharesOf(0)),
      )
    },
    async enforce(path, { milliCPU, memoryBytes }) {
      await mustBeThere(directory(path), path)
      if (milliCPU !== undefined) {
        await write(join(directory(path), 'cpu.weight'), weightOf(cpuSharesOf(milliCPU)))
      }
      if (memoryBytes !== undefined) await write(join(directory(path), 'memory.max'), memoryBytes)
    },
    async create(pod) {
      const path = cgroupPath(cgroupRoot, pod)
      await make(path)
      await handDown(directory(path))
      const { shares, quota, memoryBytes } = limitsOf(pod, cpuPeriod)
      await write(join(directory(path), 'cpu.weight'), weightOf(shares))
      if (quota) await write(join(directory(path), 'cpu.max'), `${quota.cpuQuota} ${quota.cpuPeriod}`)
      if (memoryBytes !== undefined) await write(join(directory(path), 'memory.max'), memoryBytes)
      if (podPidsLimit > 0) await write(join(directory(path), 'pids.max'), podPidsLimit)
      return path
    },
    async balance(pods) {
      const path = directory(parentPath(cgroupRoot, 'Burstable'))
      await write(join(path, 'cpu.weight'), weightOf(burstableShares(pods)))
    },
    async remove(podUID) {
      for (const qosClass of Object.keys(classDirectories) as QOSClass[]) {
        await removeTree(directory(`${parentPath(cgroupRoot, qosClass)}/pod${podUID}`))
      }
    },
  }
}

async function mustBeThere(directory: string, path: string): Promise<void> {
  if (await isThere(directory)) return
  const names = path.split('/').filter(Boolean)
  throw new Error(`[${names.map((name) => JSON.stringify(name)).join(' ')}] cgroup does not exist`)
}

/** Version 1 shares (2 to 262144) on version 2's scale (1 to 10000), as runc does. */
function weightOf(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142)
}

async function write(path: string, value: number | string): Promise<void> {
  await writeFile(path, String(value))
}

/** Cgroups are removed from the leaves up; their files go with them. What has gone meanwhile is removed. */
async function removeTree(path: string): Promise<void> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => undefined)
  if (entries === undefined) return
  for (const entry of entries) if (entry.isDirectory()) await removeTree(join(path, entry.name))
  await rmdir(path).catch((error: unknown) => {
    if ((error as { code?: unknown }).code !== 'ENOENT') throw error
  })
}
