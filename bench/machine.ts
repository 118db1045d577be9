import { execFileSync } from 'node:child_process'
import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { kubernetesVersion } from '../src/api/kubernetes-version.ts'
import { k8tsVersion } from '../src/cluster/version.ts'
import { median } from './timing.ts'

/** What a figure depends on beside the code. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
}

export interface Versions {
  readonly k8ts: string
  readonly kubernetes: string
  readonly node: string
  readonly containerd?: string
  readonly runc?: string
}

export interface Commit {
  readonly id: string
  /** Files of the working tree differ from the commit. */
  readonly changed: boolean
}

export function machine(): Machine {
  const processors = cpus()
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
    kernel: release(),
  }
}

export function versions(): Versions {
  const versionIn = (program: string) => output(program, '--version')?.match(/\d+\.\d+\.\d+/)?.[0]
  const [containerd, runc] = [versionIn('containerd'), versionIn('runc')]
  return {
    k8ts: k8tsVersion(),
    kubernetes: kubernetesVersion,
    node: process.version,
    ...(containerd !== undefined && { containerd }),
    ...(runc !== undefined && { runc }),
  }
}

/** Undefined where the repository is not a clone. */
export function commit(root: string): Commit | undefined {
  const id = output('git', '-C', root, 'rev-parse', 'HEAD')
  if (id === undefined) return undefined
  const changes = output('git', '-C', root, 'status', '--porcelain', '--', 'src', 'bin', 'package-lock.json')
  return { id, changed: changes !== '' }
}

/** Average number of processes that wanted to run in the last minute. */
export function load(): number {
  return Math.round(loadavg()[0]! * 100) / 100
}

/**
 * How much longer than alone this process takes for work that only needs a processor: 1 on an idle machine. Short, so
 * that it says what the moment is like.
 */
export function contention(): number {
  const spins = Array.from({ length: 5 }, () => {
    const cpu = process.cpuUsage()
    const start = performance.now()
    while (performance.now() - start < 30);
    const { user, system } = process.cpuUsage(cpu)
    return ((performance.now() - start) * 1000) / Math.max(user + system, 1)
  })
  return Math.max(1, Math.round(median(spins) * 100) / 100)
}

/** What one durable write of 4 KB takes in this folder, in milliseconds: next to nothing where nothing is durable. */
export function syncMs(folder: string): number {
  const path = join(folder, 'sync-probe')
  const file = openSync(path, 'w')
  const block = new Uint8Array(4096)
  const times = Array.from({ length: 20 }, () => {
    const start = performance.now()
    writeSync(file, block)
    fdatasyncSync(file)
    return performance.now() - start
  })
  closeSync(file)
  rmSync(path)
  return Math.round(median(times) * 1000) / 1000
}

function output(program: string, ...args: string[]): string | undefined {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return undefined
  }
}
