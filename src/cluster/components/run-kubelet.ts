import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { mkdirSync, readFileSync } from 'node:fs'
import { startKubelet } from '../../kubelet/start-kubelet.ts'
import type { ConfiguredServer } from '../../kubelet/configuration/configuration.ts'
import type {
  KubeletOptions,
  KubeletServerOptions,
  RuntimeChoice,
  ServingCertificate,
} from '../../kubelet/options.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import { parseFeatureFlag } from '../api-server-flags/feature-flags.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { bootstrapKubelet, clientFile } from '../join/bootstrap-kubelet.ts'
import { kubeletClient, kubeletServing } from '../join/node-certificates.ts'
import type { WantedFromSigner } from '../join/request-certificate.ts'
import { rotateCertificate, type RotationOptions } from '../join/rotate-certificate.ts'
import { servingCertificate, servingFile } from '../join/serving-certificate.ts'
import { uplinkMtu } from '../machine/network.ts'
import { folderPemStore, type PemStore } from '../pki/pem-store.ts'
import { readKubeletConfigurations } from '../nodes/node-configuration.ts'
import { machineAddress } from './machine-address.ts'
import { processLog, runComponent, toServers, type ComponentProcess } from './component-process.ts'

/** Runs the kubelet by itself. Options win over what `--config` and `--config-dir` say, as upstream's. */
export async function runKubelet(input: CommandInput): Promise<ExitCode> {
  const configured = readKubeletConfigurations(input.text('config'), input.text('config-dir'))
  const nodeName = input.text('node-name') ?? hostname()
  const address = input.text('node-ip') ?? machineAddress()
  const folder = folderOption(input)
  const rootDirectory = folder('root-dir') ?? '/var/lib/kubelet'
  const certificates = folder('cert-dir') ?? join(rootDirectory, 'pki')
  mkdirSync(certificates, { recursive: true, mode: 0o700 })
  const isBootstrapped = await bootstrap(input, nodeName, certificates)
  return runComponent(input, 'kubelet', async (process) => {
    const { context } = process
    const said = configured?.options ?? {}
    const options = {
      ...said,
      ...optionsOf(input),
      nodeName,
      nodeIPs: [address],
      runtime: runtimeOf(input.text('container-runtime-endpoint')) ?? said.runtime ?? defaultRuntime,
      rootDirectory,
    }
    for (const made of [rootDirectory, options.podLogsDirectory, options.staticPodDirectory]) {
      if (made !== undefined) mkdirSync(made, { recursive: true, mode: 0o700 })
    }
    const cni = folder('cni-conf-dir')
    const networkName = input.text('cni-network-name')
    const isServed = configured === undefined || configured.server !== undefined
    const store = folderPemStore(certificates)
    const { tlsCertFile, tlsPrivateKeyFile } = configured?.server ?? {}
    const hasOwn = tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined
    const served = isServed
      ? await serverOf(process, { store, nodeName, address, configured: configured?.server })
      : undefined
    const kubelet = await startKubelet(context, {
      ...options,
      ...(cni !== undefined && {
        cni: {
          directory: cni,
          ...(networkName !== undefined && { networkName }),
          addressDirectory: folder('cni-cache-dir') ?? '/var/lib/cni',
          mtu: await uplinkMtu(),
          ipMasquerade: false,
        },
      }),
      ...(served && { server: served }),
    })
    const rotate = (file: string, wanted: WantedFromSigner, onIssued: RotationOptions['onIssued']) =>
      rotateCertificate({ ...context, store, file, wanted, onIssued })
    // What somebody has put into a file is that one's to replace.
    const stops = [
      ...(served && !hasOwn
        ? [
            rotate(servingFile, kubeletServing(nodeName, [address]), (issued) =>
              kubelet.presentCertificate(shown(issued)),
            ),
          ]
        : []),
      ...(isBootstrapped
        ? [rotate(clientFile, kubeletClient(nodeName), () => process.client.reconnect())]
        : []),
    ]
    return {
      ...kubelet,
      async stop() {
        await Promise.all(stops.map((stop) => stop()))
        await kubelet.stop()
      },
    }
  })
}

function folderOption(input: CommandInput): (option: string) => string | undefined {
  return (option) => {
    const value = input.text(option)
    return value === undefined ? undefined : resolve(value)
  }
}

/** Has the kubelet be known to the cluster, where `--bootstrap-kubeconfig` says by what; false where nothing does. */
async function bootstrap(input: CommandInput, nodeName: string, certificateFolder: string): Promise<boolean> {
  const [kubeconfig, bootstrapKubeconfig] = ['kubeconfig', 'bootstrap-kubeconfig'].map(folderOption(input))
  if (kubeconfig === undefined || bootstrapKubeconfig === undefined) return false
  await bootstrapKubelet({
    nodeName,
    kubeconfig,
    bootstrapKubeconfig,
    certificateFolder,
    withServers: (connection) => toServers(connection, input.texts('server')),
    log: processLog(),
  })
  return true
}

function shown({ certificatePem, privateKeyPem }: IssuedCertificate): ServingCertificate {
  return { certificate: certificatePem, privateKey: privateKeyPem }
}

/** What the command line says that a file may say too; absent where it does not. */
function optionsOf(input: CommandInput): Partial<KubeletOptions> {
  const folder = folderOption(input)
  const [podLogs, manifests, resolvConf] = ['pod-logs-dir', 'pod-manifest-path', 'resolv-conf'].map(folder)
  const [cgroupRoot, domain] = [input.text('cgroup-root'), input.text('cluster-domain')]
  const servers = input.text('cluster-dns')
  const featureGates = parseFeatureFlag(input)
  return {
    ...(podLogs !== undefined && { podLogsDirectory: podLogs, containerLogsDirectory: '' }),
    ...(manifests !== undefined && { staticPodDirectory: manifests }),
    ...(cgroupRoot !== undefined && { cgroupRoot }),
    ...(domain !== undefined && { clusterDomain: domain }),
    ...(servers !== undefined && { clusterDNS: servers.split(',').filter(Boolean) }),
    ...(resolvConf !== undefined && { resolvConf }),
    ...(featureGates && { featureGates }),
  }
}

interface ServedNode {
  readonly store: PemStore
  readonly nodeName: string
  readonly address: string
  /** What `--config` says of the kubelet's own API. */
  readonly configured: ConfiguredServer | undefined
}

/** The certificate that the file names, else one that the cluster is asked for. */
async function serverOf(
  { context, authorityPem }: ComponentProcess,
  { store, nodeName, address, configured = {} }: ServedNode,
): Promise<KubeletServerOptions> {
  const { tlsCertFile, tlsPrivateKeyFile, clientCAFile, ...rest } = configured
  const clientCA = clientCAFile === undefined ? authorityPem : readFileSync(clientCAFile, 'utf8')
  if (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined) {
    const certificate = readFileSync(tlsCertFile, 'utf8')
    return { ...rest, certificate, privateKey: readFileSync(tlsPrivateKeyFile, 'utf8'), clientCA }
  }
  return { ...rest, ...shown(await servingCertificate(context, store, nodeName, [address])), clientCA }
}

const defaultRuntime: RuntimeChoice = { type: 'cri', socket: '/run/containerd/containerd.sock' }

function runtimeOf(endpoint: string | undefined): RuntimeChoice | undefined {
  if (endpoint === undefined) return undefined
  return endpoint === 'simulated' ? { type: 'simulated' } : { type: 'cri', socket: endpoint }
}
