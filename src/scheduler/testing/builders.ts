import type { Node, Pod, PodSpec, Taint } from '../../api/generated/core.v1.ts'
import { seededRandom } from '../../machinery/random.ts'
import type { DecisionInput } from '../decide.ts'
import { NodeTable } from '../nodes/node-table.ts'
import { defaultPlugins } from '../plugins/order.ts'
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

export function anInput(nodes: NodeTable, seed = 1): DecisionInput {
  return { nodes, plugins: defaultPlugins, random: seededRandom(seed), cursor: { position: 0 } }
}
