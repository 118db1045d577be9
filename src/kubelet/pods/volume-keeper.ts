import type { Pod } from '../../api/generated/core.v1.ts'
import type { Cancel } from '../../machinery/clock.ts'
import type { PreparedVolumes } from '../volumes/volume-manager.ts'
import type { PodEvents } from './events.ts'
import type { PodServices } from './services.ts'

const firstRetryMs = 500
const maximumRetryMs = 122_000

/** Makes one pod's volumes, again and again until they are there, and then keeps them up to date. */
export interface VolumeKeeper {
  /** Resolves when the volumes are there for the first time; never rejects. */
  readonly ready: Promise<PreparedVolumes>
  /** Something that the volumes are made from may have changed. */
  refresh(): void
  /** Stops keeping; resolves when nothing is under way. */
  stop(): Promise<void>
}

export function keepVolumes(services: PodServices, pod: () => Pod, events: () => PodEvents): VolumeKeeper {
  const { clock, volumes } = services
  const ready = Promise.withResolvers<PreparedVolumes>()
  let retryMs = firstRetryMs
  let running: Promise<void> | undefined
  let again = false
  let stopped = false
  let cancel: Cancel = () => {}

  async function prepare(): Promise<void> {
    const { uid = '', deletionTimestamp } = pod().metadata ?? {}
    // What its volumes are made from may go before it: it has what it has, and starts nothing any more.
    if (deletionTimestamp !== undefined) return
    try {
      ready.resolve(await volumes.prepare(pod()))
      retryMs = firstRetryMs
      schedule(services.refreshVolumesAtMs(uid) - clock.now())
    } catch (error) {
      if (stopped) return
      events().warning('FailedMount', error instanceof Error ? error.message : String(error))
      schedule(retryMs)
      retryMs = Math.min(retryMs * 2, maximumRetryMs)
    }
  }

  function schedule(delayMs: number): void {
    cancel()
    if (!stopped && Number.isFinite(delayMs)) cancel = clock.after(Math.max(0, delayMs), refresh)
  }

  function refresh(): void {
    if (stopped) return
    again = true
    running ??= run().finally(() => (running = undefined))
  }

  async function run(): Promise<void> {
    do {
      again = false
      await prepare()
    } while (again)
  }

  refresh()
  return {
    ready: ready.promise,
    refresh,
    async stop() {
      stopped = true
      again = false
      cancel()
      await running
    },
  }
}
