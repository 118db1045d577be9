import { rmSync } from 'node:fs'
import { CliError } from '../cli/cli-error.ts'
import { clusterOption, yesOption, type Command, type CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { askServer } from '../control/control-client.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import { missingRequirements, nodeRequirements } from '../machine/requirements.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { loadState, type ClusterState, type NodeRuntime } from '../state/cluster-state.ts'
import { canBecomeRoot, runAsRoot } from '../up/become-root.ts'
import { chooseRuntime } from '../up/choose-runtime.ts'
import { channelReport, reportChannelVariable, terminalReport } from '../up/report-channel.ts'
import { startInBackground } from '../up/start-in-background.ts'
import { supervisedRun } from '../up/supervisor.ts'
import { folderOf } from './find-cluster.ts'
import { parseUpOptions, upOptions, type UpOptions } from './up-options.ts'

export const upCommand: Command = {
  name: 'up',
  summary: 'Bring a cluster up; Ctrl-C stops it and keeps its data',
  options: { ...upOptions, ...clusterOption, ...yesOption },
  examples: [
    'k8ts up                                   one node with real containers',
    'k8ts up --detach --nodes 3 --name big     three nodes, in the background',
    'k8ts up --runtime simulated --simulated-nodes 1000',
  ],
  run: up,
}

async function up(input: CommandInput): Promise<ExitCode> {
  const options = parseUpOptions(input)
  await checkConfigurations(options)
  const folder = folderOf(input)
  const running = await askServer(folder.controlSocket, { type: 'status' })
  if (running) {
    process.stdout.write(`Cluster ${folder.name} is up already.\n  kubeconfig  ${running.kubeconfig}\n`)
    return exitCodes.done
  }
  const before = loadState(folder)
  const runtime = options.runtime ?? before?.runtime
  const args = process.argv.slice(3)
  if (runtime !== 'simulated' && process.getuid?.() !== 0 && (await canBecomeRoot(whyRoot()))) {
    return (await runAsRoot(['up', ...args])) as ExitCode
  }
  const run = supervisedRun()
  if (run === 'again') return serveUntilStopped(input, restartOptions, knownRuntime(folder, before))
  if (run === undefined) {
    const report = terminalReport()
    const chosen = await chooseRuntime({ runtime, yes: options.yes, demo: options.demo }, report)
    if (options.detach) {
      await startInBackground(folder, [...args, ...(options.runtime ? [] : ['--runtime', chosen])])
      process.stdout.write(`It runs in the background; 'k8ts down${nameArgument(input)}' stops it.\n`)
      return exitCodes.done
    }
    return serveUntilStopped(input, options, chosen)
  }
  return serveUntilStopped(input, options, runtime ?? 'containerd')
}

/** Mistakes are told before anything is started. Throws CliError. */
async function checkConfigurations({ kubeletConfig, schedulerConfig }: UpOptions): Promise<void> {
  if (kubeletConfig) (await import('../nodes/node-configuration.ts')).readNodeConfiguration(kubeletConfig)
  if (schedulerConfig)
    (await import('../components/run-scheduler.ts')).schedulerConfiguration(schedulerConfig)
}

function whyRoot(): string {
  const packages = missingRequirements(nodeRequirements).length > 0 ? ', packages' : ''
  return `k8ts needs root for network namespaces, containers${packages} and cgroups: it goes on with sudo.`
}

async function serveUntilStopped(
  input: CommandInput,
  options: UpOptions,
  runtime: NodeRuntime,
): Promise<ExitCode> {
  const folder = folderOf(input)
  const stop = stopSignals()
  const channel = process.env[reportChannelVariable]
  delete process.env[reportChannelVariable]
  const background = channel === undefined ? undefined : channelReport(Number(channel), stop.request)
  const { serve } = await import('../up/serve.ts')
  const { whenReady } = options.demo ? await import('../up/demo.ts') : { whenReady: undefined }
  const report = background ?? terminalReport()
  try {
    return await serve({
      folder,
      request: {
        name: folder.name,
        runtime,
        ...(options.nodes !== undefined && { nodes: options.nodes }),
        ...(options.simulatedNodes !== undefined && { simulatedNodes: options.simulatedNodes }),
        ...(options.store && { store: options.store }),
        ...(options.apiServer && { apiServer: options.apiServer }),
        ...(options.port !== undefined && { port: options.port }),
        ...(options.securityFiles && { securityFiles: options.securityFiles }),
        ...(options.kubeletConfig !== undefined && { kubeletConfig: options.kubeletConfig }),
        ...(options.schedulerConfig !== undefined && { schedulerConfig: options.schedulerConfig }),
      },
      kubeconfig: options.kubeconfig,
      waitSeconds: options.waitSeconds,
      ...(whenReady && { whenReady: (cluster) => whenReady(cluster, folder, report) }),
      report,
      stopRequested: stop.requested,
      isStopRequested: stop.isRequested,
    })
  } catch (error) {
    if (!background) throw error
    background.failed((error as Error).message, error instanceof CliError ? error.exitCode : exitCodes.failed)
    throw error
  }
}

/** A server that is started again goes on with what the cluster is, whatever made it so. */
const restartOptions: UpOptions = { detach: false, demo: false, yes: true, waitSeconds: 0 }

function knownRuntime(folder: ClusterFolder, before: ClusterState | undefined): NodeRuntime {
  if (before) return before.runtime
  rmSync(folder.readyFile, { force: true })
  throw new CliError(`cluster ${folder.name} is gone`, exitCodes.notFound)
}

function nameArgument(input: CommandInput): string {
  const name = input.text('name')
  return name === undefined ? '' : ` --name ${name}`
}
