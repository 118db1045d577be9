import type { Client } from '../../client/client.ts'
import type { RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import type { IssuedCertificate } from '../../machinery/pki/certificate.ts'
import type { KubeletOptions } from '../../kubelet/options.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'
import { machineAddress } from '../components/machine-address.ts'
import { nodeIdentity, type ClientIdentity, type ClusterPki } from '../pki/cluster-pki.ts'
import type { ClusterNode } from './cluster-node.ts'

export interface SimulatedNodeOptions {
  readonly name: string
  readonly client: (identity: ClientIdentity) => Client
  /** For the kubelet's own API (logs, exec), served on the loopback; absent: none is served. */
  readonly pki?: ClusterPki
  /** A KubeletConfiguration for the node; none when absent. */
  readonly kubeletConfig?: string
  /** As `--feature-gates`. */
  readonly featureGates?: Readonly<Record<string, boolean>>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * A node inside this process: a whole kubelet over a runtime that runs no programs. The kubelet is loaded when such a node
 * starts: clusters of real nodes do without it. All such nodes have the address of the machine.
 */
export function createSimulatedNode(options: SimulatedNodeOptions): ClusterNode {
  const { name, clock, random, log, pki } = options
  // Not loopback: pods in the node's network have its address, and endpoints may not be there.
  const address = machineAddress()
  let running: { readonly kubelet: RunningComponent; stop(): Promise<void> } | undefined
  let ready = false
  let certificate: IssuedCertificate | undefined

  async function start(): Promise<void> {
    const { startKubelet } = await import('../../kubelet/start-kubelet.ts')
    const client = options.client(nodeIdentity(name))
    const informers = createInformers({ client, clock, random, log })
    const context = { client, informers, clock, random, log, metrics: createMetrics() }
    certificate = pki?.kubeletServer(name, [address])
    const own: KubeletOptions = {
      nodeName: name,
      nodeIPs: [address],
      runtime: { type: 'simulated' },
      ...(options.featureGates && { featureGates: options.featureGates }),
      ...(pki &&
        certificate && {
          server: {
            address,
            port: 0,
            certificate: certificate.certificatePem,
            privateKey: certificate.privateKeyPem,
            clientCA: pki.authority.certificatePem,
          },
        }),
    }
    const { kubeletConfig: file } = options
    const kubelet = await startKubelet(
      context,
      file === undefined ? own : (await import('./node-configuration.ts')).withConfiguration(own, file),
    )
    const isCurrent = () => running?.kubelet === kubelet
    void kubelet.ready.then(() => {
      if (isCurrent()) ready = true
    })
    running = {
      kubelet,
      async stop() {
        await kubelet.stop()
        await informers.stop()
      },
    }
  }

  async function stop(): Promise<void> {
    await running?.stop()
    running = undefined
    ready = false
  }

  return {
    name,
    prepare: () => Promise.resolve(),
    start,
    stop,
    delete: stop,
    release: stop,
    async renewCertificates() {
      if (!running || pki?.kubeletServer(name, [address]).certificatePem === certificate?.certificatePem)
        return
      await stop()
      await start()
    },
    status: () =>
      Promise.resolve({
        name,
        kind: 'simulated',
        state: running ? 'running' : 'stopped',
        ready,
        components: running ? [{ component: 'kubelet', ill: running.kubelet.health() }] : [],
      }),
  }
}
