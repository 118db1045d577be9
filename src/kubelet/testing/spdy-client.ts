import { request } from 'node:https'
import type { Duplex } from 'node:stream'
import { drained } from '../runtime/drained.ts'
import { SpdyConnection } from '../../machinery/streaming/spdy.ts'

/** Upgrades an HTTPS request to SPDY/3.1, as kubectl does. Rejects with the status and the text of a refusal. */
export function openSpdy(
  url: string,
  protocol: string,
  tls: { readonly ca: string; readonly cert: string; readonly key: string },
): Promise<{ readonly spdy: SpdyConnection; close(): void }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      ...tls,
      method: 'POST',
      agent: false,
      headers: { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': protocol },
    })
    sent.on('upgrade', (_response, socket, head) => {
      const spdy = new SpdyConnection({ role: 'client', send: (bytes) => send(socket, bytes) })
      const receive = (chunk: Uint8Array) => {
        const pause = spdy.receive(chunk)
        if (pause === undefined) return
        socket.pause()
        void pause.then(() => socket.resume())
      }
      socket.on('data', receive)
      socket.on('close', () => spdy.end())
      socket.on('error', () => spdy.end())
      if (head.length > 0) receive(head)
      resolve({
        spdy,
        close() {
          spdy.close()
          socket.destroy()
        },
      })
    })
    sent.on('response', (response) => {
      let text = ''
      response.on('data', (chunk) => (text += String(chunk)))
      response.on('end', () => reject(new Error(`${response.statusCode} ${text}`)))
    })
    sent.on('error', reject)
    sent.end()
  })
}

function send(socket: Duplex, bytes: Uint8Array): void | Promise<void> {
  if (!socket.write(bytes)) return drained(socket)
}
