import { join } from 'node:path'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { createClaimManager } from '../dra/claim-manager.ts'
import { createDraDrivers } from '../dra/dra-drivers.ts'
import type { PluginHandler } from '../plugins/plugin-watcher.ts'
import { kubeletRoot } from '../volumes/own-paths.ts'
import { createDeviceManager, type DeviceManager } from './device-manager.ts'
import type { PodResources } from './pod-resources.ts'

export interface DevicesOptions {
  readonly rootDirectory: string
  readonly nodeName: string
  readonly client: Client
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** What the node has, or how it is, has changed: the node's status, and those of these pods. */
  readonly onChange: (podUIDs: readonly string[]) => void
  /** A driver of dynamic resources has come: what failed for want of it may succeed. */
  readonly onDriver: () => void
}

export interface RunningDevices {
  readonly resources: PodResources
  readonly amounts: DeviceManager['amounts']
  readonly handlers: Readonly<Record<'DevicePlugin' | 'DRAPlugin', PluginHandler>>
  /** The pods that have devices, or may have. */
  podUIDs(): ReadonlySet<string>
  stop(): Promise<void>
}

/** Devices of this node: those of device plugins, and those of drivers of dynamic resources. */
export async function startDevices(options: DevicesOptions): Promise<RunningDevices> {
  const { rootDirectory, client, log } = options
  const devices = await createDeviceManager({ ...options, directory: join(rootDirectory, 'device-plugins') })
  const drivers = createDraDrivers(options)
  const file = join(rootDirectory, 'dra_manager_state')
  const root = kubeletRoot(rootDirectory)
  const onNode = (handler: PluginHandler): PluginHandler => ({
    register: (name, endpoint, versions) => handler.register(name, root.onNode(endpoint), versions),
    deregister: (name, endpoint) => handler.deregister(name, root.onNode(endpoint)),
  })
  const claims = await createClaimManager({ file, client, drivers, log })
  return {
    resources: {
      isPluginResource: (name) => devices.isPluginResource(name),
      wants: (pod) => devices.wants(pod),
      allocate: (pod) => devices.allocate(pod),
      prepare: (pod) => claims.prepare(pod),
      async additions(pod, container) {
        const additions = await devices.additions(pod, container)
        const cdiDevices = [...new Set([...claims.cdiDevices(pod, container), ...additions.cdiDevices])]
        return { ...additions, cdiDevices }
      },
      statusOf: (podUID, container) => devices.statusOf(podUID, container),
      async release(podUID) {
        await claims.release(podUID)
        await devices.release(podUID)
      },
    },
    amounts: () => devices.amounts(),
    handlers: { DevicePlugin: onNode(devices.handler), DRAPlugin: onNode(drivers.handler) },
    podUIDs: () => devices.podUIDs().union(claims.podUIDs()),
    async stop() {
      drivers.stop()
      await devices.stop()
    },
  }
}
