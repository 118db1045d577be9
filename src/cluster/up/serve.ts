import { existsSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { every, systemClock, type Cancel } from '../../machinery/clock.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { lineReport } from '../cli/report.ts'
import { startControlServer, type ControlHandlers } from '../control/control-server.ts'
import { writeAtomically } from '../machine/atomic-file.ts'
import { giveToInvokingUser } from '../machine/invoking-user.ts'
import { openJournal } from '../machine/journal.ts'
import { adminIdentity } from '../pki/cluster-pki.ts'
import { kubeconfig, type KubeconfigContent } from '../pki/kubeconfig.ts'
import { createClusterFolder, type ClusterFolder } from '../state/cluster-folder.ts'
import { loadState } from '../state/cluster-state.ts'
import { clearAbandoned } from './clear-abandoned.ts'
import { loadImage, listImages } from './load-image.ts'
import { endSupervisorAndServer, runningServer, runningSupervisor, supervisedRun } from './supervisor.ts'
import type { UpReport } from './report-channel.ts'
import { runCluster, type RunningCluster } from './running-cluster.ts'
import { settle, type UpRequest } from './settings.ts'

/** How often certificates are looked at; they are renewed months before they expire. */
const renewPeriodMs = 12 * 3_600_000

export interface ServeOptions {
  readonly folder: ClusterFolder
  readonly request: UpRequest
  /** Another kubeconfig that the cluster is added to. */
  readonly kubeconfig: string | undefined
  readonly waitSeconds: number
  /** Called when the cluster is ready, before the last lines. Gives further lines. */
  readonly whenReady?: (cluster: RunningCluster) => Promise<readonly string[]>
  readonly report: UpReport
  /** Resolves when the cluster is to stop. */
  readonly stopRequested: Promise<void>
  readonly isStopRequested: () => boolean
}

/** Runs the cluster in this process until it is asked to stop; then nothing of it is left on the machine but its folder. */
export async function serve(options: ServeOptions): Promise<ExitCode> {
  const { folder, request, report } = options
  const startedAt = performance.now()
  createClusterFolder(folder)
  await takeOver(folder)
  await clearAbandoned(report)
  const before = loadState(folder)
  const state = await settle(request, before)
  if (before && before.addresses.index !== state.addresses.index) {
    report.say(`Another has taken its addresses: its nodes are in ${state.addresses.nodeSubnet} from now on.`)
  }
  const cluster = await runCluster(folder, state, report)
  const control = await startControlServer(folder.controlSocket, handlersOf(cluster, folder))
  let stopCollecting: Cancel | undefined
  const stopRenewing = every(systemClock, renewPeriodMs, () => {
    renew(cluster, folder).catch((error: unknown) =>
      process.stderr.write(`renewing certificates: ${String(error)}\n`),
    )
  })
  try {
    const content = kubeconfigContent(cluster, folder.name)
    writeAtomically(folder.kubeconfig, kubeconfig(content), 0o600)
    if (options.kubeconfig !== undefined) {
      const { mergeKubeconfig } = await import('../pki/merge-kubeconfig.ts')
      mergeKubeconfig(options.kubeconfig, content)
      giveToInvokingUser(options.kubeconfig)
    }
    giveToInvokingUser(folder.kubeconfig, folder.controlSocket)
    if (options.waitSeconds > 0) {
      await report.step('nodes ready', () => untilNodesReady(cluster, options))
    }
    const further = options.isStopRequested() ? [] : ((await options.whenReady?.(cluster)) ?? [])
    writeAtomically(folder.readyFile, '')
    report.ready([...readyLines(folder, cluster, performance.now() - startedAt), ...further])
    stopCollecting = collectAtRest(systemClock)
    await options.stopRequested
  } finally {
    stopCollecting?.()
    stopRenewing()
    // From here on its end is wanted.
    rmSync(folder.readyFile, { force: true })
    await control.close()
    await cluster.stop(lineReport((line) => void process.stdout.write(`${line}\n`)))
  }
  return exitCodes.done
}

/**
 * Where the server of a cluster that was ready has ended and is about to be started again, this process takes its place.
 * Throws CliError where another server runs, or is on its way up for the first time.
 */
async function takeOver(folder: ClusterFolder): Promise<void> {
  const journal = openJournal(folder.journalFile)
  const supervisor = runningSupervisor(journal)
  if (supervisor && supervisor.pid !== process.ppid && existsSync(folder.readyFile)) {
    await endSupervisorAndServer(journal, supervisor)
  }
  if (supervisedRun() !== 'again') {
    rmSync(folder.readyFile, { force: true })
    rmSync(folder.endsFile, { force: true })
  }
  const server = runningServer(journal)
  if (server) throw new CliError(`cluster ${folder.name} is run by process ${server.pid} already`)
}

async function renew(cluster: RunningCluster, folder: ClusterFolder): Promise<void> {
  await cluster.renewCertificates()
  writeAtomically(folder.kubeconfig, kubeconfig(kubeconfigContent(cluster, folder.name)), 0o600)
  giveToInvokingUser(folder.kubeconfig)
}

function handlersOf(cluster: RunningCluster, folder: ClusterFolder): ControlHandlers {
  return {
    status: () => cluster.status(),
    addNode: ({ node }) => cluster.nodes.add(node),
    stopNode: ({ node }) => cluster.nodes.stop(node),
    startNode: ({ node }) => cluster.nodes.start(node),
    deleteNode: async ({ node }) => {
      await cluster.nodes.delete(node)
      return null
    },
    loadImage: ({ file }) => loadImage(folder, cluster.state, file),
    listImages: () => listImages(folder, cluster.state),
  }
}

function kubeconfigContent(cluster: RunningCluster, name: string): KubeconfigContent {
  return {
    cluster: `k8ts-${name}`,
    user: 'admin',
    server: `https://127.0.0.1:${cluster.controlPlane.port}`,
    authorityPem: cluster.pki.authority.certificatePem,
    certificate: cluster.pki.client(adminIdentity),
  }
}

/**
 * Waits until every node that should run has its components at work, names resolve there, and it is Ready. Ready alone
 * is not enough: a node that was, before the cluster went down, still stands so in the data. Throws CliError (timeout).
 */
async function untilNodesReady(cluster: RunningCluster, options: ServeOptions): Promise<void> {
  const client = cluster.controlPlane.client(adminIdentity)
  const deadline = performance.now() + options.waitSeconds * 1000
  for (;;) {
    const { items } = await client.list(nodes)
    const ready = new Set(items.filter(isReady).map(({ metadata }) => metadata?.name))
    const statuses = await Promise.all(cluster.nodes.wanted.map((node) => node.status()))
    const unready = statuses.filter((status) => !status.ready || !ready.has(status.name))
    if (unready.length === 0 || options.isStopRequested()) return
    if (performance.now() > deadline) {
      const names = unready.map(({ name }) => name)
      throw new CliError(
        `not ready after ${options.waitSeconds} s: ${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}; logs are in ${options.folder.logs}`,
        exitCodes.timeout,
      )
    }
    await delay(20)
  }
}

function isReady(node: Node): boolean {
  return node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false
}

function readyLines(folder: ClusterFolder, cluster: RunningCluster, tookMs: number): string[] {
  return [
    '',
    `Cluster ${folder.name} is ready, ${(tookMs / 1000).toFixed(1)} s after its start.`,
    '',
    `  API server  https://127.0.0.1:${cluster.controlPlane.port}`,
    `  kubeconfig  ${folder.kubeconfig}`,
    '',
    'Next:',
    `  export KUBECONFIG=${folder.kubeconfig}`,
    '  kubectl get pods --all-namespaces',
    '',
  ]
}
