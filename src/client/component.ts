import type { Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'
import type { Metrics } from '../machinery/metrics.ts'
import type { Random } from '../machinery/random.ts'
import type { Client } from './client.ts'
import type { Informers } from './informer.ts'

/** What cluster/ gives every component; nothing else is shared between components. */
export interface ComponentContext {
  readonly client: Client
  /** Caches over `client`; components with the same identity in one process may be given the same. */
  readonly informers: Informers
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Of the process: what its /metrics serves. */
  readonly metrics: Metrics
}

/** A started component. Every component's module exports `startX(context, options): Promise<RunningComponent>`. */
export interface RunningComponent {
  readonly name: string
  /** Resolves when the component does its work (caches synced, sockets bound, ...). */
  readonly ready: Promise<void>
  /** Undefined while it is well, else what is wrong: for /healthz and `k8ts status`. */
  health(): string | undefined
  /** Ends every loop, timer, watch and socket of the component; resolves when nothing is left. */
  stop(): Promise<void>
}
