import { rmSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { nodes as nodeResource } from '../../api/generated/resources.ts'
import type { RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { ensureAddons } from '../addons/ensure-addons.ts'
import { startNodeRole } from '../addons/node-role.ts'
import { internalAddress, startNodeRoutes } from '../agent/node-routes.ts'
import { CliError } from '../cli/cli-error.ts'
import type { Report } from '../cli/report.ts'
import { startControlPlane, type ControlPlane } from '../control-plane.ts'
import type { ClusterStatus } from '../control/control-protocol.ts'
import { writeOwnImages } from '../images/import-missing.ts'
import { openLogFile, type LogFile } from '../logging/json-log.ts'
import {
  apiServiceAddress,
  dnsServiceAddress,
  hostAddress,
  ownsServiceCidr,
} from '../machine/address-plan.ts'
import { writeAtomically } from '../machine/atomic-file.ts'
import { loadBridgeNetfilter } from '../machine/bridge-netfilter.ts'
import { createCgroup } from '../machine/cgroups.ts'
import { clearMachine } from '../machine/clear-machine.ts'
import { createHostForwarding } from '../machine/host-forwarding.ts'
import { openJournal, type Journal } from '../machine/journal.ts'
import { createBridge } from '../machine/network.ts'
import { end } from '../machine/processes.ts'
import { createNodeSet, type NodeSet } from '../nodes/node-set.ts'
import { clusterCgroup, clusterTraces } from '../nodes/node-traces.ts'
import { createRealNode } from '../nodes/real-node.ts'
import { renumberNodes } from '../nodes/renumber-nodes.ts'
import { createSimulatedNode } from '../nodes/simulated-node.ts'
import {
  adminIdentity,
  apiServerNames,
  ensureClusterPki,
  localPathIdentity,
  type ClusterPki,
} from '../pki/cluster-pki.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { kindOf, saveState, type ClusterState, type NodeRecord } from '../state/cluster-state.ts'
import { clusterStatus } from './cluster-status.ts'
import { recordServer, supervisedRun, supervisorState } from './supervisor.ts'

/** A cluster that this process runs. */
export interface RunningCluster {
  readonly state: ClusterState
  readonly pki: ClusterPki
  readonly controlPlane: ControlPlane
  readonly nodes: NodeSet
  status(): Promise<ClusterStatus>
  /** Makes every certificate anew that is about to expire, and has it used. */
  renewCertificates(): Promise<void>
  /** Ends everything and clears the machine; the data stays. */
  stop(report: Report): Promise<void>
}

/** How long containers may take to end by themselves. */
const graceMs = 2_000
/** With more simulated nodes, their kubelets serve no API of their own: pods on them have no logs and no exec. */
const mostServingNodes = 50

/**
 * Brings the cluster up in this process: the control plane and what the machine needs for the nodes side by side, then
 * the nodes' processes. What an earlier process left is adopted or cleared. A failure leaves nothing on the machine.
 */
export async function runCluster(
  folder: ClusterFolder,
  state: ClusterState,
  report: Report,
): Promise<RunningCluster> {
  const journal = openJournal(folder.journalFile)
  const undo: (() => Promise<void>)[] = []
  try {
    return await bringUp(folder, state, journal, report, undo)
  } catch (error) {
    forgetOwnProcess(journal)
    for (const step of undo.toReversed()) await step()
    // Its supervisor tries again, and the nodes' containers run on until then.
    if (supervisedRun() === 'again') throw error
    await report.step('clearing the machine', () =>
      clearMachine(journal, { cluster: state.name, graceMs: 0 }),
    )
    leaveRunPath(folder, journal)
    throw error
  }
}

/** What `undo` is given ends, in reverse order, what is in this process. */
async function bringUp(
  folder: ClusterFolder,
  initial: ClusterState,
  journal: Journal,
  report: Report,
  undo: (() => Promise<void>)[],
): Promise<RunningCluster> {
  await endEarlierProcesses(journal)
  recordOwnProcess(folder, journal)
  saveState(folder, initial)
  const isReal = initial.runtime === 'containerd'
  const logs = openLogs(folder)
  undo.push(() => Promise.resolve(logs.close()))
  const pki = issueCertificates(folder, initial, isReal)
  const log = logs.open('server')
  const kubelets = initial.kubeletConfig === undefined ? {} : { kubeletConfig: initial.kubeletConfig }
  let controlPlane: ControlPlane | undefined

  const nodes = createNodeSet({
    initial,
    create: (record) => createNode(record),
    onChange: (state) => saveState(folder, state),
    unregister: async (name) => {
      await ignoreNotFound(clientOf(adminIdentity).delete(nodeResource, { name }))
    },
  })
  undo.push(async () => void (await Promise.all(nodes.all.map((node) => node.release()))))

  function clientOf(identity: Parameters<ControlPlane['client']>[0]) {
    if (!controlPlane) throw new Error('the control plane does not run')
    return controlPlane.client(identity)
  }
  function createNode(record: NodeRecord) {
    const common = { clock: systemClock, log, pki }
    if (kindOf(initial, record) === 'containerd') {
      return createRealNode({
        ...common,
        folder,
        plan: initial.addresses,
        record,
        port: initial.port,
        journal,
        ...kubelets,
      })
    }
    const { pki: _, ...quiet } = common
    const serves = initial.nodes.length <= mostServingNodes
    return createSimulatedNode({
      ...(serves ? common : quiet),
      name: record.name,
      client: clientOf,
      random: systemRandom,
      ...kubelets,
    })
  }

  const start = async () => {
    const { schedulerConfig } = initial
    const options = {
      ...controlPlaneOptions(folder, initial, pki, isReal, logs.open),
      ...(schedulerConfig !== undefined && {
        schedulerConfiguration: (await import('../components/run-scheduler.ts')).schedulerConfiguration(
          schedulerConfig,
        ),
      }),
    }
    controlPlane = await startControlPlane(options).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
      throw new CliError(`port ${initial.port} is taken by another program; choose one with --port`)
    })
    undo.push(() => controlPlane!.stop())
  }
  await all([
    report.step(`API server on port ${initial.port}`, start),
    isReal ? prepareMachine(folder, initial, journal, nodes, report) : Promise.resolve(),
  ])
  await renumberNodes(clientOf(adminIdentity), initial.addresses.podCidr)
  await ensureAddons(clientOf(adminIdentity), {
    dnsAddress: dnsServiceAddress(initial.addresses),
    server: `https://${advertiseAddress(initial.addresses, isReal)}:${initial.port}`,
    authorityPem: pki.authority.certificatePem,
    podCidr: initial.addresses.podCidr,
  })
  await Promise.all(nodes.wanted.map((node) => node.start()))
  const helpers = await startHelpers(nodes, clientOf, log, isReal)
  undo.push(() => helpers.stop())

  return {
    get state() {
      return nodes.state
    },
    pki,
    controlPlane: controlPlane!,
    nodes,
    async renewCertificates() {
      pki.renew(systemClock.now())
      controlPlane!.presentCertificate()
      for (const node of nodes.wanted) await node.renewCertificates()
    },
    async status() {
      const supervisor = supervisorState()
      return {
        ...clusterStatus(folder, nodes.state),
        state: 'running',
        pid: process.pid,
        ...(supervisor !== undefined && { supervisor }),
        components: [...controlPlane!.components, ...helpers.components].map(({ name, health }) => ({
          component: name,
          ill: health(),
        })),
        nodes: await Promise.all(nodes.all.map((node) => node.status())),
      }
    },
    async stop(stopReport) {
      forgetOwnProcess(journal)
      await stopReport.step('stopping the nodes', () => Promise.all(nodes.all.map((node) => node.release())))
      await stopReport.step('clearing the machine', () =>
        clearMachine(journal, { cluster: initial.name, graceMs }),
      )
      leaveRunPath(folder, journal)
      await stopReport.step('stopping the control plane', async () => {
        await helpers.stop()
        await controlPlane!.stop()
      })
      logs.close()
    },
  }
}

