import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

/** A process, told from a later one with the same id by when it began. */
export interface ProcessIdentity {
  readonly pid: number
  /** In clock ticks since the machine booted: field 22 of /proc/<pid>/stat. */
  readonly startTicks: string
}

/** What /proc counts in, on every Linux. */
const ticksPerSecond = 100

/** The live process that a pid file names; undefined when there is none. */
export async function processOf(pidFile: string): Promise<ProcessIdentity | undefined> {
  const text = await readFile(pidFile, 'utf8').catch(() => '')
  const pid = Number(text.trim())
  if (!Number.isInteger(pid) || pid <= 0) return undefined
  const startTicks = startTicksOf(pid)
  return startTicks === undefined ? undefined : { pid, startTicks }
}

export function isAlive({ pid, startTicks }: ProcessIdentity): boolean {
  return startTicksOf(pid) === startTicks
}

/** Undefined for a process that has ended, also when nobody has asked for its exit code yet. */
function startTicksOf(pid: number): string | undefined {
  const stat = statOf(pid)
  if (stat === undefined) return undefined
  // The name stands in brackets and may hold anything; what follows begins with the state, field 3.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19]
}

/** Asked every second: what the kernel has in memory is read at once, for a fraction of what going round by a thread costs. */
function statOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return undefined
    throw error
  }
}

/** Milliseconds since the epoch. */
export async function startTimeMs({ startTicks }: ProcessIdentity): Promise<number> {
  const stat = await readFile('/proc/stat', 'utf8')
  const bootSeconds = Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0)
  return (bootSeconds + Number(startTicks) / ticksPerSecond) * 1000
}

/** Resident memory in bytes and CPU time in nanoseconds; undefined when the process has ended. */
export async function usageOf(
  pid: number,
): Promise<{ memoryBytes: number; cpuNanoseconds: bigint } | undefined> {
  const [stat, status] = await Promise.all([
    readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined),
    readFile(`/proc/${pid}/status`, 'utf8').catch(() => ''),
  ])
  if (stat === undefined) return undefined
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const ticks = Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  return {
    memoryBytes: Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024,
    cpuNanoseconds: BigInt(ticks) * BigInt(1e9 / ticksPerSecond),
  }
}
