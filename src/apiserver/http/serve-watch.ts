import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import type { Watcher } from '../storage/watcher.ts'
import type { WatchEncoder } from './encode-watch.ts'
import type { ByteSink } from './http-exchange.ts'

/** Source: k8s.io/apiserver, --min-request-timeout: a watch without a timeout lasts so long, up to twice as long. */
const minTimeoutSeconds = 1800
/** Small frames are sent together. */
const batchBytes = 64 * 1024

/** How long a watch lasts, in milliseconds. */
export function watchTimeoutMs(timeoutSeconds: number | undefined, random: Random): number {
  return (timeoutSeconds || minTimeoutSeconds * (1 + random.next())) * 1000
}

export interface WatchSession {
  readonly watcher: Watcher
  readonly encoder: WatchEncoder
  readonly timeoutMs: number
  readonly clock: Clock
  /** The resourceVersion up to which everything has been pushed. */
  currentResourceVersion(): string
  onSent?(events: number, bytes: number): void
}

/** Sends a watch's events until it is over, the client goes, or its time is up. Each write is a number of whole frames. */
export async function serveWatch(session: WatchSession, sink: ByteSink): Promise<void> {
  const { watcher, encoder, timeoutMs, clock } = session
  const cancel = clock.after(timeoutMs, () => {
    // A client that goes on from here misses nothing.
    watcher.bookmark(session.currentResourceVersion())
    watcher.end()
  })
  sink.onClose(() => watcher.close())
  try {
    for (let batch = await watcher.take(); batch; batch = await watcher.take()) {
      for (let next = 0; next < batch.length && !sink.closed;) {
        const frames: Buffer[] = []
        let bytes = 0
        for (; next < batch.length && bytes < batchBytes; next++) {
          const frame = encoder.encode(batch[next]!)
          frames.push(frame)
          bytes += frame.length
        }
        session.onSent?.(frames.length, bytes)
        await sink.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames, bytes))
      }
    }
  } finally {
    cancel()
    watcher.close()
  }
}
