import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { constants } from 'node:os'
import { CliError } from '../cli/cli-error.ts'
import type { Command, CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { clusterFolder, defaultClusterName } from '../state/cluster-folder.ts'
import { loadState } from '../state/cluster-state.ts'

export const kubectlCommand: Command = {
  name: 'kubectl',
  summary: 'Run the installed kubectl on a cluster (K8TS_NAME names it; default: default)',
  operands: { usage: 'ARGS...', least: 0, most: Infinity },
  options: {},
  passThrough: true,
  run: kubectl,
}

async function kubectl(input: CommandInput): Promise<ExitCode> {
  const folder = clusterFolder(process.env['K8TS_NAME'] ?? defaultClusterName)
  if (!loadState(folder)) throw new CliError(`there is no cluster ${folder.name}`, exitCodes.notFound)
  const child = spawn('kubectl', input.operands, {
    stdio: 'inherit',
    env: { ...process.env, KUBECONFIG: folder.kubeconfig },
  })
  // The terminal sends Ctrl-C to both; what it means is up to kubectl.
  process.on('SIGINT', () => {})
  try {
    const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
    return (code ?? 128 + (signal ? constants.signals[signal] : 0)) as ExitCode
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new CliError(
      'kubectl is not installed; any version of it works (Debian: apt-get install kubernetes-client)',
    )
  }
}
