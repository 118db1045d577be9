import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/**
 * Names one process for good: a process id alone is used again by the system, together with the start time and the
 * boot it is not.
 */
export interface ProcessIdentity {
  readonly pid: number
  /** Start time in clock ticks since boot (/proc/PID/stat, field 22). */
  readonly startTicks: string
  readonly bootId: string
}

/** The identity of a process that runs now; undefined when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid)
  return stat && { pid, startTicks: stat.startTicks, bootId: bootId() }
}

/** Whether exactly this process is still there (a zombie is not). */
export function isRunning(process: ProcessIdentity): boolean {
  const stat = readStat(process.pid)
  return (
    stat !== undefined &&
    stat.state !== 'Z' &&
    stat.startTicks === process.startTicks &&
    process.bootId === bootId()
  )
}

/** Sends a signal to exactly this process; false when it is not there any more. */
export function signal(target: ProcessIdentity, name: NodeJS.Signals): boolean {
  if (!isRunning(target)) return false
  try {
    process.kill(target.pid, name)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
    throw error
  }
}

/** Sends a signal to this process, which leads its group, and to all others of the group. */
export function signalGroup(leader: ProcessIdentity, name: NodeJS.Signals): void {
  if (!isRunning(leader)) return
  try {
    process.kill(-leader.pid, name)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** SIGTERM, then SIGKILL after `graceMs`; resolves when the process is gone. */
export async function end(target: ProcessIdentity, graceMs: number): Promise<void> {
  if (!signal(target, 'SIGTERM')) return
  if (await gone(target, graceMs)) return
  signal(target, 'SIGKILL')
  await gone(target, 10_000)
}

async function gone(target: ProcessIdentity, withinMs: number): Promise<boolean> {
  const deadline = performance.now() + withinMs
  while (isRunning(target)) {
    if (performance.now() >= deadline) return false
    await delay(10)
  }
  return true
}

function readStat(pid: number): { readonly state: string; readonly startTicks: string } | undefined {
  let text: string
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is the program's name in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, startTicks] = [fields[0], fields[19]]
  return state === undefined || startTicks === undefined ? undefined : { state, startTicks }
}

let knownBootId: string | undefined

/** Changes with every boot of the machine. */
export function bootId(): string {
  knownBootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  return knownBootId
}
