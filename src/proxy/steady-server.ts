import type { Server } from 'node:http'
import type { Cancel, Clock } from '../machinery/clock.ts'
import type { Logger } from '../machinery/log.ts'

export interface SteadyServerOptions {
  readonly clock: Clock
  readonly log: Logger
  /** What it serves, for the log. */
  readonly what: string
  readonly retryMs: number
  /** Listens; rejects when it cannot. */
  readonly start: () => Promise<Server>
  /** Called each time it cannot listen. */
  readonly onFailure?: (error: Error) => void
}

/** A server that tries again while its port is taken: what it answers is not worth ending the proxy for. */
export interface SteadyServer {
  close(): void
}

export function keepServing(options: SteadyServerOptions): SteadyServer {
  const { clock, log, what, retryMs, start, onFailure } = options
  let retry: Cancel | undefined
  let running: Server | undefined
  let isClosed = false

  async function attempt(): Promise<void> {
    try {
      const server = await start()
      if (isClosed) return end(server)
      running = server
    } catch (error) {
      log.error('cannot listen; trying again', { what, error })
      onFailure?.(error as Error)
      if (!isClosed) retry = clock.after(retryMs, () => void attempt())
    }
  }

  void attempt()
  return {
    close() {
      isClosed = true
      retry?.()
      if (running) end(running)
    },
  }
}

function end(server: Server): void {
  server.close()
  server.closeAllConnections()
}
