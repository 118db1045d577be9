import { readdirSync, readFileSync } from 'node:fs'

/** What Linux says of some processes together. */
export interface Usage {
  readonly cpuMs: number
  readonly residentBytes: number
  /** Memory shared with other processes counted in parts: what the machine would have free without them. */
  readonly proportionalBytes: number
}

/** Ticks of /proc are hundredths of a second on every Linux that Node.js runs on. */
const tickMs = 10

export function usageOf(pids: readonly number[]): Usage {
  const all = pids.map((pid) => ({ cpuMs: cpuMs(pid), ...memory(pid) }))
  const sum = (key: keyof Usage) => all.reduce((total, one) => total + one[key], 0)
  return {
    cpuMs: sum('cpuMs'),
    residentBytes: sum('residentBytes'),
    proportionalBytes: sum('proportionalBytes'),
  }
}

/** Of all threads, also those that have ended. */
export function cpuMs(pid: number): number {
  const fields = statFields(pid)
  return (Number(fields[11]) + Number(fields[12])) * tickMs
}

/** The process and what it started, and so on, that run the same program. */
export function withDescendants(pids: readonly number[], command: string): number[] {
  const parents = new Map<number, number>()
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (!Number.isInteger(pid)) continue
    const process = ifThere(() => ({ command: commandOf(pid), parent: Number(statFields(pid)[1]) }))
    if (process?.command === command) parents.set(pid, process.parent)
  }
  const found = new Set(pids)
  for (let size = -1; size !== found.size;) {
    size = found.size
    for (const [pid, parent] of parents) if (found.has(parent)) found.add(pid)
  }
  return [...found]
}

function memory(pid: number): Omit<Usage, 'cpuMs'> {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  const bytes = (name: string) => Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(rollup)?.[1]) * 1024
  return { residentBytes: bytes('Rss'), proportionalBytes: bytes('Pss') }
}

/** From the third on: what stands after the name, which may hold anything. */
function statFields(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

function commandOf(pid: number): string | undefined {
  return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0]
}

/** Processes end while they are looked at. */
function ifThere<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
