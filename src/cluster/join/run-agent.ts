import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { configMaps, services } from '../../api/generated/resources.ts'
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../../client/http/http-client.ts'
import { every, systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { yaml } from '../../machinery/yaml.ts'
import { nodePods, ownPodManifest } from '../addons/own-pods.ts'
import { proxyConfigurationName } from '../addons/join-addon.ts'
import type { AgentConfiguration, CertificateFiles } from '../agent/agent-configuration.ts'
import { startAgent } from '../agent/agent.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { folderOf } from '../commands/find-cluster.ts'
import { processLog } from '../components/component-process.ts'
import { machineAddress } from '../components/machine-address.ts'
import { importMissingImages, writeOwnImages } from '../images/import-missing.ts'
import { pauseImageName } from '../images/pause-image.ts'
import { writeAtomically, writeIfChanged } from '../machine/atomic-file.ts'
import { cgroupProcsFile, createCgroup } from '../machine/cgroups.ts'
import { openJournal, type Trace } from '../machine/journal.ts'
import { createNodeForwarding } from '../machine/node-forwarding.ts'
import { identify } from '../machine/processes.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import { clusterCgroup, cniNetwork, nodeCgroup } from '../nodes/node-traces.ts'
import { writeResolvConf } from '../nodes/real-node.ts'
import { nodeComponentIdentity } from '../pki/cluster-pki.ts'
import { folderPemStore, type PemStore } from '../pki/pem-store.ts'
import { startContainerd } from '../runtime/containerd.ts'
import { createClusterFolder, type ClusterFolder, type NodeFolder } from '../state/cluster-folder.ts'
import { discoverAuthority } from './discover-cluster.ts'
import { parseJoinToken } from './join-token.ts'
import {
  componentClient,
  ensureFromSigner,
  keptCertificate,
  kubeletClient,
  kubeletServing,
} from './node-certificates.ts'

/** How long the cluster may take to approve and sign what is asked for. */
const answeredWithinMs = 120_000
const renewPeriodMs = 10 * 60_000

/** A node to be: where it is, and what it joins. */
interface Joining {
  readonly server: string
  readonly token: string | undefined
  readonly node: string
  readonly address: string
  readonly folder: ClusterFolder
  readonly own: NodeFolder
  readonly kubeletConfig: string | undefined
  readonly store: PemStore
  readonly log: Logger
}

/**
 * Joins this machine to a cluster, and is its node until a signal ends the process: containerd, kubelet, kube-proxy and
 * cluster DNS. Its certificates it asks the cluster for, and again before they end. Containers outlive it.
 */
export async function runAgent(input: CommandInput): Promise<ExitCode> {
  const server = input.text('server')
  if (server === undefined) throw new CliError('--server is missing', exitCodes.usage)
  const config = input.text('config')
  const kubeletConfig = config === undefined ? undefined : resolve(config)
  if (kubeletConfig) (await import('../nodes/node-configuration.ts')).readNodeConfiguration(kubeletConfig)
  const stop = stopSignals()
  const node = input.text('node-name') ?? hostname()
  const folder = folderOf(input)
  createClusterFolder(folder)
  const joining: Joining = {
    server,
    token: input.text('token'),
    node,
    address: input.text('node-ip') ?? machineAddress(),
    folder,
    own: folder.node(node),
    kubeletConfig,
    store: folderPemStore(folder.pki),
    log: processLog(),
  }
  const cluster = await joinCluster(joining)
  await prepareMachine(joining, cluster.podCidr)
  let agent = await startAgent(writeConfiguration(joining, cluster))
  const stopRenewing = every(systemClock, renewPeriodMs, () => {
    if (!certificateFiles.some((file) => !keptCertificate(joining.store, file, systemClock.now()))) return
    joining.log.info('certificates are about to end')
    void joinCluster(joining)
      .then(async () => {
        await agent.stop()
        agent = await startAgent(writeConfiguration(joining, cluster))
      })
      .catch((error: unknown) => joining.log.error('certificates could not be renewed', { error }))
  })
  void Promise.all(agent.components.map(({ ready }) => ready)).then(() =>
    joining.log.info('node ready', { node }),
  )
  const stopCollecting = collectAtRest(systemClock)
  await stop.requested
  stopCollecting()
  stopRenewing()
  await agent.stop()
  return exitCodes.done
}

/** What a node must know of its cluster. */
interface ClusterFacts {
  readonly podCidr: string
  readonly dnsAddress: string
}

const files = {
  kubelet: 'kubelet-client',
  kubeletServer: 'kubelet-server',
  proxy: 'kube-proxy-client',
  dns: 'coredns-client',
  localPath: 'local-path-provisioner-client',
  authority: 'ca',
} as const
const certificateFiles = [files.kubelet, files.kubeletServer, files.proxy, files.dns, files.localPath]

const componentFiles = [
  ['kube-proxy', files.proxy],
  ['coredns', files.dns],
  ['local-path-provisioner', files.localPath],
] as const

/** Has every certificate of the node good for a while: the kubelet's by the token or by the one before, the rest by it. */
async function joinCluster(joining: Joining): Promise<ClusterFacts> {
  const { node, address, store } = joining
  const within = () => ({ now: systemClock.now(), signal: AbortSignal.timeout(answeredWithinMs) })
  await withClient(joining, await firstCredentials(joining), (client) =>
    ensureFromSigner(client, store, files.kubelet, kubeletClient(node), within()),
  )
  const dnsAddress = await withClient(joining, certificate(joining, files.kubelet), async (client) => {
    await ensureFromSigner(client, store, files.kubeletServer, kubeletServing(node, [address]), within())
    for (const [component, file] of componentFiles) {
      const wanted = componentClient(nodeComponentIdentity(component, node, file))
      await ensureFromSigner(client, store, file, wanted, within())
    }
    const { spec } = await client.get(services, { namespace: 'kube-system', name: 'kube-dns' })
    return spec?.clusterIP ?? ''
  })
  const podCidr = await withClient(joining, certificate(joining, files.proxy), async (client) => {
    const { data } = await client.get(configMaps, proxyConfigurationName)
    return (yaml().load(data?.['config.conf'] ?? '') as { readonly clusterCIDR?: string }).clusterCIDR ?? ''
  })
  return { podCidr, dnsAddress }
}

/** What the node asks for its kubelet's certificate with: the one that it has, else the token. */
async function firstCredentials(joining: Joining): Promise<Credentials> {
  const { store, server, token } = joining
  const known = store.read(`${files.authority}.crt`) !== undefined
  if (known && store.read(`${files.kubelet}.crt`) !== undefined) return certificate(joining, files.kubelet)
  if (token === undefined) throw new CliError('--token is missing', exitCodes.usage)
  const parsed = parseJoinToken(token)
  if (!known) store.write(`${files.authority}.crt`, await discoverAuthority(server, parsed))
  return { token: parsed.bootstrapToken }
}

type Credentials = Pick<HttpClientOptions, 'token' | 'certFile' | 'keyFile'>

function certificate({ folder }: Joining, file: string): CertificateFiles {
  return { certFile: join(folder.pki, `${file}.crt`), keyFile: join(folder.pki, `${file}.key`) }
}

async function withClient<T>(
  { server, folder }: Joining,
  credentials: Credentials,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const caFile = join(folder.pki, `${files.authority}.crt`)
  const client = createHttpClient({ server, caFile, ...credentials, userAgent: 'k8ts-agent', maxSessions: 1 })
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

async function prepareMachine(joining: Joining, podCidr: string): Promise<void> {
  const { folder, own, node } = joining
  const journal = openJournal(folder.journalFile)
  for (const trace of tracesOf(joining)) journal.record(trace)
  for (const path of [own.path, own.kubeletRoot, own.podLogs, own.staticPods, own.runPath]) {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  }
  const systemCgroup = `${nodeCgroup(folder.name, node)}/system`
  createCgroup(systemCgroup)
  writeResolvConf(own.resolvConf)
  await createNodeForwarding(podCidr)
  await startContainerd({
    folder: own,
    logFile: join(folder.logs, `containerd-${node}.log`),
    networkNamespace: '',
    cgroupProcsFile: cgroupProcsFile(systemCgroup),
  })
  writeOwnImages(folder)
  await importMissingImages(folder, own)
  writeAtomically(own.agentPidFile, `${process.pid}\n`)
}

/** What `k8ts delete` takes off the machine again. */
function tracesOf({ folder, own, node }: Joining): Trace[] {
  const self = identify(process.pid)
  return [
    ...(self ? [{ kind: 'process' as const, role: `agent ${node}`, process: self }] : []),
    { kind: 'cgroup', path: clusterCgroup(folder.name) },
    { kind: 'containerdState', path: own.containerdState },
    { kind: 'mounts', below: own.path },
    { kind: 'nodeRules' },
    { kind: 'cniResults', network: cniNetwork(folder.name, node) },
  ]
}

/** Writes the manifests of the node's own pods, and gives what its components are told. */
function writeConfiguration(joining: Joining, { podCidr, dnsAddress }: ClusterFacts): AgentConfiguration {
  const { folder, own, node, address, server } = joining
  const logs = {
    kubelet: join(folder.logs, `kubelet-${node}.log`),
    kubeProxy: join(folder.logs, `kube-proxy-${node}.log`),
    coredns: join(folder.logs, `coredns-${node}.log`),
    localPath: join(folder.logs, `local-path-provisioner-${node}.log`),
  }
  const place = {
    processFile: own.agentPidFile,
    kubeProxyLog: logs.kubeProxy,
    corednsLog: logs.coredns,
    address,
  }
  for (const pod of nodePods(place)) {
    const manifest = JSON.stringify(ownPodManifest(pod), undefined, 2)
    writeIfChanged(join(own.staticPods, `${pod.component}.json`), `${manifest}\n`, 0o600)
  }
  return {
    cluster: folder.name,
    node,
    address,
    runtime: 'containerd',
    server,
    caFile: join(folder.pki, `${files.authority}.crt`),
    kubeletClient: certificate(joining, files.kubelet),
    kubeletServer: certificate(joining, files.kubeletServer),
    proxyClient: certificate(joining, files.proxy),
    dnsClient: certificate(joining, files.dns),
    localPathClient: certificate(joining, files.localPath),
    localVolumes: own.localVolumes,
    podCidr,
    dnsServiceAddress: dnsAddress,
    clusterDomain: 'cluster.local',
    containerdSocket: own.containerdSocket,
    kubeletRoot: own.kubeletRoot,
    podLogs: own.podLogs,
    staticPods: own.staticPods,
    resolvConf: own.resolvConf,
    cniConfiguration: own.cniConfiguration,
    cniData: own.cniData,
    cniNetwork: cniNetwork(folder.name, node),
    cgroupRoot: nodeCgroup(folder.name, node),
    ...(joining.kubeletConfig && { kubeletConfigurationFile: joining.kubeletConfig }),
    sandboxImage: pauseImageName,
    logs,
    pidFile: own.agentPidFile,
  }
}
