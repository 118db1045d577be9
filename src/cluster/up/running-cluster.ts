import { rmSync } from 'node:fs'
import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../machinery/clock.ts'
import { systemRandom } from '../../machinery/random.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { Report } from '../cli/report.ts'
import type { ClusterStatus, NodeStatus } from '../control/control-protocol.ts'
import { startControlPlane, type ControlPlane } from '../control-plane.ts'
import { openLogFile, type LogFile } from '../logging/json-log.ts'
import { apiServiceAddress, hostAddress } from '../machine/address-plan.ts'
import { clearMachine } from '../machine/clear-machine.ts'
import { createHostForwarding } from '../machine/host-forwarding.ts'
import { openJournal, type Journal } from '../machine/journal.ts'
import { createBridge } from '../machine/network.ts'
import { createCgroup } from '../machine/cgroups.ts'
import { end, identify } from '../machine/processes.ts'
import { writeOwnImages } from '../images/import-missing.ts'
import type { ClusterNode } from '../nodes/cluster-node.ts'
import { clusterCgroup, clusterTraces } from '../nodes/node-traces.ts'
import { createRealNode } from '../nodes/real-node.ts'
import { apiServerNames, ensureClusterPki, type ClusterPki } from '../pki/cluster-pki.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { saveState, withNodes, type ClusterState, type NodeRecord } from '../state/cluster-state.ts'
import { clusterStatus } from './cluster-status.ts'

/** A cluster that this process runs. */
export interface RunningCluster {
  readonly state: ClusterState
  readonly pki: ClusterPki
  readonly controlPlane: ControlPlane
  status(): Promise<ClusterStatus>
  addNode(name: string): Promise<NodeStatus>
  stopNode(name: string): Promise<NodeStatus>
  startNode(name: string): Promise<NodeStatus>
  deleteNode(name: string): Promise<void>
  /** Ends everything and clears the machine; the data stays. */
  stop(report: Report): Promise<void>
}

/** How long containers may take to end by themselves. */
const graceMs = 2_000
const serverRole = 'server'

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
  try {
    return await bringUp(folder, state, journal, report)
  } catch (error) {
    forgetOwnProcess(journal)
    await report.step('clearing the machine', () =>
      clearMachine(journal, { cluster: state.name, graceMs: 0 }),
    )
    leaveRunPath(folder, journal)
    throw error
  }
}

