import { hostname } from 'node:os'
import { join } from 'node:path'
import { nodes as nodeResource } from '../../api/generated/resources.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { systemRandom } from '../../machinery/random.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { ensureAddons } from '../addons/ensure-addons.ts'
import { CliError } from '../cli/cli-error.ts'
import type { Report } from '../cli/report.ts'
import { startControlPlane, type ControlPlane } from '../control-plane.ts'
import type { ClusterStatus } from '../control/control-protocol.ts'
import { openLogFile, type LogFile } from '../logging/json-log.ts'
import { apiServiceAddress, dnsServiceAddress, hostAddress } from '../machine/address-plan.ts'
import { clearMachine } from '../machine/clear-machine.ts'
import { openJournal, type Journal } from '../machine/journal.ts'
import { createNodeSet, type NodeSet } from '../nodes/node-set.ts'
import { createRealNode } from '../nodes/real-node.ts'
import { renumberNodes } from '../nodes/renumber-nodes.ts'
import { createSimulatedNode } from '../nodes/simulated-node.ts'
import { adminIdentity, apiServerNames, ensureClusterPki, type ClusterPki } from '../pki/cluster-pki.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import { kindOf, saveState, type ClusterState, type NodeRecord } from '../state/cluster-state.ts'
import { clusterStatus } from './cluster-status.ts'
import { endEarlierProcesses, forgetOwnProcess, leaveRunPath, recordOwnProcess } from './own-traces.ts'
import { prepareHost } from './prepare-host.ts'
import { advertiseAddress, machineAddresses } from './server-addresses.ts'
import { startHelpers } from './start-helpers.ts'
import { supervisedRun, supervisorState } from './supervisor.ts'

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
  const { kubeletConfig, apiServer: { featureGates } = {} } = initial
  const kubelets = {
    ...(kubeletConfig !== undefined && { kubeletConfig }),
    ...(featureGates && { featureGates }),
  }
  let controlPlane: ControlPlane | undefined

  const nodes = createNodeSet({
    initial,
    create: (record) => createNode(record),
    onChange: (state) => saveState(folder, state),
    unregister: async (name) => {
      return await wasThere(clientOf(adminIdentity).delete(nodeResource, { name }))
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
    isReal ? prepareHost(folder, initial, journal, nodes, report) : Promise.resolve(),
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
    hostName: hostname(),
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

/** Like Promise.all, but rejects only when all have ended: what still runs could not be cleared. */
async function all(work: readonly Promise<void>[]): Promise<void> {
  await Promise.allSettled(work)
  await Promise.all(work)
}

async function wasThere(deletion: Promise<unknown>): Promise<boolean> {
  try {
    await deletion
    return true
  } catch (error) {
    if (!isNotFound(error)) throw error
    return false
  }
}
