import { hostname } from 'node:os'
import type { SecurityFiles } from './security/security-files.ts'
import type { Client } from '../client/client.ts'
import type { RunningComponent } from '../client/component.ts'
import { systemClock } from '../machinery/clock.ts'
import { silentLogger, type Logger } from '../machinery/log.ts'
import { systemRandom } from '../machinery/random.ts'
import { ensureAddons } from './addons/ensure-addons.ts'
import { startControlPlane } from './control-plane.ts'
import { addressPlan, apiServiceAddress, dnsServiceAddress } from './machine/address-plan.ts'
import { createSimulatedNode } from './nodes/simulated-node.ts'
import { startSimulatedVolumes } from './nodes/simulated-volumes.ts'
import {
  adminIdentity,
  apiServerNames,
  ensureClusterPki,
  localPathIdentity,
  type ClientIdentity,
} from './pki/cluster-pki.ts'
import { kubeconfig } from './pki/kubeconfig.ts'
import { memoryPemStore } from './pki/pem-store.ts'
import type { ApiServerChoice } from './state/cluster-state.ts'

export interface TestClusterOptions {
  /** Simulated nodes, named node1, node2, ...: pods on them go through all states but run no programs. Default 0. */
  readonly nodes?: number
  /** Where components log. Default: nowhere. */
  readonly log?: Logger
  readonly securityFiles?: SecurityFiles
  /** How the API server, and with it the nodes, differ from their defaults. */
  readonly apiServer?: ApiServerChoice
}

/** A cluster inside this process. `await using cluster = await startCluster()` stops it at the end of the block. */
export interface TestCluster extends AsyncDisposable {
  /** `https://127.0.0.1:PORT`, for clients of any kind. */
  readonly server: string
  /** PEM of the authority that signed the server's certificate. */
  readonly certificateAuthority: string
  /** A kubeconfig for the administrator, as text. */
  readonly kubeconfig: string
  /** The administrator's client, without a network in between. */
  readonly client: Client
  /** A client for somebody else, who may do what RBAC says. */
  clientAs(user: string, groups?: readonly string[]): Client
  /** Ends everything: no timer, socket or file is left. */
  stop(): Promise<void>
}

/**
 * Starts a control plane with every controller, the scheduler and, if asked for, simulated nodes, all in this process
 * and in memory. Resolves when requests are answered. Clusters do not know of each other.
 */
export async function startCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const { nodes: count = 0, log = silentLogger } = options
  const [clock, random, plan] = [systemClock, systemRandom, addressPlan(0, count)]
  const names = apiServerNames(apiServiceAddress(plan), [], '')
  const pki = ensureClusterPki(memoryPemStore(), names, clock.now())
  const controlPlane = await startControlPlane({
    pki,
    store: { type: 'memory' },
    dataFolder: '',
    bindAddress: '127.0.0.1',
    port: 0,
    advertiseAddress: '127.0.0.1',
    hostName: hostname(),
    serviceCidr: plan.serviceCidr,
    podCidr: plan.podCidr,
    ...(options.securityFiles && { securityFiles: options.securityFiles }),
    ...(options.apiServer && { apiServer: options.apiServer }),
    nodeCidrMaskSize: plan.nodeCidrMaskSize,
    clock,
    random,
    logs: { apiServer: log, controllerManager: log, scheduler: log },
  })
  const server = `https://127.0.0.1:${controlPlane.port}`
  const clientOf = (identity: ClientIdentity) => controlPlane.client(identity)
  const client = clientOf(adminIdentity)
  const { featureGates } = options.apiServer ?? {}
  const common = { client: clientOf, pki, clock, random, log, ...(featureGates && { featureGates }) }
  const nodes = Array.from({ length: count }, (_, index) =>
    createSimulatedNode({ ...common, name: `node${index + 1}` }),
  )
  let volumes: RunningComponent | undefined
  const stop = async () => {
    await volumes?.stop()
    await Promise.all(nodes.map((node) => node.stop()))
    await controlPlane.stop()
  }
  try {
    await ensureAddons(client, {
      dnsAddress: dnsServiceAddress(plan),
      server,
      authorityPem: pki.authority.certificatePem,
      podCidr: plan.podCidr,
    })
    if (count > 0) {
      const isSimulated = () => true
      volumes = startSimulatedVolumes({
        client: clientOf(localPathIdentity),
        isSimulated,
        clock,
        random,
        log,
      })
    }
    await Promise.all(nodes.map((node) => node.start()))
  } catch (error) {
    await stop()
    throw error
  }
  return {
    server,
    certificateAuthority: pki.authority.certificatePem,
    kubeconfig: kubeconfig({
      cluster: 'k8ts-test',
      user: 'admin',
      server,
      authorityPem: pki.authority.certificatePem,
      certificate: pki.client(adminIdentity),
    }),
    client,
    clientAs: (user, groups = []) => clientOf({ file: '', user, groups }),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