/** What the cluster has beside its components: add-ons, the first node's role, and the host's routes to pods. */
async function startHelpers(nodes: NodeSet, clientOf: ControlPlane['client'], log: Logger, isReal: boolean) {
  const { addresses: plan } = nodes.state
  const client = clientOf(adminIdentity)
  const informers = createInformers({ client, clock: systemClock, random: systemRandom, log })
  const context = {
    client,
    informers,
    clock: systemClock,
    random: systemRandom,
    log,
    metrics: createMetrics(),
  }
  const components: RunningComponent[] = []
  const [first] = nodes.state.nodes
  if (first) components.push(startNodeRole(context, first.name))
  const isSimulated = (name: string) =>
    nodes.state.nodes.some((record) => record.name === name && kindOf(nodes.state, record) === 'simulated')
  if (nodes.state.nodes.some(({ name }) => isSimulated(name))) {
    const { startSimulatedVolumes } = await import('../nodes/simulated-volumes.ts')
    components.push(startSimulatedVolumes({ ...context, client: clientOf(localPathIdentity), isSimulated }))
  }
  if (isReal) {
    const prefix = hostAddress(plan).replace(/\d+$/, '')
    const reachable = (address: string) => address.startsWith(prefix)
    components.push(
      startNodeRoutes(context, {
        reachable,
        // Any node directs what is sent to a Service; the host asks the first that is ready.
        also: (all) => {
          const via = all
            .filter((node) =>
              node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
            )
            .map(internalAddress)
            .find((address) => address !== undefined && reachable(address))
          return new Map(via === undefined || !ownsServiceCidr(plan) ? [] : [[plan.serviceCidr, via]])
        },
      }),
    )
  }
  return {
    components,
    async stop() {
      for (const component of components) await component.stop()
      await informers.stop()
    },
  }
}

