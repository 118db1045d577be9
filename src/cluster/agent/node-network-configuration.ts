import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { nodes } from '../../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { writeIfChanged } from '../machine/atomic-file.ts'

export interface NodeNetworkOptions {
  readonly nodeName: string
  /** Where the container runtime looks for CNI configurations. */
  readonly folder: string
  /** Names the network to CNI. */
  readonly network: string
  /** Where the addresses given to pods are kept. */
  readonly dataFolder: string
  readonly mtu: number
}

/** Configures the node's pod network when the node has got its range of addresses; until then the node is not Ready. */
export function startNodeNetworkConfiguration(
  context: ComponentContext,
  options: NodeNetworkOptions,
): RunningComponent {
  const cache = context.informers.informer(nodes, { fieldSelector: `metadata.name=${options.nodeName}` })
  const ready = Promise.withResolvers<void>()
  let fault: string | undefined = 'the node has no podCIDR yet'
  mkdirSync(options.folder, { recursive: true })

  const unsubscribe = cache.onChange(({ object }) => {
    const podCidrs =
      object.spec?.podCIDRs ?? (object.spec?.podCIDR === undefined ? [] : [object.spec.podCIDR])
    if (podCidrs.length === 0) return
    const configuration = cniConfiguration(options, podCidrs)
    writeIfChanged(
      join(options.folder, '10-k8ts.conflist'),
      `${JSON.stringify(configuration, undefined, 2)}\n`,
    )
    fault = undefined
    ready.resolve()
  })
  return {
    name: 'node-network-configuration',
    ready: ready.promise,
    health: () => fault,
    stop() {
      unsubscribe()
      return Promise.resolve()
    },
  }
}

/**
 * Pods are on one bridge per node, with the node as their gateway. Addresses are not translated here: pods of all nodes
 * reach one another as they are, and the host translates what leaves the machine.
 */
export function cniConfiguration(options: NodeNetworkOptions, podCidrs: readonly string[]) {
  return {
    cniVersion: '0.4.0',
    name: options.network,
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        hairpinMode: true,
        mtu: options.mtu,
        ipam: {
          type: 'host-local',
          dataDir: options.dataFolder,
          ranges: podCidrs.map((subnet) => [{ subnet }]),
          routes: [{ dst: '0.0.0.0/0' }],
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  }
}
