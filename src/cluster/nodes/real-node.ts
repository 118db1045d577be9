import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { controlPlanePods, nodePods, ownPodManifest } from '../addons/own-pods.ts'
import type { AgentConfiguration } from '../agent/agent-configuration.ts'
import { nodeResolvConf } from '../agent/upstreams.ts'
import { importMissingImages } from '../images/import-missing.ts'
import { pauseImageName } from '../images/pause-image.ts'
import { dnsServiceAddress, hostAddress, nodeAddress, type AddressPlan } from '../machine/address-plan.ts'
import { readIfExists, writeIfChanged } from '../machine/atomic-file.ts'
import { cgroupProcsFile, createCgroup } from '../machine/cgroups.ts'
import { clearMachine } from '../machine/clear-machine.ts'
import type { Journal } from '../machine/journal.ts'
import { createNodeNetwork, namespaceName, namespacePath } from '../machine/network.ts'
import {
  nodeComponentIdentity,
  nodeIdentity,
  type ClientIdentity,
  type ClusterPki,
} from '../pki/cluster-pki.ts'
import { nodeComponents } from '../../api/node/node-components.ts'
import { containerdIsRunning, startContainerd } from '../runtime/containerd.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import type { NodeRecord } from '../state/cluster-state.ts'
import { startAgentProcess, type AgentProcess } from './agent-process.ts'
import type { ClusterNode } from './cluster-node.ts'
import { keepRunning } from './keep-running.ts'
import { cniNetwork, nodeCgroup, nodeTraces } from './node-traces.ts'

