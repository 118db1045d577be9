import type { Plugin } from '../framework.ts'
import type { HostPort } from '../pod-info.ts'

/** A host port is free on the node. */
export const nodePorts: Plugin = {
  name: 'NodePorts',
  filter({ hostPorts }, nodes) {
    if (hostPorts.length === 0) return undefined
    return {
      localKey: JSON.stringify(hostPorts),
      fits: (node) => !hostPorts.some((port) => nodes.hasHostPort(node, port)),
      refusal: () => ({ reasons: ["node(s) didn't have free ports for the requested pod ports"] }),
    }
  },
  mayHelp(change, { hostPorts }) {
    if (change.type === 'podRemoved')
      return change.pod.hostPorts.some((port) => hostPorts.some((own) => conflicts(port, own)))
    return change.type === 'nodeAdded'
  },
}

function conflicts(a: HostPort, b: HostPort): boolean {
  const sharesAddress = a.hostIP === b.hostIP || a.hostIP === '0.0.0.0' || b.hostIP === '0.0.0.0'
  return a.hostPort === b.hostPort && a.protocol === b.protocol && sharesAddress
}