async function prepareMachine(
  folder: ClusterFolder,
  state: ClusterState,
  journal: Journal,
  nodes: NodeSet,
  report: Report,
): Promise<void> {
  const { addresses: plan } = state
  writeOwnImages(folder)
  for (const trace of clusterTraces(state.name, plan)) journal.record(trace)
  createCgroup(clusterCgroup(state.name))
  const withoutBridgeNetfilter = await loadBridgeNetfilter()
  if (withoutBridgeNetfilter !== undefined) {
    report.say(
      `Pods cannot reach pods of their own node through Services: the kernel lacks br_netfilter (${withoutBridgeNetfilter}).`,
    )
  }
  await report.step('bridge, addresses and forwarding', () =>
    Promise.all([createBridge(plan), createHostForwarding(plan)]),
  )
  await Promise.all(
    nodes.wanted
      .filter(({ name }) => state.nodes.some((record) => record.name === name && record.group === 'nodes'))
      .map((node) => report.step(`${node.name}: network, containerd and images`, () => node.prepare())),
  )
}

function controlPlaneOptions(
  folder: ClusterFolder,
  { addresses: plan, port, store, securityFiles, apiServer }: ClusterState,
  pki: ClusterPki,
  isReal: boolean,
  openLog: (name: string) => Logger,
) {
  return {
    pki,
    store,
    dataFolder: folder.data,
    ...(securityFiles && { securityFiles }),
    apiServer,
    bindAddress: '0.0.0.0',
    port,
    advertiseAddress: advertiseAddress(plan, isReal),
    serviceCidr: plan.serviceCidr,
    podCidr: plan.podCidr,
    nodeCidrMaskSize: plan.nodeCidrMaskSize,
    clock: systemClock,
    random: systemRandom,
    logs: {
      apiServer: openLog('kube-apiserver'),
      controllerManager: openLog('kube-controller-manager'),
      scheduler: openLog('kube-scheduler'),
    },
  }
}

/** Where nodes, and machines that join, reach the API server. */
function advertiseAddress(plan: ClusterState['addresses'], isReal: boolean): string {
  return isReal ? hostAddress(plan) : (machineAddresses().find(isIPv4) ?? '127.0.0.1')
}

function issueCertificates(
  folder: ClusterFolder,
  { addresses: plan }: ClusterState,
  isReal: boolean,
): ClusterPki {
  const addresses = [...(isReal ? [hostAddress(plan)] : []), ...machineAddresses()]
  const names = apiServerNames(apiServiceAddress(plan), addresses, hostname())
  return ensureClusterPki(folderPemStore(folder.pki), names, systemClock.now())
}

function openLogs(folder: ClusterFolder) {
  const files: LogFile[] = []
  return {
    open(name: string): Logger {
      const file = openLogFile(join(folder.logs, `${name}.log`), 'info', systemClock)
      files.push(file)
      return file.log
    },
    close() {
      for (const file of files.splice(0)) file.close()
    },
  }
}

/** Processes of nodes outlive a server that was killed; a new one starts its own. Containers and containerd run on. */
async function endEarlierProcesses(journal: Journal): Promise<void> {
  for (const trace of journal.traces) {
    if (trace.kind !== 'process' || trace.process.pid === process.ppid) continue
    await end(trace.process, 5_000)
    journal.forget(trace)
  }
}

function recordOwnProcess(folder: ClusterFolder, journal: Journal): void {
  writeAtomically(folder.serverPidFile, `${process.pid}\n`)
  recordServer(journal)
}

/** Neither this process nor its supervisor, which ends after it by itself, is to be ended as something left behind. */
function forgetOwnProcess(journal: Journal): void {
  const own = [process.pid, process.ppid]
  for (const trace of journal.traces) {
    if (trace.kind === 'process' && own.includes(trace.process.pid)) journal.forget(trace)
  }
}

/** Nothing is left on the machine: run state goes too. */
function leaveRunPath(folder: ClusterFolder, journal: Journal): void {
  journal.remove()
  rmSync(folder.runPath, { recursive: true, force: true })
}

/** Under which clients on other machines may reach this one. */
function machineAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
}

/** Like Promise.all, but rejects only when all have ended: what still runs could not be cleared. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}

async function ignoreNotFound(work: Promise<unknown>): Promise<void> {
  try {
    await work
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
