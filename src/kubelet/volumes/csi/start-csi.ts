import type { Node } from '../../../api/generated/core.v1.ts'
import type { Client } from '../../../client/client.ts'
import type { EventRecorder } from '../../../client/event-recorder.ts'
import type { Clock } from '../../../machinery/clock.ts'
import type { PluginHandler } from '../../plugins/plugin-watcher.ts'
import { kubeletRoot } from '../own-paths.ts'
import type { TokenSource } from '../token-source.ts'
import { createCsiDrivers } from './csi-drivers.ts'
import { createCsiMounter } from './csi-mounter.ts'
import { createCsiVolumes, type CsiVolumes } from './csi-volumes.ts'

export interface CsiOptions {
  readonly rootDirectory: string
  readonly nodeName: string
  readonly client: Client
  readonly clock: Clock
  readonly recorder: EventRecorder
  readonly tokens: TokenSource
  /** The node's object, once it is registered. */
  readonly registered: Promise<Node>
  /** What node statuses say is in use. */
  readonly reportedInUse: () => readonly string[]
  readonly onInUseChange: () => void
  /** A driver has come: what failed for want of it may succeed. */
  readonly onDriver: () => void
}

export interface RunningCsi {
  readonly volumes: CsiVolumes
  inUse(): readonly string[]
  /** Takes drivers in; only when the node is registered. */
  readonly handler: PluginHandler
  /** Makes the object that tells of drivers. */
  announce(): Promise<void>
  stop(): void
}

/** CSI on this node: drivers, the object that tells of them, and their volumes. */
export async function startCsi(options: CsiOptions): Promise<RunningCsi> {
  const { client, clock, nodeName, rootDirectory } = options
  const drivers = createCsiDrivers({
    client,
    nodeName,
    root: kubeletRoot(rootDirectory),
    node: () => options.registered,
  })
  const mounter = createCsiMounter({
    rootDirectory,
    nodeName,
    client,
    clock,
    drivers,
    tokens: options.tokens,
    isReportedInUse: (uniqueName) => options.reportedInUse().includes(uniqueName),
    onInUseChange: options.onInUseChange,
  })
  await mounter.restore()
  return {
    volumes: createCsiVolumes({ mounter, client, clock, recorder: options.recorder }),
    inUse: () => mounter.inUse(),
    handler: {
      async register(name, endpoint, versions) {
        await drivers.register(name, endpoint, versions)
        options.onDriver()
      },
      deregister: (name, endpoint) => drivers.deregister(name, endpoint),
    },
    announce: () => drivers.announce(),
    stop: () => drivers.stop(),
  }
}
