/*
 * The parts of a node's process that speak to the API server beside the kubelet. Each is somebody of its own on each
 * node: what it may do can be limited to the node, and what it did can be told from what another node's did.
 */

export const nodeComponents = ['kube-proxy', 'coredns', 'local-path-provisioner'] as const
export type NodeComponent = (typeof nodeComponents)[number]

/** Who the component is on a node. */
export function nodeComponentUser(component: NodeComponent, node: string): string {
  return `k8ts:${component}:${node}`
}

/** What the component is on all nodes: rights are given to this. */
export function nodeComponentGroup(component: NodeComponent): string {
  return `k8ts:${component}`
}

/** The node on which `user` is the component; undefined for anybody else. */
export function nodeOfComponent(
  component: NodeComponent,
  { name, groups }: { readonly name: string; readonly groups: readonly string[] },
): string | undefined {
  const prefix = nodeComponentUser(component, '')
  const isComponent = name.startsWith(prefix) && groups.includes(nodeComponentGroup(component))
  return isComponent ? name.slice(prefix.length) : undefined
}
