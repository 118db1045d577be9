import type { Node, Pod } from '../../api/generated/core.v1.ts'
import type { Lease } from '../../api/generated/coordination.v1.ts'
import { leases, nodes, pods } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import type { Clock } from '../../machinery/clock.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'
import { podCondition } from '../pods/pod-state.ts'
import {
  hasNoExecute,
  isNodeReady,
  nodeCondition,
  changedTaints,
  unknownConditions,
  wantedNoExecute,
} from './node-conditions.ts'
import { indexPodsByNode, podsOn } from './pods-by-node.ts'
import { createNodeMetrics, zoneMetricLabel, type NodeMetrics } from './node-metrics.ts'
import {
  countZones,
  createEvictionLimiter,
  defaultEvictionRates,
  evictionRate,
  zoneOf,
  zoneState,
  type EvictionLimiter,
  type EvictionRates,
} from './zone-eviction.ts'

export interface NodeLifecycleOptions {
  /** How long a kubelet may be silent. Default 50 s. */
  readonly monitorGracePeriodMs?: number
  /** How long a new node may take to report. Default 60 s. */
  readonly startupGracePeriodMs?: number
  /** An unhealthy node is looked at this often: what may be done about it depends on the other nodes. Default 5 s. */
  readonly monitorPeriodMs?: number
  /** How fast pods are driven off; upstream's defaults. */
  readonly evictionRates?: Partial<EvictionRates>
}

const leaseNamespace = 'kube-node-lease'

/** The last sign of life, by our own clock: that of the node may be wrong. */
interface Health {
  readonly uid: string
  readonly heartbeat: string
  readonly renewal: string
  readonly seenMs: number
}

/** Marks nodes whose kubelet is silent, and taints nodes by their conditions. */
export function nodeLifecycleReconciler(options: NodeLifecycleOptions = {}): Reconciler {
  const { monitorGracePeriodMs = 50_000, startupGracePeriodMs = 60_000, monitorPeriodMs = 5_000 } = options
  const rates = { ...defaultEvictionRates, ...options.evictionRates }
  const healths = new Map<string, Health>()
  let measured: NodeMetrics | undefined
  let limiter: EvictionLimiter | undefined
  let wasFullyDisrupted = false

  function observe(node: Node, lease: Lease | undefined, clock: Clock): Health {
    const nowMs = clock.monotonic()
    const name = node.metadata?.name ?? ''
    const before = healths.get(name)
    const uid = node.metadata?.uid ?? ''
    const heartbeat = nodeCondition(node, 'Ready')?.lastHeartbeatTime ?? ''
    const renewal = lease?.spec?.renewTime ?? ''
    const isAlive =
      before?.uid !== uid || before.heartbeat !== heartbeat || (renewal !== '' && before.renewal !== renewal)
    const seenMs = isAlive ? nowMs - silentMs() : before.seenMs
    const health = { uid, heartbeat, renewal, seenMs }
    healths.set(name, health)
    return health

    /** A node that has never reported is silent since it was made. */
    function silentMs(): number {
      if (lease || nodeCondition(node, 'Ready')) return 0
      const createdMs = parseTime(node.metadata?.creationTimestamp)
      return createdMs === undefined ? 0 : Math.max(0, clock.now() - createdMs)
    }
  }

  function deadlineMs(node: Node, { seenMs }: Health): number {
    return seenMs + (nodeCondition(node, 'Ready') ? monitorGracePeriodMs : startupGracePeriodMs)
  }

  function isUnhealthy(node: Node, nowMs: number): boolean {
    if (!isNodeReady(node)) return true
    const health = healths.get(node.metadata?.name ?? '')
    return health !== undefined && nowMs >= deadlineMs(node, health)
  }

  /** The zones now, and whether all their nodes seem to fail at once; when that ends, all nodes get time to report again. */
  function judgeZones({ cache, clock }: ReconcileContext) {
    const nowMs = clock.monotonic()
    const zones = countZones(cache(nodes).list(), zoneOf, (other) => isUnhealthy(other, nowMs))
    const states = [...zones.values()].map(({ total, unhealthy }) => zoneState(total, unhealthy, rates))
    const isFullyDisrupted = states.length > 0 && states.every((state) => state === 'fullDisruption')
    if (wasFullyDisrupted && !isFullyDisrupted)
      for (const [name, health] of healths) healths.set(name, { ...health, seenMs: nowMs })
    wasFullyDisrupted = isFullyDisrupted
    return { zones, isFullyDisrupted }
  }

  /** Whether pods may be driven off a node that asks for it now. */
  function mayEvict(node: Node, context: ReconcileContext): boolean {
    const { zones, isFullyDisrupted } = judgeZones(context)
    if (isFullyDisrupted) return false
    if (hasNoExecute(node)) return true
    const { total, unhealthy } = zones.get(zoneOf(node)) ?? { total: 1, unhealthy: 1 }
    limiter ??= createEvictionLimiter(context.clock)
    return limiter.tryTake(zoneOf(node), evictionRate(zoneState(total, unhealthy, rates), total, rates))
  }

  return {
    name: 'node-lifecycle',
    queueName: 'node_lifecycle_controller',
    eventSource: 'node-controller',
    watches: [
      on(nodes, (node) => [keyOf(node)]),
      on(leases, ({ metadata }) => (metadata?.namespace === leaseNamespace ? [metadata.name ?? ''] : [])),
      on(pods, () => []),
    ],

    prepare({ cache, clock, metrics }) {
      indexPodsByNode(cache(pods))
      const told = createNodeMetrics(metrics)
      measured = told
      metrics.onCollect(() => {
        const nowMs = clock.monotonic()
        const all = cache(nodes).list()
        told.tellZones(countZones(all, zoneMetricLabel, (node) => isUnhealthy(node, nowMs)))
      })
    },

    async reconcile(name, context) {
      const { client, cache, clock, events } = context
      const startMs = clock.monotonic()
      const cached = cache(nodes).get(name)
      const known = healths.get(name)
      if (!cached) {
        if (known) {
          const message = `Removing Node ${name} from Controller`
          events.event(aboutNode(name, known.uid), 'Normal', 'RemovingNode', message)
        }
        healths.delete(name)
        return done
      }
      if (!known) {
        const message = `Registered Node ${name} in Controller`
        events.event(aboutNode(name, cached.metadata?.uid ?? ''), 'Normal', 'RegisteredNode', message)
      }
      const labels = lackingLabels(cached)
      if (labels) await client.patch(nodes, { name }, { type: 'strategic', body: { metadata: { labels } } })
      if (wasFullyDisrupted) judgeZones(context)
      const health = observe(cached, cache(leases).get(`${leaseNamespace}/${name}`), clock)
      const overdue = clock.monotonic() >= deadlineMs(cached, health)
      const node = overdue ? await markUnknown(cached, context) : cached
      if (!node) return again(monitorGracePeriodMs)

      if (nodeCondition(node, 'Ready')?.reason === 'NodeStatusUnknown') await markPodsNotReady(node, context)
      const evicting = wantedNoExecute(node)
      const evicts = evicting !== undefined && mayEvict(node, context)
      const taints = changedTaints(node, evicts, clock.now())
      if (taints) {
        const { uid, resourceVersion } = node.metadata ?? {}
        const body = { metadata: { uid, resourceVersion }, spec: { taints } }
        await client.patch(nodes, { name }, { type: 'merge', body })
        const isDrivenOff = taints.some(({ effect, key }) => effect === 'NoExecute' && key === evicting)
        if (isDrivenOff && !hasNoExecute(cached)) measured?.countEviction(zoneMetricLabel(cached))
      }
      measured?.observeUpdate((clock.monotonic() - startMs) / 1000)
      return again(isNodeReady(node) ? deadlineMs(cached, health) - clock.monotonic() : monitorPeriodMs)
    },
  }

  /** The node with its conditions unknown; undefined when it turns out to be alive. */
  async function markUnknown(cached: Node, context: ReconcileContext): Promise<Node | undefined> {
    const { client, clock, events } = context
    const name = cached.metadata?.name ?? ''
    if (unknownConditions(cached, clock.now()) === cached.status?.conditions) return cached
    // The caches may be behind after a lost connection; a wrong verdict is worse than two requests.
    const before = healths.get(name)
    const [node, lease] = await Promise.all([client.get(nodes, { name }), latestLease(name, context)])
    const { seenMs } = observe(node, lease, clock)
    if (before && seenMs > before.seenMs) return undefined

    const conditions = unknownConditions(node, clock.now())
    if (conditions === node.status?.conditions) return node
    const marked = await client.update(
      nodes,
      { ...node, status: { ...node.status, conditions } },
      { subresource: 'status' },
    )
    if (isNodeReady(node))
      events.event(node, 'Normal', 'NodeNotReady', `Node ${name} status is now: NodeNotReady`)
    return marked
  }
}

