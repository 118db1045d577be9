import { constants } from 'node:os'
import { readIfExists } from '../machine/atomic-file.ts'
import type { Launch } from '../machine/detached-process.ts'
import type { Journal } from '../machine/journal.ts'
import { end, identify, isRunning, signalGroup, type ProcessIdentity } from '../machine/processes.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { reportChannelVariable } from './report-channel.ts'

/** Names, in the environment of a server in the background, which run of its supervisor it is. */
const runVariable = 'K8TS_RUN'
const supervisorRole = 'supervisor'
const serverRole = 'server'
const startedBy = process.ppid

/**
 * Runs a server in the background and, where it ends although its cluster was ready and nobody has stopped it, notes that
 * and starts it again. A shell does that, since another Node.js would take forty times its memory. Arguments: the file
 * that says that the cluster is ready, the file to note ends in, and the server's command line.
 */
const script = `
trap : INT HUP
ready=$1 ends=$2 run=first delay=1
shift 2
while :; do
  started=$(date +%s)
  ${runVariable}=$run "$@"
  status=$?
  exec 3>&-
  unset ${reportChannelVariable}
  [ -e "$ready" ] || exit $status
  ended=$(date +%s)
  echo "$ended $status" >> "$ends"
  [ $((ended - started)) -lt 60 ] || delay=1
  sleep $delay
  [ $delay -ge 32 ] || delay=$((delay * 2))
  run=again
done
`

/** The command line of the supervisor of a server. */
export function supervise(
  folder: ClusterFolder,
  server: readonly string[],
): Pick<Launch, 'program' | 'args'> {
  return { program: 'sh', args: ['-c', script, 'sh', folder.readyFile, folder.endsFile, ...server] }
}

/** A supervisor's run of this process: the first, or again after the last has ended. */
export type SupervisedRun = 'first' | 'again'

/** What this process is to its supervisor; undefined where it has none. */
export function supervisedRun(): SupervisedRun | undefined {
  const run = process.env[runVariable]
  return run === 'first' || run === 'again' ? run : undefined
}

/** Whether the supervisor that has started this process is still there; undefined where it never had one. */
export function supervisorState(): 'running' | 'ended' | undefined {
  if (supervisedRun() === undefined) return undefined
  // Whose parent has ended is given another one.
  return process.ppid === startedBy ? 'running' : 'ended'
}

/** Writes down this process as the cluster's server, and who supervises it. */
export function recordServer(journal: Journal): void {
  const [server, supervisor] = [identify(process.pid), supervisedRun() && identify(process.ppid)]
  if (server) journal.record({ kind: 'process', role: serverRole, process: server })
  if (supervisor) journal.record({ kind: 'process', role: supervisorRole, process: supervisor })
}

export function runningServer(journal: Journal): ProcessIdentity | undefined {
  return runningInRole(journal, serverRole)
}

export function runningSupervisor(journal: Journal): ProcessIdentity | undefined {
  return runningInRole(journal, supervisorRole)
}

function runningInRole({ traces }: Journal, role: string): ProcessIdentity | undefined {
  return traces
    .flatMap((trace) => (trace.kind === 'process' && trace.role === role ? [trace.process] : []))
    .find(isRunning)
}

/**
 * Ends the supervisor, and with it a server that it may just be starting: what such a one leaves is repaired, as after
 * any crash.
 */
export async function endSupervisorAndServer(journal: Journal, supervisor: ProcessIdentity): Promise<void> {
  const server = runningServer(journal)
  signalGroup(supervisor, 'SIGKILL')
  // Both are gone already but for what the kernel does.
  await Promise.all([supervisor, ...(server ? [server] : [])].map((process) => end(process, 0)))
}

/** One end of a server that nobody had asked for. */
export interface ServerEnd {
  /** RFC 3339. */
  readonly at: string
  /** `SIGKILL`, or `exit status 1`. */
  readonly how: string
}

/** What the supervisor has noted since the cluster was brought up. */
export function serverEnds(folder: ClusterFolder): readonly ServerEnd[] {
  const lines = (readIfExists(folder.endsFile) ?? '').split('\n').filter(Boolean)
  return lines.map((line) => {
    const [seconds = 0, status = 0] = line.split(' ').map(Number)
    return { at: new Date(seconds * 1000).toISOString(), how: howOf(status) }
  })
}

/** As a shell tells it: 128 and more is the number of a signal. */
function howOf(status: number): string {
  const signal = Object.entries(constants.signals).find(([, number]) => number === status - 128)
  return signal?.[0] ?? `exit status ${status}`
}
