import { connect, type ClientHttp2Session, type SecureClientSessionOptions } from 'node:http2'
import { every, sleep, type Clock } from '../../machinery/clock.ts'

/**
 * The HTTP/2 connections to one server, or to one of several that are as good as one another: where one cannot be reached,
 * the next one is tried at once. Connects on first use and again when a connection is gone, with growing pauses while
 * that fails; opens another connection only when all streams of the others are taken.
 */
export interface SessionPool {
  /** A session that takes one more stream. Throws what connecting failed with. Call `release` when the stream is over. */
  acquire(signal?: AbortSignal): Promise<Lease>
  /** New streams use new connections; the present ones end with their last stream. */
  reconnect(): void
  /** Cuts all connections; acquire() throws from now on. */
  close(): void
}

export interface Lease {
  readonly session: ClientHttp2Session
  release(): void
}

export interface SessionPoolOptions {
  /** At least one, in the order in which they are tried. */
  readonly servers: readonly string[]
  /** Asked before each connection, so that rotated certificates are used. */
  readonly tls: () => Promise<SecureClientSessionOptions>
  readonly clock: Clock
  readonly maxSessions: number
  /** A connection is asked for a sign of life this often, and given up after the timeout. */
  readonly pingIntervalMs: number
  readonly pingTimeoutMs: number
  readonly connectTimeoutMs: number
}

interface Entry {
  readonly session: ClientHttp2Session
  streams: number
}

const minBackoffMs = 50
const maxBackoffMs = 5_000
const streamWindowBytes = 4 * 1024 * 1024
const sessionWindowBytes = 32 * 1024 * 1024

export function createSessionPool(options: SessionPoolOptions): SessionPool {
  const { clock, maxSessions, servers } = options
  /** Into `servers`: the one that answered last. */
  let current = 0
  const entries = new Set<Entry>()
  const open = new Set<ClientHttp2Session>()
  let connecting: Promise<void> | undefined
  let failures = 0
  let closed = false

  async function connectOnce(): Promise<void> {
    // Only when none of them answers is there something to wait for.
    const rounds = Math.floor(failures / servers.length)
    if (rounds > 0) await sleep(clock, Math.min(maxBackoffMs, minBackoffMs * 2 ** (rounds - 1)))
    try {
      const tls = await options.tls()
      if (closed) throw new Error('the client is closed')
      const session = await openSession(options, servers[current]!, tls, open)
      failures = 0
      const entry: Entry = { session, streams: 0 }
      entries.add(entry)
      const leave = () => void entries.delete(entry)
      session.once('goaway', leave).once('close', leave)
      if (session.closed || session.destroyed) leave()
    } catch (error) {
      failures += 1
      current = (current + 1) % servers.length
      throw error
    }
  }

  function pick(): Entry | undefined {
    let least: Entry | undefined
    for (const entry of entries) {
      if (entry.session.closed || entry.session.destroyed) continue
      if (entry.streams < maxStreams(entry.session)) return entry
      if (!least || entry.streams < least.streams) least = entry
    }
    return entries.size >= maxSessions ? least : undefined
  }

  return {
    async acquire(signal) {
      let entry = pick()
      while (!entry) {
        signal?.throwIfAborted()
        if (closed) throw new Error('the client is closed')
        connecting ??= connectOnce().finally(() => (connecting = undefined))
        try {
          await abortable(connecting, signal)
        } catch (error) {
          if (signal?.aborted || closed || failures >= servers.length) throw error
        }
        entry = pick()
      }
      const { session } = entry
      entry.streams += 1
      return { session, release: once(() => (entry.streams -= 1)) }
    },
    reconnect() {
      for (const { session } of entries) session.close()
      entries.clear()
    },
    close() {
      closed = true
      for (const session of open) session.destroy()
      entries.clear()
    },
  }
}

function maxStreams(session: ClientHttp2Session): number {
  return session.remoteSettings?.maxConcurrentStreams ?? 100
}

/** Resolves with a connected session whose server has announced its settings. */
function openSession(
  options: SessionPoolOptions,
  server: string,
  tls: SecureClientSessionOptions,
  open: Set<ClientHttp2Session>,
): Promise<ClientHttp2Session> {
  const { clock, connectTimeoutMs } = options
  return new Promise((resolve, reject) => {
    const session = connect(server, {
      ...tls,
      maxSessionMemory: 1000,
      settings: { enablePush: false, initialWindowSize: streamWindowBytes },
    })
    open.add(session)
    const cancelTimeout = clock.after(connectTimeoutMs, () =>
      session.destroy(new Error(`no connection to ${server} within ${connectTimeoutMs} ms`)),
    )
    session.on('error', reject) // once connected, the streams carry the error to those who wait
    session.once('close', () => {
      open.delete(session)
      cancelTimeout()
      reject(new Error(`the connection to ${server} was closed`))
    })
    session.once('connect', () => {
      // Announced one turn after it happened: the session may have been given up in between.
      if (!session.destroyed) session.setLocalWindowSize(sessionWindowBytes)
    })
    session.once('remoteSettings', () => {
      cancelTimeout()
      keepAlive(session, options)
      resolve(session)
    })
  })
}

function keepAlive(session: ClientHttp2Session, options: SessionPoolOptions): void {
  const { clock, pingIntervalMs, pingTimeoutMs } = options
  let cancelTimeout: (() => void) | undefined
  const cancel = every(clock, pingIntervalMs, () => {
    if (cancelTimeout || session.destroyed) return
    cancelTimeout = clock.after(pingTimeoutMs, () =>
      session.destroy(new Error(`no answer to a ping within ${pingTimeoutMs} ms`)),
    )
    session.ping(() => {
      cancelTimeout?.()
      cancelTimeout = undefined
    })
  })
  session.once('close', () => {
    cancel()
    cancelTimeout?.()
  })
}

function abortable<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return promise
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason as Error)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function once(run: () => void): () => void {
  let ran = false
  return () => {
    if (!ran) run()
    ran = true
  }
}
