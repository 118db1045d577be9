import type { Node } from '../../api/generated/core.v1.ts'
import { nodes } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { overlaps, parseCidr } from '../machine/cidr.ts'

/**
 * Lets nodes be given networks of `podCidr` where theirs are of another range, which the cluster has had to leave. What a
 * node was given stays for its life: each is registered anew, with what people have set on it.
 */
export async function renumberNodes(client: Client, podCidr: string): Promise<void> {
  const range = parseCidr(podCidr)
  const { items } = await client.list(nodes)
  const strangers = items.filter(({ spec }) => spec?.podCIDR && !overlaps(parseCidr(spec.podCIDR), range))
  for (const node of strangers) {
    const { name = '', uid = '' } = node.metadata ?? {}
    await client.delete(nodes, { name }, { preconditions: { uid } })
    await client.create(nodes, withoutNetwork(node))
  }
}

function withoutNetwork({ metadata = {}, spec = {} }: Node): Node {
  const { name, labels, annotations } = metadata
  const { podCIDR: _, podCIDRs: __, ...rest } = spec
  return {
    metadata: { ...(name && { name }), ...(labels && { labels }), ...(annotations && { annotations }) },
    spec: rest,
  }
}
