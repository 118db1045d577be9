import { mkdirSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { configMaps, services } from '../../api/generated/resources.ts'
import type { NodeComponent } from '../../api/node/node-components.ts'
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../../client/http/http-client.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { systemRandom } from '../../machinery/random.ts'
import { isUnauthorized } from '../../machinery/status-errors.ts'
import { yaml } from '../../machinery/yaml.ts'
import { nodePods, ownPodManifest } from '../addons/own-pods.ts'
import { proxyConfigurationName } from '../addons/join-addon.ts'
import type { AgentConfiguration, CertificateFiles, NodeCertificate } from '../agent/agent-configuration.ts'
import { startAgent, type RunningAgent } from '../agent/agent.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { collectAtRest } from '../collect-at-rest.ts'
import { folderOf } from '../commands/find-cluster.ts'
import { processLog } from '../components/component-process.ts'
import { machineAddress } from '../components/machine-address.ts'
import { pauseImageName } from '../images/pause-image.ts'
import { readIfExists, writeAtomically, writeIfChanged } from '../machine/atomic-file.ts'
import { stopSignals } from '../machine/stop-signals.ts'
import { cniNetwork, nodeCgroup } from '../nodes/node-traces.ts'
import { nodeComponentIdentity } from '../pki/cluster-pki.ts'
import { folderPemStore, type PemStore } from '../pki/pem-store.ts'
import { createClusterFolder, type ClusterFolder, type NodeFolder } from '../state/cluster-folder.ts'
import { discoverAuthority } from './discover-cluster.ts'
import { isPinned, parseJoinToken } from './join-token.ts'
import {
  componentClient,
  ensureFromSigner,
  keptCertificate,
  kubeletClient,
  kubeletServing,
} from './node-certificates.ts'
import { prepareMachine } from './prepare-machine.ts'
import type { WantedFromSigner } from './request-certificate.ts'
import { rotateCertificate } from './rotate-certificate.ts'

/** How long the cluster may take to approve and sign what is asked for. */
const answeredWithinMs = 120_000

/** A node to be: where it is, and what it joins. */
interface Joining {
  /** One or more API servers of the cluster. */
  readonly servers: readonly string[]
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
  const servers = input.texts('server')
  if (servers.length === 0) throw new CliError('--server is missing', exitCodes.usage)
  const config = input.text('config')
  const kubeletConfig = config === undefined ? undefined : resolve(config)
  if (kubeletConfig) (await import('../nodes/node-configuration.ts')).readNodeConfiguration(kubeletConfig)
  const stop = stopSignals()
  const node = input.text('node-name') ?? hostname()
  const folder = folderOf(input)
  createClusterFolder(folder)
  const joining: Joining = {
    servers,
    token: input.text('token'),
    node,
    address: input.text('node-ip') ?? machineAddress(),
    folder,
    own: folder.node(node),
    kubeletConfig,
    store: folderPemStore(folder.pki),
    log: processLog(),
  }
  const cluster = knownCluster(joining) ?? (await joinCluster(joining))
  await prepareMachine(joining, cluster.podCidr)
  writeAtomically(joining.own.agentPidFile, `${process.pid}\n`)
  const agent = await startAgent(writeConfiguration(joining, cluster))
  const stopRotating = rotateCertificates(joining, agent)
  void Promise.all(agent.components.map(({ ready }) => ready)).then(() =>
    joining.log.info('node ready', { node }),
  )
  const stopCollecting = collectAtRest(systemClock)
  await stop.requested
  stopCollecting()
  await stopRotating()
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

/** What the node asks the cluster for, and as what it keeps that. The first is what it asks for the others with. */
function wantedCertificates({ node, address }: Joining) {
  const component = (name: NodeComponent, file: string) =>
    componentClient(nodeComponentIdentity(name, node, file))
  return [
    { certificate: 'kubeletClient', file: files.kubelet, wanted: kubeletClient(node) },
    { certificate: 'kubeletServer', file: files.kubeletServer, wanted: kubeletServing(node, [address]) },
    { certificate: 'proxyClient', file: files.proxy, wanted: component('kube-proxy', files.proxy) },
    { certificate: 'dnsClient', file: files.dns, wanted: component('coredns', files.dns) },
    {
      certificate: 'localPathClient',
      file: files.localPath,
      wanted: component('local-path-provisioner', files.localPath),
    },
  ] as const satisfies readonly {
    readonly certificate: NodeCertificate
    readonly file: string
    readonly wanted: WantedFromSigner
  }[]
}

const factsFile = 'cluster.json'

/**
 * What the node knows of its cluster from before, where its certificates are still good: it starts, and has its containers
 * run on, although no API server may be there.
 */
function knownCluster(joining: Joining): ClusterFacts | undefined {
  const { store, own } = joining
  const isGood = ({ file, wanted }: ReturnType<typeof wantedCertificates>[number]) =>
    keptCertificate(store, file, systemClock.now(), wanted) !== undefined
  const facts = readIfExists(join(own.path, factsFile))
  if (facts === undefined || store.read(`${files.authority}.crt`) === undefined) return undefined
  return wantedCertificates(joining).every(isGood) ? (JSON.parse(facts) as ClusterFacts) : undefined
}

/** Keeps every certificate of the node from expiring, while it works on. */
function rotateCertificates(joining: Joining, agent: RunningAgent): () => Promise<void> {
  const { store, log } = joining
  const client = createHttpClient({
    ...connectionOf(joining),
    ...certificate(joining, files.kubelet),
    log,
    maxSessions: 1,
  })
  const stops = wantedCertificates(joining).map(({ certificate: name, file, wanted }) =>
    rotateCertificate({
      client,
      store,
      file,
      wanted,
      clock: systemClock,
      random: systemRandom,
      log,
      onIssued() {
        agent.reload(name)
        if (name === 'kubeletClient') client.reconnect()
      },
    }),
  )
  return async () => {
    await Promise.all(stops.map((stop) => stop()))
    client.close()
  }
}

/** Has every certificate of the node good for a while: the kubelet's by the token or by the one before, the rest by it. */
async function joinCluster(joining: Joining): Promise<ClusterFacts> {
  const { store, own } = joining
  const [ownClient, ...others] = wantedCertificates(joining)
  const within = () => ({ now: systemClock.now(), signal: AbortSignal.timeout(answeredWithinMs) })
  const first = await firstCredentials(joining)
  await withClient(joining, first, (client) =>
    ensureFromSigner(client, store, ownClient.file, ownClient.wanted, within()),
  ).catch((error: unknown) => {
    throw first.token !== undefined && isUnauthorized(error) ? tokenRefused(error) : error
  })
  const dnsAddress = await withClient(joining, certificate(joining, files.kubelet), async (client) => {
    for (const { file, wanted } of others) await ensureFromSigner(client, store, file, wanted, within())
    const { spec } = await client.get(services, { namespace: 'kube-system', name: 'kube-dns' })
    return spec?.clusterIP ?? ''
  })
  const podCidr = await withClient(joining, certificate(joining, files.proxy), async (client) => {
    const { data } = await client.get(configMaps, proxyConfigurationName)
    return (yaml().load(data?.['config.conf'] ?? '') as { readonly clusterCIDR?: string }).clusterCIDR ?? ''
  })
  const facts: ClusterFacts = { podCidr, dnsAddress }
  mkdirSync(own.path, { recursive: true, mode: 0o700 })
  writeAtomically(join(own.path, factsFile), `${JSON.stringify(facts)}\n`, 0o600)
  return facts
}

/** A cluster does not tell apart who has expired and who was never known. */
function tokenRefused(cause: unknown): CliError {
  return new CliError(
    `the cluster does not accept the token (${(cause as Error).message}): it has expired, was deleted, or is none of its own; 'k8ts token create' makes another`,
  )
}

/** What the node asks for its kubelet's certificate with: the one that it has, else the token. */
async function firstCredentials(joining: Joining): Promise<Credentials> {
  const { store, servers, token } = joining
  const known = store.read(`${files.authority}.crt`)
  const [wanted] = wantedCertificates(joining)
  const kept = keptCertificate(store, wanted.file, systemClock.now(), wanted.wanted)
  if (known !== undefined && kept) return certificate(joining, files.kubelet)
  if (token === undefined) {
    throw store.read(`${files.kubelet}.crt`) === undefined
      ? new CliError('--token is missing', exitCodes.usage)
      : new CliError("the node's certificate has expired: join again with --token", exitCodes.usage)
  }
  const parsed = parseJoinToken(token)
  if (known === undefined) store.write(`${files.authority}.crt`, await discoverAuthority(servers, parsed))
  else if (!isPinned(known, parsed)) throw new CliError(otherCluster(joining))
  return { token: parsed.bootstrapToken }
}

type Credentials = Pick<HttpClientOptions, 'token' | 'certFile' | 'keyFile'>

function certificate({ folder }: Joining, file: string): CertificateFiles {
  return { certFile: join(folder.pki, `${file}.crt`), keyFile: join(folder.pki, `${file}.key`) }
}

/** A machine that was the node of another cluster has that one's certificates, pods and volumes. */
function otherCluster({ folder }: Joining): string {
  return `this machine belongs to another cluster than the token; 'k8ts delete --data-dir ${folder.path}' takes it out of that`
}

function connectionOf({ servers: [server = '', ...otherServers], folder }: Joining) {
  const caFile = join(folder.pki, `${files.authority}.crt`)
  return { server, otherServers, caFile, userAgent: 'k8ts-agent' }
}

async function withClient<T>(
  joining: Joining,
  credentials: Credentials,
  use: (client: HttpClient) => Promise<T>,
): Promise<T> {
  const client = createHttpClient({ ...connectionOf(joining), ...credentials, maxSessions: 1 })
  try {
    return await use(client)
  } finally {
    client.close()
  }
}

/** Writes the manifests of the node's own pods, and gives what its components are told. */
function writeConfiguration(joining: Joining, { podCidr, dnsAddress }: ClusterFacts): AgentConfiguration {
  const { folder, own, node, address } = joining
  const { server, otherServers, caFile } = connectionOf(joining)
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
    otherServers,
    caFile,
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
    cniPlugins: own.cniPlugins,
    cniData: own.cniData,
    cniNetwork: cniNetwork(folder.name, node),
    cgroupRoot: nodeCgroup(folder.name, node),
    ...(joining.kubeletConfig && { kubeletConfigurationFile: joining.kubeletConfig }),
    sandboxImage: pauseImageName,
    logs,
    pidFile: own.agentPidFile,
  }
}
