import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Report } from '../cli/report.ts'
import { askServer } from '../control/control-client.ts'
import { clearMachine } from '../machine/clear-machine.ts'
import { openJournal } from '../machine/journal.ts'
import { end } from '../machine/processes.ts'
import { isListening } from '../machine/unix-socket.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import type { ClusterState } from '../state/cluster-state.ts'
import { endSupervisorAndServer, runningServer, runningSupervisor } from './supervisor.ts'

/** How long a server may take to stop its nodes and clear the machine. */
const serverGraceMs = 60_000

/** Whether what the cluster puts on the machine can be taken away by root alone, and we are not root. */
export function needsRoot(state: ClusterState | undefined): boolean {
  return state?.runtime !== 'simulated' && process.getuid?.() !== 0
}

/** Whether something of the cluster may be on the machine, even where its folder is gone. */
export function hasTraces(folder: ClusterFolder): boolean {
  return openJournal(folder.journalFile).traces.length > 0
}

/**
 * Stops the cluster and takes everything of it off the machine, whether its server runs, was killed, or never was. Its
 * folder stays. False when there was nothing to do.
 */
export async function bringDown(folder: ClusterFolder, report: Report): Promise<boolean> {
  const found = openJournal(folder.journalFile)
  const before = found.traces
  const [server, supervisor] = [runningServer(found), runningSupervisor(found)]
  if (supervisor && server) await end(supervisor, 5_000)
  else if (supervisor) await endSupervisorAndServer(found, supervisor)
  if (server) {
    await report.step('stopping the server and its nodes', () => end(server, serverGraceMs))
  } else if (process.platform !== 'linux') {
    await stopByItsAnswer(folder, report)
  }
  // What a server that was killed has left; nothing after one that stopped by itself.
  const journal = openJournal(folder.journalFile)
  if (journal.traces.length > 0) {
    await report.step('clearing the machine', () =>
      clearMachine(journal, { cluster: folder.name, graceMs: 2_000 }),
    )
  }
  journal.remove()
  rmSync(folder.runPath, { recursive: true, force: true })
  return before.length > 0
}

/** Where processes cannot be told by their start time, the server itself says which it is. */
async function stopByItsAnswer(folder: ClusterFolder, report: Report): Promise<void> {
  const status = await askServer(folder.controlSocket, { type: 'status' })
  const { pid } = status ?? {}
  if (pid === undefined) return
  await report.step('stopping the server and its nodes', async () => {
    process.kill(pid, 'SIGTERM')
    const deadline = performance.now() + serverGraceMs
    while (performance.now() < deadline && (await isListening(folder.controlSocket))) await delay(50)
  })
}
