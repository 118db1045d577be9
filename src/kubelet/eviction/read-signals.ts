import { readFile, statfs } from 'node:fs/promises'
import type { ContainerRuntime } from '../runtime/runtime.ts'
import type { Reading, Readings, Signal } from './threshold.ts'

/** Reads what the machine has left of everything that pods may use up. */
export async function readSignals(runtime: ContainerRuntime, rootDirectory: string): Promise<Readings> {
  const [memory, nodefs, imagefs, pids] = await Promise.all([
    readMemory(),
    readFilesystem(rootDirectory),
    imageFilesystem(runtime),
    readProcesses(),
  ])
  const entries: (readonly [Signal, Reading | undefined])[] = [
    ['memory.available', memory],
    ['nodefs.available', nodefs?.bytes],
    ['nodefs.inodesFree', nodefs?.inodes],
    ['imagefs.available', imagefs?.bytes],
    ['imagefs.inodesFree', imagefs?.inodes],
    ['pid.available', pids],
  ]
  return new Map(entries.filter((entry): entry is [Signal, Reading] => entry[1] !== undefined))
}

const text = (path: string) => readFile(path, 'utf8').catch(() => '')

/** What pages that were not used lately hold counts as available, as upstream's working set has it. */
async function readMemory(): Promise<Reading | undefined> {
  const meminfo = await text('/proc/meminfo')
  const bytes = (name: string) => {
    const found = new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(meminfo)?.[1]
    return found === undefined ? undefined : Number(found) * 1024
  }
  const [capacity, free, inactive] = [bytes('MemTotal'), bytes('MemFree'), bytes('Inactive\\(file\\)')]
  if (capacity === undefined || free === undefined || inactive === undefined) return undefined
  return { capacity, available: Math.max(bytes('MemAvailable') ?? 0, free + inactive) }
}

/** Processes that the machine may have. Undefined where it does not say. */
export async function readProcesses(): Promise<Reading | undefined> {
  const [maximum, threads, load] = await Promise.all([
    text('/proc/sys/kernel/pid_max'),
    text('/proc/sys/kernel/threads-max'),
    text('/proc/loadavg'),
  ])
  const used = /\/(\d+)/.exec(load)?.[1]
  if (maximum === '' || threads === '' || used === undefined) return undefined
  const capacity = Math.min(Number(maximum), Number(threads))
  return { capacity, available: capacity - Number(used) }
}

export async function readFilesystem(
  path: string,
): Promise<{ readonly bytes: Reading; readonly inodes: Reading } | undefined> {
  const found = await statfs(path).catch(() => undefined)
  if (!found) return undefined
  const bytes = { available: found.bavail * found.bsize, capacity: found.blocks * found.bsize }
  // Some file systems have no fixed number of inodes, and say 0.
  const inodes = { available: found.ffree, capacity: found.files }
  return { bytes, inodes }
}

async function imageFilesystem(runtime: ContainerRuntime) {
  const [first] = await runtime.imageFilesystem().catch(() => [])
  return first && (await readFilesystem(first.mountpoint))
}
