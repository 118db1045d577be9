import { existsSync, globSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { lineReport } from '../src/cluster/cli/report.ts'
import { identify, isRunning, type ProcessIdentity } from '../src/cluster/machine/processes.ts'
import { clusterFolder } from '../src/cluster/state/cluster-folder.ts'
import { bringDown } from '../src/cluster/up/bring-down.ts'
import { clearAbandoned } from '../src/cluster/up/clear-abandoned.ts'

/** What folders of runs, and the clusters that they measure, are called. */
export const runPrefix = 'k8ts-bench-'
export const clusterPrefix = 'bench-'

const report = lineReport((line) => void process.stderr.write(`${line}\n`))

/** Notes in the folder of a run that this process measures in it; where processes cannot be told apart, nothing. */
export function claimRun(folder: string): void {
  const owner = identify(process.pid)
  if (owner) writeFileSync(ownerFile(folder), JSON.stringify(owner))
}

/** Clears the machine of runs below `directory` that were cut off, with their clusters. */
export async function clearEarlierRuns(directory: string): Promise<void> {
  const runs = readdirSync(directory).filter((name) => name.startsWith(runPrefix))
  for (const run of runs.map((name) => join(directory, name))) {
    if (!isCutOff(run)) continue
    for (const stateFile of globSync(`*/${clusterPrefix}*/state.json`, { cwd: run })) {
      const path = join(run, stateFile, '..')
      await bringDown(clusterFolder(basename(path), path), report)
    }
    rmSync(run, { recursive: true, force: true })
  }
  await clearAbandoned(report, ({ name }) => name.startsWith(clusterPrefix))
}

function isCutOff(run: string): boolean {
  if (!existsSync(ownerFile(run))) return false
  return !isRunning(JSON.parse(readFileSync(ownerFile(run), 'utf8')) as ProcessIdentity)
}

function ownerFile(run: string): string {
  return join(run, 'owner.json')
}