export interface RealNodeOptions {
  readonly folder: ClusterFolder
  readonly plan: AddressPlan
  readonly record: NodeRecord
  readonly port: number
  /** A KubeletConfiguration for the node; none when absent. */
  readonly kubeletConfig?: string
  /** As `--feature-gates`. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  readonly pki: ClusterPki
  readonly journal: Journal
  readonly clock: Clock
  readonly log: Logger
}

/** A node with real containers: a network namespace with its own containerd, and one process for its components. */
export function createRealNode(options: RealNodeOptions): ClusterNode {
  const { folder, plan, record, journal } = options
  const { name, number } = record
  const own = folder.node(name)
  const address = nodeAddress(plan, number)
  const namespace = namespaceName(folder.name, name)
  const cgroup = nodeCgroup(folder.name, name)
  const systemCgroup = `${cgroup}/system`
  const agentLog = join(folder.logs, `agent-${name}.log`)
  const containerd = {
    folder: own,
    logFile: join(folder.logs, `containerd-${name}.log`),
    networkNamespace: namespacePath(namespace),
    cgroupProcsFile: cgroupProcsFile(systemCgroup),
  }
  let agent: AgentProcess | undefined
  let letGoOfContainerd: (() => Promise<void>) | undefined
  let certificates = ''
  let unready: Set<string> = new Set(agentComponents)

  async function prepare(): Promise<void> {
    for (const trace of nodeTraces(folder, plan, record)) journal.record(trace)
    for (const path of [own.path, own.kubeletRoot, own.podLogs, own.staticPods, own.runPath]) {
      mkdirSync(path, { recursive: true, mode: 0o700 })
    }
    createCgroup(systemCgroup)
    writeResolvConf(own.resolvConf)
    await createNodeNetwork({ plan, number, namespace })
    await startContainerd(containerd)
    await importMissingImages(folder, own)
  }

  /** Its containers run on without it, and are adopted by the next one. */
  function keepContainerd(): () => Promise<void> {
    return keepRunning({
      clock: options.clock,
      isRunning: () => containerdIsRunning(own),
      async start() {
        options.log.error('containerd of node ended, starting it again', { node: name })
        await startContainerd(containerd)
      },
      onFailure: (error) => options.log.error('containerd could not be started', { node: name, error }),
    })
  }

  function start(): Promise<void> {
    letGoOfContainerd ??= keepContainerd()
    certificates = certificatesOf(options)
    writeOwnPods(options)
    writeIfChanged(own.agentConfiguration, JSON.stringify(agentConfiguration(options), undefined, 2), 0o600)
    agent = startAgentProcess({
      node: name,
      configurationFile: own.agentConfiguration,
      networkNamespace: namespacePath(namespace),
      cgroupProcsFile: cgroupProcsFile(systemCgroup),
      logFile: agentLog,
      clock: options.clock,
      log: options.log,
      onStart: (process) => {
        unready = new Set(agentComponents)
        forgetOldProcesses()
        journal.record({ kind: 'process', role: agentRole(name), process })
      },
      onReady: (component) => {
        unready.delete(component)
        options.log.info('component of node ready', { node: name, component })
      },
    })
    return Promise.resolve()
  }

  async function endAgent(): Promise<void> {
    await Promise.all([agent?.stop(), letGoOfContainerd?.()])
    agent = undefined
    letGoOfContainerd = undefined
  }

  async function stop(): Promise<void> {
    await endAgent()
    forgetOldProcesses()
    const traces = nodeTraces(folder, plan, record)
    await clearMachine(journal, { cluster: folder.name, graceMs: 0 }, (trace) =>
      traces.some((own) => isDeepStrictEqual(own, trace)),
    )
  }

  function forgetOldProcesses(): void {
    for (const trace of journal.traces) {
      if (trace.kind === 'process' && trace.role === agentRole(name)) journal.forget(trace)
    }
  }

  return {
    name,
    prepare,
    start,
    stop,
    async delete() {
      await stop()
      rmSync(own.path, { recursive: true, force: true })
    },
    release: endAgent,
    // Its process reads them when it starts, and adopts the containers.
    async renewCertificates() {
      if (!agent || certificatesOf(options) === certificates) return
      await agent.stop()
      await start()
    },
    async status() {
      const components = await agent?.health()
      return {
        name,
        kind: 'containerd',
        state: agent ? 'running' : 'stopped',
        ready: agent !== undefined && unready.size === 0,
        address,
        ...(agent?.process && { pid: agent.process.pid, restarts: agent.restarts }),
        components: components ?? [],
      }
    },
  }
}

/** What the node's process runs (agent/agent.ts). */
const agentComponents = [
  'node-routes',
  'kube-proxy',
  'coredns',
  'kubelet',
  'local-path-provisioner',
  'cluster-names',
]

/** How the journal calls the process of a node. */
function agentRole(node: string): string {
  return `agent ${node}`
}

/** The machine's resolver configuration, as pods can use it. */
export function writeResolvConf(file: string): void {
  const machine = readFileSync('/etc/resolv.conf', 'utf8')
  writeIfChanged(file, nodeResolvConf(machine, readIfExists('/run/systemd/resolve/resolv.conf')))
}

/** Manifests of the pods that stand for the node's components and, on the first node, for the control plane. */
function writeOwnPods({ folder, plan, record, port }: RealNodeOptions): void {
  const own = folder.node(record.name)
  const pods = nodePods({
    processFile: own.agentPidFile,
    kubeProxyLog: join(folder.logs, `kube-proxy-${record.name}.log`),
    corednsLog: join(folder.logs, `coredns-${record.name}.log`),
    address: nodeAddress(plan, record.number),
  })
  if (record.number === 1) {
    const place = { processFile: folder.serverPidFile, logs: folder.logs, address: hostAddress(plan), port }
    pods.push(...controlPlanePods(place))
  }
  for (const pod of pods) {
    const manifest = JSON.stringify(ownPodManifest(pod), undefined, 2)
    writeIfChanged(join(own.staticPods, `${pod.component}.json`), `${manifest}\n`, 0o600)
  }
}

/** All that the node's components show, as text. */
function certificatesOf({ pki, plan, record: { name, number } }: RealNodeOptions): string {
  const components = nodeComponents.map((component) => nodeComponentIdentity(component, name))
  const clients = [nodeIdentity(name), ...components].map((identity) => pki.client(identity))
  const all = [...clients, pki.kubeletServer(name, [nodeAddress(plan, number)])]
  return all.map(({ certificatePem }) => certificatePem).join('')
}

/** What the node's process is told; its certificates are issued on the way. */
function agentConfiguration(options: RealNodeOptions): AgentConfiguration {
  const { folder, plan, record, port, pki, kubeletConfig, featureGates } = options
  const { name, number } = record
  const own = folder.node(name)
  const address = nodeAddress(plan, number)
  const files = (file: string) => ({
    certFile: join(folder.pki, `${file}.crt`),
    keyFile: join(folder.pki, `${file}.key`),
  })
  const client = (identity: ClientIdentity) => {
    pki.client(identity)
    return files(identity.file)
  }
  pki.kubeletServer(name, [address])
  return {
    cluster: folder.name,
    node: name,
    address,
    runtime: 'containerd',
    server: `https://${hostAddress(plan)}:${port}`,
    caFile: join(folder.pki, 'ca.crt'),
    kubeletClient: client(nodeIdentity(name)),
    kubeletServer: files(`kubelet-server-${name}`),
    proxyClient: client(nodeComponentIdentity('kube-proxy', name)),
    dnsClient: client(nodeComponentIdentity('coredns', name)),
    localPathClient: client(nodeComponentIdentity('local-path-provisioner', name)),
    podCidr: plan.podCidr,
    dnsServiceAddress: dnsServiceAddress(plan),
    clusterDomain: 'cluster.local',
    containerdSocket: own.containerdSocket,
    kubeletRoot: own.kubeletRoot,
    podLogs: own.podLogs,
    localVolumes: own.localVolumes,
    staticPods: own.staticPods,
    resolvConf: own.resolvConf,
    cniConfiguration: own.cniConfiguration,
    cniPlugins: own.cniPlugins,
    cniData: own.cniData,
    cniNetwork: cniNetwork(folder.name, name),
    cgroupRoot: nodeCgroup(folder.name, name),
    ...(kubeletConfig !== undefined && { kubeletConfigurationFile: kubeletConfig }),
    ...(featureGates && { featureGates }),
    sandboxImage: pauseImageName,
    logs: {
      kubelet: join(folder.logs, `kubelet-${name}.log`),
      kubeProxy: join(folder.logs, `kube-proxy-${name}.log`),
      coredns: join(folder.logs, `coredns-${name}.log`),
      localPath: join(folder.logs, `local-path-provisioner-${name}.log`),
    },
    pidFile: own.agentPidFile,
  }
}
