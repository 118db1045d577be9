import type { Random } from '../../machinery/random.ts'
import type { WatchedEvent } from '../storage/cache-event.ts'
import type { Watcher } from '../storage/watcher.ts'
import type { WatchEncoder } from './encode-watch.ts'
import type { ByteSink } from './http-exchange.ts'

/** Source: k8s.io/apiserver, --min-request-timeout: a watch without a timeout lasts so long, up to twice as long. */
const minTimeoutSeconds = 1800
/** Small frames are sent together. */
const batchBytes = 64 * 1024

/** How long a watch lasts that does not say so, in milliseconds. */
export function defaultWatchTimeoutMs(random: Random): number {
  return minTimeoutSeconds * (1 + random.next()) * 1000
}

export interface WatchSession {
  readonly watcher: Watcher
  readonly encoder: WatchEncoder
  /** Makes the events of a batch ready to be encoded. */
  prepare(events: readonly WatchedEvent[]): Promise<void>
  /** Called for each event, with the length of its frame. */
  onSent?(bytes: number): void
}

/**
 * Sends a watch's events until it is over or the client goes. Each write is a number of whole frames. A client that has
 * not kept up is cut off: it may never read again, and what waits for it would be kept for as long.
 */
export async function serveWatch(session: WatchSession, sink: ByteSink): Promise<void> {
  const { watcher, encoder } = session
  sink.onClose(() => watcher.close())
  watcher.onEnd(() => {
    if (watcher.endReason === 'slow') sink.close()
  })
  try {
    for (let batch = await watcher.take(); batch; batch = await watcher.take()) {
      await session.prepare(batch)
      for (let next = 0; next < batch.length && !sink.closed;) {
        const frames: Buffer[] = []
        let bytes = 0
        for (; next < batch.length && bytes < batchBytes; next++) {
          const frame = encoder.encode(batch[next]!)
          frames.push(frame)
          bytes += frame.length
          session.onSent?.(frame.length)
        }
        await sink.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames, bytes))
      }
    }
  } finally {
    watcher.close()
  }
}
