import { createServer } from 'node:net'
import { CliError } from '../cli/cli-error.ts'
import { addressPlan, choosePlan, collidingRoute, type AddressPlan } from '../machine/address-plan.ts'
import { bridgeName, hostRoutes } from '../machine/network.ts'
import { reservedBy, reservedPlans, reservePlan } from '../machine/plan-reservation.ts'
import type { SecurityFiles } from '../security/security-files.ts'
import {
  countOf,
  knownClusters,
  withNodes,
  type ApiServerChoice,
  type ClusterState,
  type NodeRuntime,
  type StoreChoice,
} from '../state/cluster-state.ts'

/** What `up` was told; absent is as it was, or the default for a new cluster. */
export interface UpRequest {
  readonly name: string
  readonly runtime: NodeRuntime
  readonly nodes?: number
  readonly simulatedNodes?: number
  readonly store?: StoreChoice
  readonly apiServer?: ApiServerChoice
  readonly port?: number
  readonly securityFiles?: SecurityFiles
  /** Paths; the empty one takes away what was said before. */
  readonly kubeletConfig?: string
  readonly schedulerConfig?: string
}

const defaultPort = 6443

/** The cluster as it is to come up: what was asked for over what it was. Throws CliError where the two do not go together. */
export async function settle(request: UpRequest, before: ClusterState | undefined): Promise<ClusterState> {
  if (before) return settleExisting(request, before)
  const { nodes = 1, simulatedNodes = 0, runtime } = request
  return {
    version: 1,
    name: request.name,
    addresses: await newAddresses(request.name, runtime, nodes + simulatedNodes),
    port: request.port ?? (await freePort(defaultPort)),
    runtime,
    store: withPrefix(request.store ?? { type: 'embedded' }, `/k8ts/${request.name}`),
    ...(request.apiServer && { apiServer: request.apiServer }),
    nodes: withNodes(withNodes([], 'nodes', nodes), 'simulatedNodes', simulatedNodes),
    ...(request.securityFiles && { securityFiles: changedFiles(undefined, request.securityFiles) }),
    ...componentFiles(undefined, request),
  }
}

async function settleExisting(request: UpRequest, before: ClusterState): Promise<ClusterState> {
  const counts = {
    nodes: countOf(before.nodes, 'nodes'),
    simulatedNodes: countOf(before.nodes, 'simulatedNodes'),
  }
  const { nodes = counts.nodes, simulatedNodes = counts.simulatedNodes } = request
  if (nodes < counts.nodes || simulatedNodes < counts.simulatedNodes) {
    const [more, kind] = nodes < counts.nodes ? [counts.nodes, ''] : [counts.simulatedNodes, 'simulated ']
    throw new CliError(
      `cluster ${before.name} has ${more} ${kind}nodes already; remove some with 'k8ts node delete NAME'`,
    )
  }
  const largest = addressPlan(before.addresses.index, nodes + simulatedNodes)
  if (largest.podCidr !== before.addresses.podCidr) {
    throw new CliError(
      `cluster ${before.name} was made with pod addresses for fewer nodes; use another --name for ${nodes + simulatedNodes}`,
    )
  }
  if (request.store && request.store.type !== before.store.type) {
    throw new CliError(
      `cluster ${before.name} keeps its data in the ${before.store.type} store; use another --name for another store`,
    )
  }
  if (prefixOf(request.store) !== undefined && prefixOf(request.store) !== prefixOf(before.store)) {
    throw new CliError(
      `cluster ${before.name} keeps its data under ${prefixOf(before.store) ?? '/registry'} in etcd; use another --name for another prefix`,
    )
  }
  if (request.runtime !== before.runtime) {
    throw new CliError(
      `cluster ${before.name} was made with runtime ${before.runtime}; use another --name for ${request.runtime}`,
    )
  }
  const { kubeletConfig: _, schedulerConfig: __, ...kept } = before
  return {
    ...kept,
    addresses: before.runtime === 'containerd' ? await keptAddresses(before) : before.addresses,
    port: request.port ?? before.port,
    store: withPrefix(request.store ?? before.store, prefixOf(before.store)),
    ...(request.apiServer && { apiServer: { ...before.apiServer, ...request.apiServer } }),
    nodes: withNodes(withNodes(before.nodes, 'nodes', nodes), 'simulatedNodes', simulatedNodes),
    ...(request.securityFiles && {
      securityFiles: changedFiles(before.securityFiles, request.securityFiles),
    }),
    ...componentFiles(before, request),
  }
}

/** How kubelets and the scheduler are configured, as said now or else before. */
function componentFiles(before: ComponentFiles | undefined, now: ComponentFiles): ComponentFiles {
  const files = {
    kubeletConfig: now.kubeletConfig ?? before?.kubeletConfig,
    schedulerConfig: now.schedulerConfig ?? before?.schedulerConfig,
  }
  return Object.fromEntries(Object.entries(files).filter(([, path]) => path))
}

type ComponentFiles = Pick<ClusterState, 'kubeletConfig' | 'schedulerConfig'>

/** What is said now counts; an empty path takes away what was said before. */
function changedFiles(before: SecurityFiles | undefined, now: SecurityFiles): SecurityFiles {
  return Object.fromEntries(Object.entries({ ...before, ...now }).filter(([, value]) => value !== ''))
}

/** Clusters may share an etcd: each has its keys below a prefix of its own. */
function withPrefix(store: StoreChoice, prefix: string | undefined): StoreChoice {
  return store.type === 'etcd' && prefix !== undefined ? { prefix, ...store } : store
}

function prefixOf(store: StoreChoice | undefined): string | undefined {
  return store?.type === 'etcd' ? store.prefix : undefined
}

/** Real nodes need addresses that nobody on the machine has; simulated ones are never routed. */
async function newAddresses(cluster: string, runtime: NodeRuntime, nodes: number): Promise<AddressPlan> {
  if (runtime === 'simulated') return addressPlan(0, nodes)
  const routes = await hostRoutes()
  const taken = new Set([
    ...reservedPlans(cluster),
    ...knownClusters()
      .filter((state) => state.runtime === 'containerd')
      .map(({ addresses }) => addresses.index),
  ])
  for (;;) {
    const plan = choosePlan(routes, taken, nodes)
    if (!plan) throw new CliError('this machine has no private IPv4 addresses left for another cluster')
    if (reservePlan(plan.index, cluster)) return plan
    taken.add(plan.index)
  }
}

/**
 * The addresses that the cluster had, or, where somebody else has taken them while it was down, others for its nodes and
 * pods. Services keep theirs, which exist inside the nodes only.
 */
async function keptAddresses({ name, addresses: plan, nodes }: ClusterState): Promise<AddressPlan> {
  const isOwn = reservedBy(plan.index) === name
  const routes = (await hostRoutes(bridgeName(plan))).filter(
    (route) => Number(route.split('/')[1] ?? 32) >= 16,
  )
  const collision = collidingRoute(plan, routes)
  if (collision === undefined && reservePlan(plan.index, name)) return plan
  if (isOwn) {
    throw new CliError(
      `the machine now routes ${collision} elsewhere, which cluster ${name} is still using; stop it with 'k8ts down' and it is given other addresses`,
    )
  }
  return { ...(await newAddresses(name, 'containerd', nodes.length)), serviceCidr: plan.serviceCidr }
}

/** The first port from `first` that nobody listens on. */
async function freePort(first: number): Promise<number> {
  for (let port = first; port < first + 100; port++) {
    if (await isFree(port)) return port
  }
  throw new CliError(`no free port from ${first} to ${first + 99}; choose one with --port`)
}

export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
