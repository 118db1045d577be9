import type { AddressPlan } from '../machine/address-plan.ts'
import type { Trace } from '../machine/journal.ts'
import { namespaceName, nodeLink } from '../machine/network.ts'
import type { ClusterFolder } from '../state/cluster-folder.ts'
import type { NodeRecord } from '../state/cluster-state.ts'

/** Every process and container of the cluster's nodes is in it or below. */
export function clusterCgroup(cluster: string): string {
  return `/k8ts-${cluster}`
}

/** Every process and container of the node is in it or below: the kubelet's cgroup root. */
export function nodeCgroup(cluster: string, node: string): string {
  return `${clusterCgroup(cluster)}/${node}`
}

/** Names the node's network to CNI. */
export function cniNetwork(cluster: string, node: string): string {
  return `k8ts-${cluster}-${node}`
}

/** What one node puts on the machine. */
export function nodeTraces(folder: ClusterFolder, plan: AddressPlan, record: NodeRecord): Trace[] {
  const { name: node, number } = record
  const { path, containerdState } = folder.node(node)
  return [
    { kind: 'cgroup', path: nodeCgroup(folder.name, node) },
    { kind: 'containerdState', path: containerdState },
    { kind: 'mounts', below: path },
    { kind: 'namespace', name: namespaceName(folder.name, node), link: nodeLink({ plan, number }) },
    { kind: 'cniResults', network: cniNetwork(folder.name, node) },
  ]
}

/** What the cluster puts on the machine beside its nodes. */
export function clusterTraces(cluster: string, plan: AddressPlan): Trace[] {
  return [
    { kind: 'addressPlan', index: plan.index },
    { kind: 'cgroup', path: clusterCgroup(cluster) },
    { kind: 'bridge', plan },
    { kind: 'forwarding', plan },
  ]
}
