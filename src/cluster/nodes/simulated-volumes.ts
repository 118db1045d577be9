import type { Client } from '../../client/client.ts'
import type { RunningComponent } from '../../client/component.ts'
import { createInformers } from '../../client/informers/informers.ts'
import { simulatedLocalVolumes } from '../../kubelet/local-path/local-volumes.ts'
import { startLocalPath } from '../../kubelet/local-path/start-local-path.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'

export interface SimulatedVolumesOptions {
  readonly client: Client
  readonly isSimulated: (node: string) => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Volumes of the default class for all simulated nodes of this process, of which one is enough. */
export function startSimulatedVolumes(options: SimulatedVolumesOptions): RunningComponent {
  const { isSimulated, ...context } = options
  const informers = createInformers(context)
  const provisioner = startLocalPath(
    { ...context, informers, metrics: createMetrics() },
    { isOwnNode: isSimulated, volumes: simulatedLocalVolumes },
  )
  return {
    ...provisioner,
    async stop() {
      await provisioner.stop()
      await informers.stop()
    },
  }
}
