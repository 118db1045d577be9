import { randomBytes } from 'node:crypto'
import { request } from 'node:https'
import type { Duplex } from 'node:stream'

/** A WebSocket client that does not mind what subprotocols are called. Binary messages, unfragmented. */
export function openRawWebSocket(
  url: string,
  subprotocol: string,
  tls: { readonly ca: string; readonly cert: string; readonly key: string },
  onMessage: (data: Buffer) => void,
): Promise<{ readonly subprotocol: string | undefined; send(data: Uint8Array): void; close(): void }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, {
      ...tls,
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
        'sec-websocket-protocol': subprotocol,
      },
    })
    sent.on('upgrade', (response, socket, head) => {
      readMessages(socket, head, onMessage)
      resolve({
        subprotocol: response.headers['sec-websocket-protocol'],
        send: (data) => socket.write(frame(data)),
        close: () => socket.destroy(),
      })
    })
    sent.on('response', (response) => reject(new Error(String(response.statusCode))))
    sent.on('error', reject)
    sent.end()
  })
}

/** A masked binary frame (RFC 6455); a mask of zeros changes nothing. */
function frame(data: Uint8Array): Buffer {
  const length = Buffer.alloc(data.length < 126 ? 2 : 4)
  length[0] = 0x82
  if (data.length < 126) length[1] = 0x80 | data.length
  else {
    length[1] = 0x80 | 126
    length.writeUInt16BE(data.length, 2)
  }
  return Buffer.concat([length, Buffer.alloc(4), data])
}

function readMessages(socket: Duplex, head: Buffer, onMessage: (data: Buffer) => void): void {
  let rest = head
  const read = () => {
    while (rest.length >= 2) {
      const short = rest[1]! & 0x7f
      const start = short < 126 ? 2 : short === 126 ? 4 : 10
      if (rest.length < start) return
      const length =
        short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2))
      if (rest.length < start + length) return
      const isBinary = (rest[0]! & 0x0f) === 2
      if (isBinary) onMessage(rest.subarray(start, start + length))
      rest = rest.subarray(start + length)
    }
  }
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    read()
  })
  read()
}
