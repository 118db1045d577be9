import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { mkdirSync, readFileSync } from 'node:fs'
import { startKubelet } from '../../kubelet/start-kubelet.ts'
import type { ConfiguredServer } from '../../kubelet/configuration/configuration.ts'
import type { KubeletOptions, KubeletServerOptions, RuntimeChoice } from '../../kubelet/options.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { servingCertificate } from '../join/serving-certificate.ts'
import { uplinkMtu } from '../machine/network.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import { readKubeletConfiguration } from '../nodes/node-configuration.ts'
import { machineAddress } from './machine-address.ts'
import { runComponent, type ComponentProcess } from './component-process.ts'

/** Runs the kubelet by itself. Options win over what `--config` says, as upstream's. */
export function runKubelet(input: CommandInput): Promise<ExitCode> {
  const file = input.text('config')
  const configured = file === undefined ? undefined : readKubeletConfiguration(file)
  return runComponent(input, 'kubelet', async (process) => {
    const nodeName = input.text('node-name') ?? hostname()
    const address = input.text('node-ip') ?? machineAddress()
    const folder = folderOption(input)
    const rootDirectory = folder('root-dir') ?? '/var/lib/kubelet'
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
    const isServed = configured === undefined || configured.server !== undefined
    const certificates = folder('cert-dir') ?? join(rootDirectory, 'pki')
    return startKubelet(process.context, {
      ...options,
      ...(cni !== undefined && {
        cni: {
          directory: cni,
          addressDirectory: folder('cni-cache-dir') ?? '/var/lib/cni',
          mtu: await uplinkMtu(),
          ipMasquerade: false,
        },
      }),
      ...(isServed && {
        server: await serverOf(process, { certificates, nodeName, address, configured: configured?.server }),
      }),
    })
  })
}

function folderOption(input: CommandInput): (option: string) => string | undefined {
  return (option) => {
    const value = input.text(option)
    return value === undefined ? undefined : resolve(value)
  }
}

/** What the command line says that a file may say too; absent where it does not. */
function optionsOf(input: CommandInput): Partial<KubeletOptions> {
  const folder = folderOption(input)
  const [podLogs, manifests, resolvConf] = ['pod-logs-dir', 'pod-manifest-path', 'resolv-conf'].map(folder)
  const [cgroupRoot, domain] = [input.text('cgroup-root'), input.text('cluster-domain')]
  const servers = input.text('cluster-dns')
  return {
    ...(podLogs !== undefined && { podLogsDirectory: podLogs, containerLogsDirectory: '' }),
    ...(manifests !== undefined && { staticPodDirectory: manifests }),
    ...(cgroupRoot !== undefined && { cgroupRoot }),
    ...(domain !== undefined && { clusterDomain: domain }),
    ...(servers !== undefined && { clusterDNS: servers.split(',').filter(Boolean) }),
    ...(resolvConf !== undefined && { resolvConf }),
  }
}

interface ServedNode {
  readonly certificates: string
  readonly nodeName: string
  readonly address: string
  /** What `--config` says of the kubelet's own API. */
  readonly configured: ConfiguredServer | undefined
}

/** The certificate that the file names, else one that the cluster is asked for. */
async function serverOf(
  { context, authorityPem }: ComponentProcess,
  { certificates, nodeName, address, configured = {} }: ServedNode,
): Promise<KubeletServerOptions> {
  const { tlsCertFile, tlsPrivateKeyFile, clientCAFile, ...rest } = configured
  const clientCA = clientCAFile === undefined ? authorityPem : readFileSync(clientCAFile, 'utf8')
  if (tlsCertFile !== undefined && tlsPrivateKeyFile !== undefined) {
    const certificate = readFileSync(tlsCertFile, 'utf8')
    return { ...rest, certificate, privateKey: readFileSync(tlsPrivateKeyFile, 'utf8'), clientCA }
  }
  mkdirSync(certificates, { recursive: true, mode: 0o700 })
  const store = folderPemStore(certificates)
  const { certificatePem, privateKeyPem } = await servingCertificate(context, store, nodeName, [address])
  return { ...rest, certificate: certificatePem, privateKey: privateKeyPem, clientCA }
}

const defaultRuntime: RuntimeChoice = { type: 'cri', socket: '/run/containerd/containerd.sock' }

function runtimeOf(endpoint: string | undefined): RuntimeChoice | undefined {
  if (endpoint === undefined) return undefined
  return endpoint === 'simulated' ? { type: 'simulated' } : { type: 'cri', socket: endpoint }
}
