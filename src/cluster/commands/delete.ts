import { rmSync } from 'node:fs'
import { CliError } from '../cli/cli-error.ts'
import { ask, isInteractive } from '../cli/ask.ts'
import { clusterOption, yesOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { canBecomeRoot, runAsRoot } from '../up/become-root.ts'
import { bringDown, needsRoot } from '../up/bring-down.ts'
import { terminalReport } from '../up/report-channel.ts'
import { findClusterOrTraces } from './find-cluster.ts'

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'Stop a cluster and delete all its data',
  options: { ...clusterOption, ...yesOption },
  run: remove,
}

async function remove(input: CommandInput): Promise<ExitCode> {
  const { folder, state } = findClusterOrTraces(input)
  if (!input.isSet('yes')) {
    if (!isInteractive())
      throw new CliError('this deletes all data of the cluster: say --yes', exitCodes.usage)
    const agreed = await ask(`Delete cluster ${folder.name} and all data in ${folder.path}?`, false)
    if (!agreed) return exitCodes.cancelled
  }
  if (needsRoot(state)) {
    if (await canBecomeRoot()) return (await runAsRoot([...process.argv.slice(2), '--yes'])) as ExitCode
    throw new CliError(`cluster ${folder.name} was started by root, and only root can delete it`)
  }
  await bringDown(folder, terminalReport())
  rmSync(folder.path, { recursive: true, force: true })
  process.stdout.write(`Cluster ${folder.name} is deleted.\n`)
  return exitCodes.done
}
