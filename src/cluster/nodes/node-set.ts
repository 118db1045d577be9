import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'
import type { NodeStatus } from '../control/control-protocol.ts'
import { countOf, withNodes, type ClusterState, type NodeRecord } from '../state/cluster-state.ts'
import type { ClusterNode } from './cluster-node.ts'

export interface NodeSetOptions {
  readonly initial: ClusterState
  readonly create: (record: NodeRecord) => ClusterNode
  /** Called with every change of which nodes there are and which are stopped, before it is carried out. */
  readonly onChange: (state: ClusterState) => void
  /** Removes the Node object. Resolves with whether there was one. */
  readonly unregister: (name: string) => Promise<boolean>
}

/** The nodes of a running cluster. */
export interface NodeSet {
  readonly state: ClusterState
  /** Those that are not stopped. */
  readonly wanted: readonly ClusterNode[]
  readonly all: readonly ClusterNode[]
  add(name: string): Promise<NodeStatus>
  stop(name: string): Promise<NodeStatus>
  start(name: string): Promise<NodeStatus>
  /** Also of a machine that joined: it belongs to the cluster again when its agent is started anew. */
  delete(name: string): Promise<void>
}

/** Real nodes have addresses in one /24. */
const mostNodes = 200

export function createNodeSet({ initial, create, onChange, unregister }: NodeSetOptions): NodeSet {
  let state = initial
  const nodes = new Map(state.nodes.map((record) => [record.name, create(record)]))

  const change = (records: readonly NodeRecord[]) => {
    state = { ...state, nodes: records }
    onChange(state)
  }
  const setStopped = (name: string, stopped: boolean) =>
    change(state.nodes.map((record) => (record.name === name ? { ...record, stopped } : record)))
  const unknown = (name: string) =>
    new CliError(`cluster ${state.name} has no node ${name}`, exitCodes.notFound)
  const named = (name: string): ClusterNode => {
    const node = nodes.get(name)
    if (!node) throw unknown(name)
    return node
  }
  const bringUp = async (node: ClusterNode) => {
    await node.prepare()
    await node.start()
    return node.status()
  }

  return {
    get state() {
      return state
    },
    get wanted() {
      const stopped = new Set(state.nodes.filter((record) => record.stopped).map(({ name }) => name))
      return [...nodes.values()].filter(({ name }) => !stopped.has(name))
    },
    get all() {
      return [...nodes.values()]
    },
    add(name) {
      if (nodes.has(name)) throw new CliError(`cluster ${state.name} has a node ${name} already`)
      const count = countOf(state.nodes, 'nodes')
      if (count >= mostNodes)
        throw new CliError(`cluster ${state.name} has ${mostNodes} nodes, and can have no more`)
      const record = withNodes(state.nodes, 'nodes', count + 1).at(-1)!
      const renamed = { ...record, name }
      change([...state.nodes, renamed])
      const node = create(renamed)
      nodes.set(name, node)
      return bringUp(node)
    },
    async stop(name) {
      const node = named(name)
      setStopped(name, true)
      await node.stop()
      return node.status()
    },
    async start(name) {
      const node = named(name)
      const status = await node.status()
      setStopped(name, false)
      return status.state === 'running' ? status : bringUp(node)
    },
    async delete(name) {
      const node = nodes.get(name)
      // Of a machine that joined there is the Node object alone to remove: what runs there is its own.
      if (!node) {
        if (!(await unregister(name))) throw unknown(name)
        return
      }
      change(state.nodes.filter((record) => record.name !== name))
      nodes.delete(name)
      await node.delete()
      await unregister(name)
    },
  }
}
