import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { parseCidr } from '../../machinery/ip.ts'
import { createCidrPool } from './cidr-pool.ts'
import { createIpamMetrics, type IpamMetrics } from './ipam-metrics.ts'

export interface NodeIpamOptions {
  /** Where pods have their addresses: one network, or one of each family. */
  readonly clusterCidrs: readonly string[]
  /** Where Services have theirs: no node is given any of it. */
  readonly serviceCidrs?: readonly string[]
  /** Prefix lengths of a node's networks. Defaults 24 and 64. */
  readonly nodePrefixLengthIpv4?: number
  readonly nodePrefixLengthIpv6?: number
}

/** Gives every node a network of its own for its pods. */
export function nodeIpamReconciler(options: NodeIpamOptions): Reconciler {
  const { clusterCidrs, serviceCidrs = [], nodePrefixLengthIpv4 = 24, nodePrefixLengthIpv6 = 64 } = options
  let measured: IpamMetrics | undefined
  const pools = clusterCidrs.map((cidr) =>
    createCidrPool(
      cidr,
      parseCidr(cidr)?.address.family === 6 ? nodePrefixLengthIpv6 : nodePrefixLengthIpv4,
      { taken: (tries) => measured?.taken(cidr, tries), released: () => measured?.released(cidr) },
    ),
  )
  for (const cidr of serviceCidrs) for (const pool of pools) pool.occupy(cidr)
  /** What each node has, by its uid; ahead of the cache. */
  const held = new Map<string, { readonly name: string; readonly cidrs: readonly string[] }>()

  function keep(node: Node): void {
    const { uid = '', name = '' } = node.metadata ?? {}
    const cidrs = cidrsOf(node)
    if (cidrs.length === 0 || held.has(uid)) return
    held.set(uid, { name, cidrs })
    for (const cidr of cidrs) for (const pool of pools) pool.occupy(cidr)
  }

  function dropOthers(name: string, uid: string | undefined): void {
    for (const [heldUid, holding] of held) {
      if (holding.name !== name || heldUid === uid) continue
      held.delete(heldUid)
      for (const cidr of holding.cidrs) for (const pool of pools) pool.release(cidr)
    }
  }

  return {
    name: 'node-ipam',
    eventSource: 'cidrAllocator',
    // One at a time: two nodes must not be given the same network.
    concurrency: 1,
    watches: [on(nodes, (node) => [keyOf(node)])],

    prepare({ metrics }) {
      measured = createIpamMetrics(metrics)
      metrics.onCollect(() => {
        for (const { cluster, size, taken } of pools) measured?.tell(cluster, size, taken)
      })
    },

    async reconcile(key, { client, cache, events }) {
      const node = cache(nodes).get(key)
      dropOthers(key, node?.metadata?.uid)
      // Before anything is given out, all that is taken must be known.
      for (const other of cache(nodes).list()) keep(other)
      const uid = node?.metadata?.uid
      if (!node || !uid || cidrsOf(node).length > 0) return done

      const cidrs = held.get(uid)?.cidrs ?? allocate()
      if (!cidrs) {
        events.event(node, 'Normal', 'CIDRNotAvailable', `Node ${key} status is now: CIDRNotAvailable`)
        throw new Error('there is no network left for the node')
      }
      held.set(uid, { name: key, cidrs })
      const body = { metadata: { uid }, spec: { podCIDR: cidrs[0], podCIDRs: cidrs } }
      await client.patch(nodes, { name: key }, { type: 'strategic', body })
      return done
    },
  }

  function allocate(): readonly string[] | undefined {
    const cidrs: string[] = []
    for (const pool of pools) {
      const cidr = pool.allocate()
      if (cidr !== undefined) cidrs.push(cidr)
    }
    if (cidrs.length === pools.length) return cidrs
    for (const cidr of cidrs) for (const pool of pools) pool.release(cidr)
    return undefined
  }
}

function cidrsOf({ spec }: Node): readonly string[] {
  return spec?.podCIDRs ?? (spec?.podCIDR ? [spec.podCIDR] : [])
}
