import { existsSync } from 'node:fs'
import { silentReport, type Report } from '../cli/report.ts'
import { openJournal } from '../machine/journal.ts'
import { clusterFolders, type ClusterFolder } from '../state/cluster-folder.ts'
import { bringDown, hasTraces } from './bring-down.ts'
import { runningServer, runningSupervisor } from './supervisor.ts'

/**
 * Takes clusters off the machine whose data was removed without bringing them down: what they left holds addresses,
 * mounts and memory, and no command would find it. What cannot be cleared is said, and stays.
 */
export async function clearAbandoned(
  report: Report,
  which: (folder: ClusterFolder) => boolean = isWithoutServer,
): Promise<void> {
  for (const folder of clusterFolders()) {
    if (existsSync(folder.stateFile) || !hasTraces(folder) || !which(folder)) continue
    try {
      await report.step(`clearing cluster ${folder.name}, whose data is gone`, () =>
        bringDown(folder, silentReport),
      )
    } catch (error) {
      report.say(`What is left of cluster ${folder.name} stays: ${(error as Error).message}`)
    }
  }
}

/** A server may be somebody's yet; and the rules of a machine that is a node itself, those of its next node. */
function isWithoutServer({ journalFile }: ClusterFolder): boolean {
  const journal = openJournal(journalFile)
  const isNodeItself = journal.traces.some(({ kind }) => kind === 'nodeRules')
  return !isNodeItself && !runningServer(journal) && !runningSupervisor(journal)
}
