import type { CSINode, CSINodeDriver } from '../../../api/generated/storage.v1.ts'
import type { Node } from '../../../api/generated/core.v1.ts'
import { csiNodes, nodes } from '../../../api/generated/resources.ts'
import type { Client } from '../../../client/client.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { goJsonSorted } from '../../../machinery/go-json.ts'
import { isAlreadyExists, isConflict, isNotFound } from '../../../machinery/status-errors.ts'
import type { PluginHandler } from '../../plugins/plugin-watcher.ts'
import { connectPlugin, type PluginConnection } from '../../plugins/plugin-connection.ts'
import type { OwnPaths } from '../own-paths.ts'
import { VolumeError } from '../volume-error.ts'
import { Node as NodeService, NodeServiceCapability_RPC_Type as Capability } from './generated/csi_pb.ts'

/** A driver on this node. */
export interface CsiDriver {
  readonly name: string
  readonly connection: PluginConnection
  /** What the driver calls a path of this node. */
  pathOf(path: string): string
  /** Asked for once. */
  capabilities(): Promise<ReadonlySet<Capability>>
}

export { Capability }

/** The drivers that have made themselves known. */
export interface CsiDrivers extends PluginHandler {
  /** Makes the object that says which drivers the node has. */
  announce(): Promise<void>
  /** Throws a VolumeError when there is none of this name. */
  get(name: string): CsiDriver
  stop(): void
}

const callTimeoutMs = 120_000
const nodeIDAnnotation = 'csi.volume.kubernetes.io/nodeid'

export function createCsiDrivers(context: {
  readonly client: Client
  readonly nodeName: string
  readonly root: OwnPaths
  /** The node's object once it is registered. */
  readonly node: () => Promise<Node>
}): CsiDrivers {
  const { client, nodeName, root } = context
  const drivers = new Map<string, CsiDriver & { readonly endpoint: string }>()
  let writing: Promise<void> = Promise.resolve()

  /** One at a time: two drivers may come at once, and they share one object. */
  function inTurn(write: () => Promise<void>): Promise<void> {
    const turn = writing.then(write, write)
    writing = turn.catch(() => {})
    return turn
  }

  async function changeCsiNode(
    change: (drivers: readonly CSINodeDriver[]) => readonly CSINodeDriver[],
  ): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        const found = await findOrMakeCsiNode(client, await context.node())
        const wanted = change(found.spec.drivers)
        if (!jsonEqual(found.spec.drivers, wanted))
          await client.update(csiNodes, { ...found, spec: { ...found.spec, drivers: wanted } })
        return
      } catch (error) {
        if (!isConflict(error) || attempt >= 5) throw error
      }
    }
  }

  /** Which topology the driver says the node is in, and what it calls it. */
  async function describeNode(
    driver: string,
    nodeID: string | undefined,
    labels: Readonly<Record<string, string>>,
  ): Promise<void> {
    const node = await client.get(nodes, { name: nodeName })
    const ids = parseIDs(node.metadata?.annotations?.[nodeIDAnnotation])
    const { [driver]: _, ...others } = ids
    const wanted = nodeID === undefined ? others : { ...others, [driver]: nodeID }
    const annotation = Object.keys(wanted).length === 0 ? null : goJsonSorted(wanted)
    const body = { metadata: { labels, annotations: { [nodeIDAnnotation]: annotation } } }
    await client.patch(nodes, { name: nodeName }, { type: 'merge', body })
  }

  return {
    async announce() {
      await findOrMakeCsiNode(client, await context.node())
    },
    async register(name, endpoint, versions) {
      if (!versions.some((version) => /^v?1\./.test(version)))
        throw new Error(`no supported version of CSI among ${versions.join(', ')}`)
      const socket = root.onNode(endpoint)
      const connection = connectPlugin(socket)
      const { nodeGetInfo, nodeGetCapabilities } = NodeService.method
      let capabilities: Promise<ReadonlySet<Capability>> | undefined
      const driver = {
        name,
        endpoint,
        connection,
        // Whoever calls its own socket by the name that manifests have for it sees the rest so too.
        pathOf: (path: string) => (socket === endpoint ? path : root.asExpected(path)),
        async capabilities() {
          capabilities ??= connection
            .call(nodeGetCapabilities, {}, callTimeoutMs)
            .then((answer) => new Set(answer.capabilities.map(({ type }) => type.value?.type ?? 0)))
          try {
            return await capabilities
          } catch (error) {
            capabilities = undefined
            throw error
          }
        },
      }
      try {
        const info = await connection.call(nodeGetInfo, {}, callTimeoutMs)
        const segments = info.accessibleTopology?.segments ?? {}
        const described: CSINodeDriver = {
          name,
          nodeID: info.nodeId,
          topologyKeys: Object.keys(segments).toSorted(),
          ...(info.maxVolumesPerNode > 0n && { allocatable: { count: Number(info.maxVolumesPerNode) } }),
        }
        await inTurn(async () => {
          await describeNode(name, info.nodeId, segments)
          await changeCsiNode((present) => [...present.filter((other) => other.name !== name), described])
        })
      } catch (error) {
        connection.close()
        throw error
      }
      drivers.get(name)?.connection.close()
      drivers.set(name, driver)
    },
    async deregister(name, endpoint) {
      const driver = drivers.get(name)
      if (driver?.endpoint !== endpoint) return
      drivers.delete(name)
      driver.connection.close()
      await inTurn(async () => {
        await describeNode(name, undefined, {})
        await changeCsiNode((present) => present.filter((other) => other.name !== name))
      })
    },
    get(name) {
      const driver = drivers.get(name)
      if (driver) return driver
      throw new VolumeError(
        `kubernetes.io/csi: mounter.SetUpAt failed to get CSI client: driver name ${name} not found in the list of registered CSI drivers`,
      )
    },
    stop() {
      for (const { connection } of drivers.values()) connection.close()
      drivers.clear()
    },
  }
}

function parseIDs(text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : (JSON.parse(text) as Record<string, string>)
}

/** The object that says which drivers a node has; it goes with the node. */
async function findOrMakeCsiNode(client: Client, node: Node): Promise<CSINode> {
  const { name = '', uid = '' } = node.metadata ?? {}
  try {
    return await client.get(csiNodes, { name })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
  try {
    return await client.create(csiNodes, {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'CSINode',
      metadata: { name, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
      spec: { drivers: [] },
    })
  } catch (error) {
    if (!isAlreadyExists(error)) throw error
    return await client.get(csiNodes, { name })
  }
}
