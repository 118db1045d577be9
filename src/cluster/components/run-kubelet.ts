import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import { mkdirSync } from 'node:fs'
import { startKubelet } from '../../kubelet/start-kubelet.ts'
import type { RuntimeChoice } from '../../kubelet/options.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { servingCertificate } from '../join/serving-certificate.ts'
import { uplinkMtu } from '../machine/network.ts'
import { folderPemStore } from '../pki/pem-store.ts'
import { machineAddress } from './machine-address.ts'
import { runComponent, type ComponentProcess } from './component-process.ts'

/** Runs the kubelet by itself. */
export function runKubelet(input: CommandInput): Promise<ExitCode> {
  return runComponent(input, 'kubelet', async (process) => {
    const { context } = process
    const nodeName = input.text('node-name') ?? hostname()
    const address = input.text('node-ip') ?? machineAddress()
    const folder = (option: string) => {
      const value = input.text(option)
      return value === undefined ? undefined : resolve(value)
    }
    const rootDirectory = folder('root-dir') ?? '/var/lib/kubelet'
    const [podLogs, manifests, cni] = ['pod-logs-dir', 'pod-manifest-path', 'cni-conf-dir'].map(folder)
    for (const made of [rootDirectory, podLogs, manifests]) {
      if (made !== undefined) mkdirSync(made, { recursive: true, mode: 0o700 })
    }
    const [cgroupRoot, domain] = [input.text('cgroup-root'), input.text('cluster-domain')]
    return startKubelet(context, {
      nodeName,
      nodeIPs: [address],
      runtime: runtimeOf(input.text('container-runtime-endpoint')),
      rootDirectory,
      containerLogsDirectory: podLogs === undefined ? '/var/log/containers' : '',
      ...(podLogs !== undefined && { podLogsDirectory: podLogs }),
      ...(manifests !== undefined && { staticPodDirectory: manifests }),
      ...(cgroupRoot !== undefined && { cgroupRoot }),
      ...(domain !== undefined && { clusterDomain: domain }),
      clusterDNS: (input.text('cluster-dns') ?? '').split(',').filter(Boolean),
      resolvConf: folder('resolv-conf') ?? '/etc/resolv.conf',
      ...(cni !== undefined && {
        cni: {
          directory: cni,
          addressDirectory: folder('cni-cache-dir') ?? '/var/lib/cni',
          mtu: await uplinkMtu(),
          ipMasquerade: false,
        },
      }),
      server: await serverOf(process, folder('cert-dir') ?? join(rootDirectory, 'pki'), nodeName, address),
    })
  })
}

async function serverOf(
  { context, authorityPem }: ComponentProcess,
  certificates: string,
  node: string,
  address: string,
) {
  mkdirSync(certificates, { recursive: true, mode: 0o700 })
  const store = folderPemStore(certificates)
  const { certificatePem, privateKeyPem } = await servingCertificate(context, store, node, [address])
  return { certificate: certificatePem, privateKey: privateKeyPem, clientCA: authorityPem }
}

function runtimeOf(endpoint = '/run/containerd/containerd.sock'): RuntimeChoice {
  return endpoint === 'simulated' ? { type: 'simulated' } : { type: 'cri', socket: endpoint }
}
