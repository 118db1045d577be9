import { rmSync } from 'node:fs'
import { CliError } from '../cli/cli-error.ts'
import { ask, isInteractive } from '../cli/ask.ts'
import { clusterOption, yesOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { silentLogger } from '../../machinery/log.ts'
import { systemClock } from '../../machinery/clock.ts'
import { clearEtcd, describeEtcd } from '../state/cluster-store.ts'
import { canBecomeRoot, runAsRoot } from '../up/become-root.ts'
import { bringDown, needsRoot } from '../up/bring-down.ts'
import { terminalReport } from '../up/report-channel.ts'
import { findClusterOrTraces } from './find-cluster.ts'

export const deleteCommand: Command = {
  name: 'delete',
  summary: 'Stop a cluster and delete all its data',
  options: {
    ...clusterOption,
    'keep-etcd': { description: 'Of a cluster with --store etcd: leave its keys there' },
    ...yesOption,
  },
  run: remove,
}

async function remove(input: CommandInput): Promise<ExitCode> {
  const { folder, state } = findClusterOrTraces(input)
  const etcd = state?.store.type === 'etcd' && !input.isSet('keep-etcd') ? state.store : undefined
  if (!input.isSet('yes')) {
    if (!isInteractive())
      throw new CliError('this deletes all data of the cluster: say --yes', exitCodes.usage)
    const places = [folder.path, ...(etcd ? [describeEtcd(etcd)] : [])].join(' and all keys below ')
    const agreed = await ask(`Delete cluster ${folder.name}, all data in ${places}?`, false)
    if (!agreed) return exitCodes.cancelled
  }
  if (needsRoot(state)) {
    if (await canBecomeRoot()) return (await runAsRoot([...process.argv.slice(2), '--yes'])) as ExitCode
    throw new CliError(`cluster ${folder.name} was started by root, and only root can delete it`)
  }
  const report = terminalReport()
  await bringDown(folder, report)
  if (etcd) {
    await report.step(`deleting ${describeEtcd(etcd)}`, () => clear(etcd))
  }
  rmSync(folder.path, { recursive: true, force: true })
  process.stdout.write(`Cluster ${folder.name} is deleted.\n`)
  return exitCodes.done
}

async function clear(etcd: Parameters<typeof describeEtcd>[0]): Promise<void> {
  try {
    await clearEtcd(etcd, { clock: systemClock, log: silentLogger })
  } catch (error) {
    const message = `${(error as Error).message}; '--keep-etcd' deletes the cluster without its keys there`
    throw new CliError(message)
  }
}