/** Names that a label had before it was stable; they follow the one that is. */
const formerLabels = [
  ['kubernetes.io/os', 'beta.kubernetes.io/os'],
  ['kubernetes.io/arch', 'beta.kubernetes.io/arch'],
] as const

/** Labels under their former names that the node lacks, or has with another value; undefined for none. */
function lackingLabels({ metadata }: Node): Readonly<Record<string, string>> | undefined {
  const labels = metadata?.labels ?? {}
  const lacking = formerLabels.flatMap(([stable, former]) => {
    const value = labels[stable]
    return value === undefined || labels[former] === value ? [] : [[former, value] as const]
  })
  return lacking.length === 0 ? undefined : Object.fromEntries(lacking)
}

/** As events name a node that may be gone. */
function aboutNode(name: string, uid: string): Node {
  return { apiVersion: 'v1', kind: 'Node', metadata: { name, uid } }
}

async function latestLease(name: string, { client }: ReconcileContext): Promise<Lease | undefined> {
  try {
    return await client.get(leases, { namespace: leaseNamespace, name })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

/** Nobody knows whether the pods still work, so that services must not send them anything. */
async function markPodsNotReady(node: Node, context: ReconcileContext): Promise<void> {
  const { client, cache, events, clock } = context
  const ready = podsOn(cache(pods), node.metadata?.name ?? '').filter(
    (pod) => podCondition(pod, 'Ready')?.status === 'True',
  )
  for (const pod of ready) {
    events.event(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
    try {
      await client.update(pods, withoutReadiness(pod, clock.now()), { subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

function withoutReadiness(pod: Pod, nowMs: number): Pod {
  const conditions = pod.status?.conditions?.map((condition) =>
    condition.type === 'Ready'
      ? { ...condition, status: 'False', lastTransitionTime: formatTime(nowMs) }
      : condition,
  )
  return { ...pod, status: { ...pod.status, ...(conditions && { conditions }) } }
}
