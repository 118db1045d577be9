import type { Pod } from '../../api/generated/core.v1.ts'
import type { Flags } from '../../api/zpages/flagz.ts'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { Random } from '../../machinery/random.ts'
import type { PodServices } from '../pods/services.ts'
import type { SystemLogOptions } from './system-logs/system-log-options.ts'

/** What the kubelet's HTTPS API serves from. */
export interface ServerContext {
  /** Resolves when the rest may be called: the port is open before the kubelet has its pods. */
  readonly started: Promise<void>
  readonly nodeName: string
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly metrics: Metrics
  /** Of probes alone. */
  readonly probeMetrics: Metrics
  readonly machine: { readonly cpus: number }
  readonly cgroupRoot: string
  pods(): readonly Pod[]
  find(namespace: string, name: string): Pod | undefined
  /** What the pod runs on. */
  servicesOf(pod: Pod): PodServices
  /** Every runtime, the containers' first. */
  readonly runtimes: readonly PodServices[]
  health(): string | undefined
  /** The machine's logs; undefined where they are nobody's to read. */
  readonly systemLogs: SystemLogOptions | undefined
  /** The configuration in force, as KubeletConfiguration. */
  configuration(): object
  /** What is in force by the names of the command line. */
  flags(): Flags
}
