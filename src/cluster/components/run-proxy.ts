import { hostname } from 'node:os'
import { joinComponents } from '../../client/runner.ts'
import { startProxy } from '../../proxy/start.ts'
import { startNodeRoutes } from '../agent/node-routes.ts'
import type { CommandInput } from '../cli/command.ts'
import type { ExitCode } from '../cli/exit-codes.ts'
import { addressPlan } from '../machine/address-plan.ts'
import { overlaps, parseCidr } from '../machine/cidr.ts'
import { runComponent, type ComponentProcess } from './component-process.ts'

/** Runs kube-proxy by itself, in the network namespace of this process. */
export function runProxy(input: CommandInput): Promise<ExitCode> {
  const nodeName = input.text('node-name') ?? hostname()
  const routed = input.text('node-routes')
  const clusterCidr = input.text('cluster-cidr') ?? addressPlan(0, 1).podCidr
  const configuration = {
    'kubeproxy.config.k8s.io': {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      clusterCIDR: clusterCidr,
      hostnameOverride: nodeName,
    },
  }
  const start = async ({ context }: ComponentProcess) => {
    const proxy = await startProxy(context, {
      nodeName,
      podNetworks: [clusterCidr],
      health: { address: '0.0.0.0', port: 10_256 },
      metrics: { address: '127.0.0.1', port: 10_249 },
    })
    if (routed === undefined) return proxy
    const network = parseCidr(routed)
    const reachable = (address: string) => overlaps(network, parseCidr(address))
    return joinComponents('kube-proxy', [proxy, startNodeRoutes(context, { nodeName, reachable })])
  }
  return runComponent(input, 'kube-proxy', start, configuration)
}
