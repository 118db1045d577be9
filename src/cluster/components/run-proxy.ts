import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { joinComponents } from '../../client/runner.ts'
import { readConfiguration, type ConfiguredProxy } from '../../proxy/configuration/configuration.ts'
import { applyMachineSettings, machineSettings } from '../../proxy/configuration/machine-settings.ts'
import { startProxy } from '../../proxy/start.ts'
import { startNodeRoutes } from '../agent/node-routes.ts'
import { CliError } from '../cli/cli-error.ts'
import type { CommandInput } from '../cli/command.ts'
import { exitCodes, type ExitCode } from '../cli/exit-codes.ts'
import { addressPlan } from '../machine/address-plan.ts'
import { overlaps, parseCidr } from '../machine/cidr.ts'
import { runComponent, type ComponentProcess } from './component-process.ts'

/** Runs kube-proxy by itself, in the network namespace of this process. Options win over what `--config` says. */
export function runProxy(input: CommandInput): Promise<ExitCode> {
  const configured = readFile(input.text('config'))
  const said = configured?.options ?? {}
  const nodeName = input.text('node-name') ?? said.nodeName ?? hostname()
  const routed = input.text('node-routes')
  const clusterCidr = input.text('cluster-cidr')
  const podNetworks = clusterCidr?.split(',') ?? said.podNetworks ?? [addressPlan(0, 1).podCidr]
  const configuration = {
    'kubeproxy.config.k8s.io': {
      ...configured?.configuration,
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'nftables',
      clusterCIDR: podNetworks.join(','),
      hostnameOverride: nodeName,
    },
  }
  const start = async ({ context }: ComponentProcess) => {
    applyMachineSettings(machineSettings(configured?.configuration ?? {}))
    const proxy = await startProxy(context, {
      health: { address: '0.0.0.0', port: 10_256 },
      metrics: { address: '127.0.0.1', port: 10_249 },
      ...said,
      nodeName,
      podNetworks,
    })
    if (routed === undefined) return proxy
    const network = parseCidr(routed)
    const reachable = (address: string) => overlaps(network, parseCidr(address))
    return joinComponents('kube-proxy', [proxy, startNodeRoutes(context, { nodeName, reachable })])
  }
  return runComponent(input, 'kube-proxy', start, {
    configuration,
    configuredKubeconfig: configured?.kubeconfig,
  })
}

function readFile(file: string | undefined): ConfiguredProxy | undefined {
  if (file === undefined) return undefined
  try {
    return readConfiguration(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new CliError(`${file}: ${(error as Error).message}`, exitCodes.usage)
  }
}
