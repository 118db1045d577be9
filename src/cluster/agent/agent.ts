import { readFileSync } from 'node:fs'
import type { RunningComponent } from '../../client/component.ts'
import { createHttpClient, type HttpClient } from '../../client/http/http-client.ts'
import { createInformers } from '../../client/informers/informers.ts'
import type { KubeletOptions, ServingCertificate } from '../../kubelet/options.ts'
import { localVolumesIn } from '../../kubelet/local-path/local-volumes.ts'
import { startLocalPath } from '../../kubelet/local-path/start-local-path.ts'
import { startKubelet } from '../../kubelet/start-kubelet.ts'
import { startDns } from '../../dns/start.ts'
import { systemClock } from '../../machinery/clock.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { systemRandom } from '../../machinery/random.ts'
import { startProxy } from '../../proxy/start.ts'
import { openLogFile, type LogFile } from '../logging/json-log.ts'
import { uplinkMtu } from '../machine/network.ts'
import type { AgentConfiguration, CertificateFiles, NodeCertificate } from './agent-configuration.ts'
import { lookUpApiServer, startNameCheck } from './name-check.ts'
import { startNodeRoutes } from './node-routes.ts'
import { readUpstreams } from './upstreams.ts'

/** A node's components, each with an identity, caches and a log of its own. */
export interface RunningAgent {
  readonly components: readonly RunningComponent[]
  /** Has the certificate used that its files hold now. Containers and connections in use are left alone. */
  reload(certificate: NodeCertificate): void
  stop(): Promise<void>
}

/** Starts the node: kubelet, kube-proxy, cluster DNS, and its routes to other nodes' pods. */
export async function startAgent(configuration: AgentConfiguration): Promise<RunningAgent> {
  const members: Member[] = []
  const member = (name: string, certificate: CertificateFiles, logFile: string) => {
    const made = createMember(configuration, name, certificate, logFile)
    members.push(made)
    return made
  }
  const { node, logs } = configuration
  const kubelet = member('kubelet', configuration.kubeletClient, logs.kubelet)
  const proxy = member('kube-proxy', configuration.proxyClient, logs.kubeProxy)
  const dns = member('coredns', configuration.dnsClient, logs.coredns)
  const localPath = member('local-path-provisioner', configuration.localPathClient, logs.localPath)

  const beforeKubelet: RunningComponent[] = [
    startNodeRoutes(proxy.context, {
      nodeName: node,
      reachable: (address) => sameSubnet(address, configuration.address),
    }),
    await startProxy(proxy.context, {
      nodeName: node,
      podNetworks: [configuration.podCidr],
      health: { address: '0.0.0.0', port: 10_256 },
      metrics: { address: '127.0.0.1', port: 10_249 },
    }),
    await startDns(dns.context, {
      address: configuration.address,
      clusterDomain: configuration.clusterDomain,
      upstreams: readUpstreams(configuration.resolvConf),
    }),
  ]
  const runningKubelet = await startKubelet(kubelet.context, await kubeletOptions(configuration))
  const components: readonly RunningComponent[] = [
    ...beforeKubelet,
    runningKubelet,
    startLocalPath(localPath.context, {
      isOwnNode: (name) => name === node,
      volumes: localVolumesIn(configuration.localVolumes),
    }),
    startNameCheck({
      clock: systemClock,
      lookUp: lookUpApiServer(configuration.dnsServiceAddress, configuration.clusterDomain),
    }),
  ]
  const clients = { kubeletClient: kubelet, proxyClient: proxy, dnsClient: dns, localPathClient: localPath }
  return {
    components,
    reload(certificate) {
      if (certificate === 'kubeletServer')
        runningKubelet.presentCertificate(servingCertificate(configuration))
      else clients[certificate].client.reconnect()
    },
    async stop() {
      for (const component of components.toReversed()) await component.stop()
      for (const { close } of members) await close()
    },
  }
}

/** Everything of the kubelet is in the node's own folders; a file may say the rest. */
async function kubeletOptions(configuration: AgentConfiguration): Promise<KubeletOptions> {
  const { kubeletConfigurationFile: file } = configuration
  const options: KubeletOptions = {
    nodeName: configuration.node,
    nodeIPs: [configuration.address],
    runtime: { type: 'cri', socket: configuration.containerdSocket },
    rootDirectory: configuration.kubeletRoot,
    podLogsDirectory: configuration.podLogs,
    containerLogsDirectory: '',
    cgroupRoot: configuration.cgroupRoot,
    clusterDNS: [configuration.dnsServiceAddress],
    clusterDomain: configuration.clusterDomain,
    resolvConf: configuration.resolvConf,
    ...(configuration.featureGates && { featureGates: configuration.featureGates }),
    staticPodDirectory: configuration.staticPods,
    // The disk is the whole machine's: what part of it is used says little of the node, and images that were loaded by
    // hand could not be pulled again.
    eviction: {
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1Gi', 'imagefs.available': '1Gi' },
    },
    imageCollection: { imageGCHighThresholdPercent: 100 },
    cni: {
      directory: configuration.cniConfiguration,
      plugins: configuration.cniPlugins,
      networkName: configuration.cniNetwork,
      addressDirectory: configuration.cniData,
      mtu: await uplinkMtu(),
      // The host translates what leaves the machine; pods of other nodes are reached as they are.
      ipMasquerade: false,
    },
    server: {
      ...servingCertificate(configuration),
      clientCA: readFileSync(configuration.caFile, 'utf8'),
    },
  }
  if (file === undefined) return options
  return (await import('../nodes/node-configuration.ts')).withConfiguration(options, file)
}

function servingCertificate({
  kubeletServer: { certFile, keyFile },
}: AgentConfiguration): ServingCertificate {
  return { certificate: readFileSync(certFile, 'utf8'), privateKey: readFileSync(keyFile, 'utf8') }
}

type Member = ReturnType<typeof createMember>

/** What one component speaks to the API server with. */
function createMember(
  configuration: AgentConfiguration,
  name: string,
  certificate: CertificateFiles,
  logFile: string,
) {
  const file: LogFile = openLogFile(logFile, 'info', systemClock)
  const log = file.log
  const metrics = createMetrics()
  const client: HttpClient = createHttpClient({
    server: configuration.server,
    otherServers: configuration.otherServers ?? [],
    caFile: configuration.caFile,
    ...certificate,
    userAgent: `${name}/k8ts`,
    log,
    metrics,
  })
  const informers = createInformers({ client, clock: systemClock, random: systemRandom, log })
  return {
    client,
    context: { client, informers, clock: systemClock, random: systemRandom, log, metrics },
    async close() {
      await informers.stop()
      client.close()
      file.close()
    },
  }
}

/** The subnet of nodes is a /24. */
function sameSubnet(one: string, other: string): boolean {
  return one.slice(0, one.lastIndexOf('.')) === other.slice(0, other.lastIndexOf('.'))
}
