import { rmSync } from 'node:fs'
import { writeAtomically } from '../machine/atomic-file.ts'
import type { Journal } from '../machine/journal.ts'
import { end } from '../machine/processes.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { recordServer } from './supervisor.ts'

/** Processes of nodes outlive a server that was killed; a new one starts its own. Containers and containerd run on. */
export async function endEarlierProcesses(journal: Journal): Promise<void> {
  for (const trace of journal.traces) {
    if (trace.kind !== 'process' || trace.process.pid === process.ppid) continue
    await end(trace.process, 5_000)
    journal.forget(trace)
  }
}

export function recordOwnProcess(folder: ClusterFolder, journal: Journal): void {
  writeAtomically(folder.serverPidFile, `${process.pid}\n`)
  recordServer(journal)
}

/** Neither this process nor its supervisor, which ends after it by itself, is to be ended as something left behind. */
export function forgetOwnProcess(journal: Journal): void {
  const own = [process.pid, process.ppid]
  for (const trace of journal.traces) {
    if (trace.kind === 'process' && own.includes(trace.process.pid)) journal.forget(trace)
  }
}

/** Nothing is left on the machine: run state goes too. */
export function leaveRunPath(folder: ClusterFolder, journal: Journal): void {
  journal.remove()
  rmSync(folder.runPath, { recursive: true, force: true })
}
