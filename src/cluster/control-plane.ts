import { builtInDefinitions } from '../api/registry.ts'
import { startApiServer, type ApiServer } from '../apiserver/api-server.ts'
import type { Client } from '../client/client.ts'
import type { ComponentContext, RunningComponent } from '../client/component.ts'
import { createInformers } from '../client/informers/informers.ts'
import { startControllers } from '../controllers/start.ts'
import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import { createMetrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import { startScheduler } from '../scheduler/start.ts'
import { reconcileBootstrapPolicy } from '../apiserver/authorization/bootstrap-policy/reconcile-bootstrap-policy.ts'
import { clusterSecurity, serviceAccountIssuer } from './cluster-security.ts'
import type { LoadedSecurity } from './security/load-security.ts'
import type { SecurityFiles } from './security/security-files.ts'
import { inProcessClient } from './in-process-client.ts'
import {
  controllerManagerIdentity,
  schedulerIdentity,
  serviceAccountIdentity,
  type ClientIdentity,
  type ClusterPki,
} from './pki/cluster-pki.ts'
import { openClusterStore } from './state/cluster-store.ts'
import type { StoreChoice } from './state/cluster-state.ts'

export interface ControlPlaneOptions {
  readonly pki: ClusterPki
  readonly store: StoreChoice
  /** Of the embedded store. */
  readonly dataFolder: string
  readonly bindAddress: string
  /** 0 takes a free one. */
  readonly port: number
  /** Where nodes reach the API server. */
  readonly advertiseAddress: string
  readonly serviceCidr: string
  readonly podCidr: string
  readonly nodeCidrMaskSize: number
  /** What the operator says about who may come in and do what, in files. */
  readonly securityFiles?: SecurityFiles
  readonly clock: Clock
  readonly random: Random
  /** A log for each component. */
  readonly logs: {
    readonly apiServer: Logger
    readonly controllerManager: Logger
    readonly scheduler: Logger
  }
}

/** Where kubelet and kube-proxy answer on every node. */
const nodePorts = [10_249, 10_250, 10_255, 10_256]

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
    const apiServer = await startServer(options, undo, running)
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
        certificateAuthority: pki.authority,
        nodeIpam: { clusterCidrs: [options.podCidr], nodePrefixLengthIpv4: options.nodeCidrMaskSize },
        loadBalancers: { reservedPorts: nodePorts },
      }),
      startScheduler(contextOf(schedulerIdentity, logs.scheduler)),
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

/** CEL and all that reads files is loaded for clusters that have some. */
async function loadFiles(
  files: SecurityFiles,
  { clock, random, logs }: ControlPlaneOptions,
): Promise<LoadedSecurity | undefined> {
  if (Object.keys(files).length === 0) return undefined
  const { loadSecurity } = await import('./security/load-security.ts')
  return loadSecurity(files, { ownIssuers: [serviceAccountIssuer], clock, random, log: logs.apiServer })
}

export async function startServer(
  options: ControlPlaneOptions,
  undo: (() => void | Promise<void>)[],
  running: readonly RunningComponent[],
): Promise<ApiServer> {
  const { pki, clock, random, logs } = options
  const log = logs.apiServer
  const store = await openClusterStore(options.store, options.dataFolder, { clock, log })
  undo.push(() => store.close())
  const server = `https://${options.advertiseAddress}:${options.port}`
  const loaded = options.securityFiles && (await loadFiles(options.securityFiles, options))
  if (loaded) undo.push(() => loaded.close())
  const apiServer = await startApiServer({
    store,
    security: clusterSecurity({ pki, server, clock, random, log, ...(loaded && { loaded }) }),
    hooks: [{ name: 'rbac/bootstrap-roles', run: ({ objects }) => reconcileBootstrapPolicy(objects) }],
    definitions: builtInDefinitions,
    components: () =>
      running.map((component) => ({
        name: component.name.replace(/^kube-/, ''),
        health: () => component.health(),
      })),
    tls: { certificate: pki.apiServer.certificatePem, key: pki.apiServer.privateKeyPem },
    clientCertificateAuthority: pki.authority.certificatePem + pki.frontProxyAuthority.certificatePem,
    // Read when it is used: it is renewed.
    kubeletClient: {
      get certificate() {
        return pki.kubeletClient.certificatePem
      },
      get key() {
        return pki.kubeletClient.privateKeyPem
      },
      certificateAuthority: pki.authority.certificatePem,
    },
    frontProxyClient: {
      certificate: pki.frontProxyClient.certificatePem,
      key: pki.frontProxyClient.privateKeyPem,
    },
    extensionAuthentication: {
      clientAuthority: pki.authority.certificatePem,
      frontProxyAuthority: pki.frontProxyAuthority.certificatePem,
      allowedNames: ['front-proxy-client'],
    },
    address: options.bindAddress,
    port: options.port,
    advertiseAddress: options.advertiseAddress,
    serviceCidrs: [options.serviceCidr],
    clock,
    random,
    log,
    metrics: createMetrics(),
  })
  undo.push(() => apiServer.stop())
  return apiServer
}