async function bringUp(
  folder: ClusterFolder,
  initial: ClusterState,
  journal: Journal,
  report: Report,
): Promise<RunningCluster> {
  let state = initial
  await endEarlierProcesses(journal)
  recordOwnProcess(journal)
  saveState(folder, state)
  const { addresses: plan, runtime } = state
  const real = runtime === 'containerd'
  const logFiles: LogFile[] = []
  const openLog = (name: string) => {
    const file = openLogFile(join(folder.logs, `${name}.log`), 'info', systemClock)
    logFiles.push(file)
    return file.log
  }
  const log = openLog('server')
  const advertiseAddress = real ? hostAddress(plan) : '127.0.0.1'
  const names = apiServerNames(apiServiceAddress(plan), [advertiseAddress, ...machineAddresses()], hostname())
  const pki = ensureClusterPki(folderPemStore(folder.pki), names, systemClock.now())

  const nodes = new Map<string, ClusterNode>()
  const createNode = (record: NodeRecord): ClusterNode => {
    const node = createRealNode({
      folder,
      plan,
      record,
      port: state.port,
      pki,
      journal,
      clock: systemClock,
      log,
    })
    nodes.set(record.name, node)
    return node
  }
  const wanted = state.nodes.filter(({ stopped }) => !stopped).map(createNode)
  for (const record of state.nodes.filter(({ stopped }) => stopped)) createNode(record)

  const prepareMachine = async () => {
    writeOwnImages(folder)
    for (const trace of clusterTraces(state.name, plan)) journal.record(trace)
    createCgroup(clusterCgroup(state.name))
    await report.step('bridge, addresses and forwarding', () =>
      Promise.all([createBridge(plan), createHostForwarding(plan)]),
    )
    await Promise.all(
      wanted.map((node) => report.step(`${node.name}: network, containerd and images`, () => node.prepare())),
    )
  }
  const startServer = () =>
    startControlPlane({
      pki,
      store: state.store,
      dataFolder: folder.data,
      bindAddress: '0.0.0.0',
      port: state.port,
      advertiseAddress,
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
    })

  const [controlPlane] = await all([
    report.step(`API server on port ${state.port}`, startServer),
    real ? prepareMachine() : Promise.resolve(),
  ])
  await Promise.all(wanted.map((node) => node.start()))

  const change = (nodesAfter: readonly NodeRecord[]) => {
    state = { ...state, nodes: nodesAfter }
    saveState(folder, state)
  }
  const nodeNamed = (name: string): ClusterNode => {
    const node = nodes.get(name)
    if (!node) throw new CliError(`cluster ${state.name} has no node ${name}`, exitCodes.notFound)
    return node
  }
  const setStopped = (name: string, stopped: boolean) =>
    change(state.nodes.map((record) => (record.name === name ? { ...record, stopped } : record)))

  return {
    get state() {
      return state
    },
    pki,
    controlPlane,
    async status() {
      return {
        ...clusterStatus(folder, state),
        state: 'running',
        pid: process.pid,
        components: controlPlane.components.map(({ name, health }) => ({ component: name, ill: health() })),
        nodes: await Promise.all([...nodes.values()].map((node) => node.status())),
      }
    },
    async addNode(name) {
      if (nodes.has(name)) throw new CliError(`cluster ${state.name} has a node ${name} already`)
      const added = withNodes(state.nodes, state.nodes.length + 1)
      const record = added.find(({ number }) => !state.nodes.some((known) => known.number === number))
      if (!record) throw new CliError(`cluster ${state.name} can have no more nodes`)
      change([...state.nodes, { ...record, name }])
      const node = createNode({ ...record, name })
      await node.prepare()
      await node.start()
      return node.status()
    },
    async stopNode(name) {
      const node = nodeNamed(name)
      setStopped(name, true)
      await node.stop()
      return node.status()
    },
    async startNode(name) {
      const node = nodeNamed(name)
      const before = await node.status()
      if (before.state === 'running') return before
      setStopped(name, false)
      await node.prepare()
      await node.start()
      return node.status()
    },
    async deleteNode(name) {
      const node = nodeNamed(name)
      await node.delete()
      nodes.delete(name)
      change(state.nodes.filter((record) => record.name !== name))
    },
    async stop(stopReport) {
      forgetOwnProcess(journal)
      await stopReport.step('stopping nodes', () =>
        Promise.all([...nodes.values()].map((node) => node.release())),
      )
      await stopReport.step('clearing the machine', () =>
        clearMachine(journal, { cluster: state.name, graceMs }),
      )
      leaveRunPath(folder, journal)
      await stopReport.step('stopping the control plane', () => controlPlane.stop())
      for (const file of logFiles) file.close()
    },
  }
}

/** Processes of nodes outlive a server that was killed; a new one starts its own. Containers and containerd run on. */
async function endEarlierProcesses(journal: Journal): Promise<void> {
  for (const trace of journal.traces) {
    if (trace.kind !== 'process') continue
    await end(trace.process, 5_000)
    journal.forget(trace)
  }
}

/** Nothing is left on the machine: run state goes too. */
function leaveRunPath(folder: ClusterFolder, journal: Journal): void {
  journal.remove()
  rmSync(folder.runPath, { recursive: true, force: true })
}

function recordOwnProcess(journal: Journal): void {
  const own = identify(process.pid)
  if (own) journal.record({ kind: 'process', role: serverRole, process: own })
}

function forgetOwnProcess(journal: Journal): void {
  for (const trace of journal.traces) {
    if (trace.kind === 'process' && trace.process.pid === process.pid) journal.forget(trace)
  }
}

/** Under which clients on other machines may reach this one. */
function machineAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address)
}

/** Like Promise.all, but rejects only when all have ended: what still runs could not be cleared. */
async function all<A, B>(work: readonly [Promise<A>, Promise<B>]): Promise<[A, B]> {
  await Promise.allSettled(work)
  return Promise.all(work)
}
