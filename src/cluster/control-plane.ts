import type { Client } from '../client/client.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createInformers } from '../client/informers/informers.ts'
import { startControllers } from '../controllers/start.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import { featureGatesWith } from '../machinery/feature-gates.ts'
import { createMetrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import type { SchedulerConfiguration } from '../scheduler/configuration/configuration.ts'
import { startScheduler } from '../scheduler/start.ts'
import { startClusterApiServer } from './cluster-api-server.ts'
import { nodePorts } from './node-ports.ts'
import type { SecurityFiles } from './security/security-files.ts'
import { inProcessClient } from './in-process-client.ts'
import {
  controllerManagerIdentity,
  schedulerIdentity,
  serviceAccountIdentity,
  type ClientIdentity,
  type ClusterPki,
} from './pki/cluster-pki.ts'
import type { ApiServerChoice, StoreChoice } from './state/cluster-state.ts'

export interface ControlPlaneOptions {
  readonly pki: ClusterPki
  readonly store: StoreChoice
  /** Of the embedded store. */
  readonly dataFolder: string
  readonly apiServer?: ApiServerChoice | undefined
  readonly bindAddress: string
  /** 0 takes a free one. */
  readonly port: number
  /** Where nodes reach the API server. */
  readonly advertiseAddress: string
  /** Of this machine. Default: the API server does not say who it is. */
  readonly hostName?: string
  readonly serviceCidr: string
  readonly podCidr: string
  readonly nodeCidrMaskSize: number
  /** How long certificates are good that are signed on request, at most. Default a year. */
  readonly certificateLifetimeMs?: number | undefined
  /** What the operator says about who may come in and do what, in files. */
  readonly securityFiles?: SecurityFiles
  /** Default: the scheduler's own. */
  readonly schedulerConfiguration?: SchedulerConfiguration
  readonly clock: Clock
  readonly random: Random
  /** A log for each component. */
  readonly logs: {
    readonly apiServer: Logger
    readonly controllerManager: Logger
    readonly scheduler: Logger
  }
}

/** API server, controllers and scheduler in this process. */
export interface ControlPlane {
  readonly port: number
  readonly components: readonly RunningComponent[]
  /** Speaks to the API server as somebody, without a network in between. */
  client(identity: ClientIdentity): Client
  /** Has the API server show the certificate that the PKI has now. */
  presentCertificate(): void
  stop(): Promise<void>
}

/** Starts a control plane; resolves when the API server is ready. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { clock, random, pki, logs } = options
  const undo: (() => void | Promise<void>)[] = []
  const stop = async () => {
    for (const step of undo.splice(0).toReversed()) await step()
  }
  try {
    const running: RunningComponent[] = []
    const apiServer = await startClusterApiServer({ ...options, log: logs.apiServer }, undo, running)
    // Programs call themselves so, and manage fields under that name, whoever they act as.
    const client = ({ user, groups }: ClientIdentity, program = user.replace(/^system:/, '')): Client =>
      inProcessClient(
        apiServer,
        { name: user, groups: [...groups, 'system:authenticated'] },
        { userAgent: program },
      )
    const contextOf = (identity: ClientIdentity, log: Logger): ComponentContext => {
      const own = client(identity)
      const informers = createInformers({ client: own, clock, random, log })
      undo.push(() => informers.stop())
      return { client: own, informers, clock, random, log, metrics: createMetrics() }
    }
    const components = await Promise.all([
      startControllers(contextOf(controllerManagerIdentity, logs.controllerManager), {
        clientOf: (account) => client(serviceAccountIdentity(account), 'kube-controller-manager'),
        rootCa: pki.authority.certificatePem,
        serviceAccountPrivateKey: pki.serviceAccount.privateKeyPem,
        certificateAuthority: pki.authority,
        ...(options.certificateLifetimeMs !== undefined && {
          certificateLifetimeMs: options.certificateLifetimeMs,
        }),
        approveNodeRequests: true,
        publishTrustBundle: featureGatesWith(options.apiServer?.featureGates).ClusterTrustBundle,
        nodeIpam: {
          clusterCidrs: [options.podCidr],
          serviceCidrs: [options.serviceCidr],
          nodePrefixLengthIpv4: options.nodeCidrMaskSize,
        },
        loadBalancers: { reservedPorts: nodePorts },
      }),
      startScheduler(contextOf(schedulerIdentity, logs.scheduler), options.schedulerConfiguration),
    ])
    running.push(...components)
    for (const component of components) undo.push(() => component.stop())
    const presentCertificate = () => {
      const { certificatePem: certificate, privateKeyPem: key } = pki.apiServer
      apiServer.present({ certificate, key })
    }
    return { port: apiServer.port, components, client, presentCertificate, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
