import type { Node, Pod, PodSpec, Taint } from '../../api/generated/core.v1.ts'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createMemoryClient } from '../../client/testing/memory-client.ts'
import { WaitingPods } from '../waiting-pods.ts'
import type { DecisionInput } from '../decide.ts'
import { NodeTable } from '../nodes/node-table.ts'
import { VerdictCache } from '../nodes/node-verdicts.ts'
import { createInformerCache, type InformerCache } from '../../client/informers/cache.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { defaultConfiguration, type SchedulerConfiguration } from '../configuration/configuration.ts'
import { createProfiles } from '../configuration/create-profiles.ts'
import { createExtenders } from '../extenders/extenders.ts'
import type { PluginHandle } from '../framework.ts'
import { NominatedPods } from '../nominated-pods.ts'
import { podInfo, type PodInfo } from '../pod-info.ts'

export interface NodeShape {
  readonly cpu?: string
  readonly memory?: string
  readonly pods?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly taints?: readonly Taint[]
  readonly unschedulable?: boolean
}

export function aNode(name: string, shape: NodeShape = {}): Node {
  const { cpu = '4', memory = '8Gi', pods = '110', labels = {}, taints, unschedulable } = shape
  return {
    metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
    spec: { ...(taints && { taints }), ...(unschedulable && { unschedulable }) },
    status: { allocatable: { cpu, memory, pods } },
  }
}

export interface PodShape {
  readonly namespace?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly cpu?: string
  readonly memory?: string
  readonly priority?: number
  readonly hostPort?: number
  readonly spec?: Partial<PodSpec>
}

export function aPod(name: string, shape: PodShape = {}): Pod {
  const { namespace = 'default', labels = {}, cpu, memory, priority, hostPort, spec } = shape
  const requests = { ...(cpu && { cpu }), ...(memory && { memory }) }
  return {
    metadata: { namespace, name, uid: `uid-${name}`, labels },
    spec: {
      containers: [
        {
          name: 'app',
          image: 'app',
          resources: { requests },
          ...(hostPort && { ports: [{ containerPort: hostPort, hostPort }] }),
        },
      ],
      ...(priority !== undefined && { priority }),
      ...spec,
    },
  }
}

export function aPodInfo(name: string, shape?: PodShape): PodInfo {
  return podInfo(aPod(name, shape))
}

/** A table with these nodes, and pods placed as `[pod, node]`. */
export function aTable(nodes: readonly Node[], placed: readonly (readonly [Pod, string])[] = []): NodeTable {
  const table = new NodeTable(() => ({}))
  for (const node of nodes) table.setNode(node)
  for (const [pod, nodeName] of placed) table.addPod(podInfo(pod), nodeName)
  return table
}

/** What plugins are given, over caches that hold `objects`. */
export function aHandle(
  nodes: NodeTable,
  objects: readonly (readonly [Resource, KubernetesObject])[] = [],
): PluginHandle {
  const clock = fakeClock()
  const caches = new Map<string, InformerCache<KubernetesObject>>()
  return {
    client: createMemoryClient(clock),
    clock,
    random: seededRandom(1),
    events: { event: () => undefined },
    log: silentLogger,
    metrics: createMetrics(),
    nodes,
    nominated: new NominatedPods(nodes),
    extenders: createExtenders([], { nodes, log: silentLogger }),
    waiting: new WaitingPods(clock),
    notice: () => undefined,
    cache<T extends KubernetesObject>(resource: Resource<T>) {
      const name = `${resource.group}/${resource.resource}`
      let cache = caches.get(name)
      if (!cache) {
        caches.set(name, (cache = createInformerCache(resource as unknown as Resource, silentLogger)))
        const own = objects.filter(([of]) => of === (resource as unknown as Resource))
        cache.replace(
          own.map(([, object]) => object),
          '1',
        )
      }
      return cache as unknown as InformerCache<T>
    },
  }
}

export interface InputShape {
  readonly seed?: number
  readonly configuration?: SchedulerConfiguration
  readonly handle?: PluginHandle
}

/** A decision by the first profile of a configuration, the default one when none is given. */
export function anInput(nodes: NodeTable, shape: InputShape = {}): DecisionInput {
  const { seed = 1, configuration = defaultConfiguration, handle = aHandle(nodes) } = shape
  const profile = [...createProfiles(configuration, handle).values()][0]!
  return {
    nodes,
    profile,
    random: seededRandom(seed),
    nominated: handle.nominated,
    verdicts: new VerdictCache(nodes),
    cursor: { position: 0 },
  }
}
