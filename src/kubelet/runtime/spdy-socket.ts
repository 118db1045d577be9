import type { Duplex } from 'node:stream'
import type { SpdyConnection } from '../../machinery/streaming/spdy.ts'
import { drained } from './drained.ts'

/** Gives the connection what comes on its socket, `head` first, no faster than it takes it; and tells it of the end. */
export function feedSpdy(spdy: SpdyConnection, socket: Duplex, head: Uint8Array): void {
  const receive = (chunk: Uint8Array) => {
    const pause = spdy.receive(chunk)
    if (pause === undefined) return
    socket.pause()
    void pause.then(() => socket.resume())
  }
  socket.on('data', receive)
  socket.on('error', (error) => spdy.end(error))
  socket.on('close', () => spdy.end())
  if (head.length > 0) receive(head)
}

/** Sends what the connection has to send; a promise where it should wait before it sends more. */
export function sendSpdy(socket: Duplex, bytes: Uint8Array): void | Promise<void> {
  if (socket.destroyed || socket.write(bytes)) return
  return drained(socket)
}
