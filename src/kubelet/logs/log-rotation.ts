import { createReadStream, createWriteStream } from 'node:fs'
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { every, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Observer } from '../pods/observer.ts'
import type { ContainerRuntime, ContainerStatus } from '../runtime/runtime.ts'

export interface LogRotatorOptions {
  readonly runtime: ContainerRuntime
  readonly observer: Observer
  readonly clock: Clock
  readonly log: Logger
  /** Default 10 MiB. */
  readonly maximumBytes?: number
  /** Of one container, the one being written included. Default 5. */
  readonly maximumFiles?: number
  /** Logs that are rotated at a time, at most. Default 1. */
  readonly workers?: number
  /** Default 10 seconds. */
  readonly checkPeriodMs?: number
}

const defaultCheckPeriodMs = 10_000
const defaultMaximumBytes = 10 * 1024 * 1024
const defaultMaximumFiles = 5

/** Keeps the logs of running containers from growing without end: `0.log`, `0.log.<time>`, `0.log.<time>.gz`, ... */
export function createLogRotator(options: LogRotatorOptions): { stop(): void } {
  const { runtime, observer, clock, log } = options
  const { maximumBytes = defaultMaximumBytes, workers = 1, checkPeriodMs = defaultCheckPeriodMs } = options
  if (!runtime.usesHost) return { stop() {} }
  let running = false

  async function check(): Promise<void> {
    // All workers take from one list.
    const left = observer.podUIDs().flatMap((uid) => observer.get(uid).containers)
    async function work(): Promise<void> {
      for (let next = left.pop(); next; next = left.pop()) await checkLog(next)
    }
    await Promise.all(Array.from({ length: workers }, work))
  }

  async function checkLog({ id, state, logPath, isPlainLog }: ContainerStatus): Promise<void> {
    if (state !== 'running' || logPath === '' || isPlainLog) return
    const size = await stat(logPath).then(
      ({ size }) => size,
      () => 0,
    )
    if (size < maximumBytes) return
    await rotate(logPath, id).catch((error: unknown) =>
      log.warn('rotating a log failed', { path: logPath, error }),
    )
  }

  async function rotate(path: string, containerID: string): Promise<void> {
    const directory = dirname(path)
    const prefix = `${basename(path)}.`
    const rotated = (await readdir(directory)).filter((name) => name.startsWith(prefix)).sort()
    for (const name of rotated.filter((name) => name.endsWith('.tmp'))) await rm(join(directory, name))
    const old = rotated.filter((name) => !name.endsWith('.tmp'))
    const surplus = old.length - ((options.maximumFiles ?? defaultMaximumFiles) - 2)
    for (const name of old.slice(0, Math.max(0, surplus))) await rm(join(directory, name))
    for (const name of old.slice(Math.max(0, surplus))) {
      if (!name.endsWith('.gz')) await compress(join(directory, name))
    }
    const stamp = new Date(clock.now()).toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
    await rename(path, `${path}.${stamp}`)
    try {
      await runtime.reopenContainerLog(containerID)
    } catch (error) {
      await rename(`${path}.${stamp}`, path)
      throw error
    }
  }

  const cancel = every(clock, checkPeriodMs, () => {
    if (running) return
    running = true
    void check().finally(() => (running = false))
  })
  return { stop: cancel }
}

async function compress(path: string): Promise<void> {
  const temporary = `${path}.gz.tmp`
  try {
    await pipeline(createReadStream(path), createGzip(), createWriteStream(temporary))
    await rename(temporary, `${path}.gz`)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await rm(path)
}
