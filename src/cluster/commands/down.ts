import { CliError } from '../cli/cli-error.ts'
import { clusterOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { terminalReport } from '../up/report-channel.ts'
import { canBecomeRoot, runAsRoot } from '../up/become-root.ts'
import { bringDown, needsRoot } from '../up/bring-down.ts'
import { findClusterOrTraces } from './find-cluster.ts'

export const downCommand: Command = {
  name: 'down',
  summary: 'Stop a cluster and clear the machine of it; its data stays',
  options: clusterOption,
  run: down,
}

async function down(input: CommandInput): Promise<ExitCode> {
  const { folder, state } = findClusterOrTraces(input)
  if (needsRoot(state)) {
    if (await canBecomeRoot()) return (await runAsRoot(process.argv.slice(2))) as ExitCode
    throw new CliError(`cluster ${folder.name} was started by root, and only root can stop it`)
  }
  const wasThere = await bringDown(folder, terminalReport())
  process.stdout.write(
    wasThere
      ? `Cluster ${folder.name} is down. Its data is in ${folder.path}.\n`
      : `Cluster ${folder.name} does not run.\n`,
  )
  return exitCodes.done
}
