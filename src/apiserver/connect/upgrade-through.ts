import type { Duplex } from 'node:stream'
import type { HttpReply, HttpRequest, Upgrade } from '../http/http-exchange.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import { dial, type Backend } from './backend.ts'
import { forwardedHeaders, type ForwardedHeaders } from './forwarded-headers.ts'

const maxHeadBytes = 64 * 1024
const headEnd = Buffer.from('\r\n\r\n')
/** How long the rest of a refusal may take. */
const refusalTimeoutMs = 10_000

/**
 * Passes an upgrade on to a backend and, once the backend has switched protocols, bytes in both directions. Any other
 * answer is passed on as an answer: a backend that refuses does not get the connection (CVE-2018-1002105). `more` stand
 * in place of the client's headers.
 * Source: k8s.io/apimachinery/pkg/util/proxy/upgradeaware.go.
 */
export async function upgradeThrough(
  request: HttpRequest,
  backend: Backend,
  target: string,
  more: ForwardedHeaders = {},
): Promise<HttpReply> {
  const connection = await dial(backend).catch((error: Error) => {
    throw serviceUnavailable(`error dialing backend: ${error.message}`)
  })
  try {
    connection.write(requestHead(request, target, more))
    const { head, rest } = await readHead(connection)
    const status = statusOf(head)
    if (status !== 101 && status < 400) {
      throw new StatusError(500, '', `invalid upgrade response: status code ${status}`)
    }
    connection.unshift(rest)
    return { status, headers: {}, takeOver: (upgrade) => connectBoth(upgrade, connection, head, status) }
  } catch (error) {
    connection.destroy()
    throw error
  }
}

function requestHead(request: HttpRequest, target: string, more: ForwardedHeaders): string {
  const lines = [`${request.method} ${target} HTTP/1.1`]
  for (const [name, values] of Object.entries({ ...forwardedHeaders(request, true), ...more })) {
    for (const value of [values].flat()) lines.push(`${name}: ${value}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** Reads up to the end of the answer's head; `rest` is what came behind it. */
function readHead(connection: Duplex): Promise<{ readonly head: Buffer; readonly rest: Buffer }> {
  return new Promise((resolve, reject) => {
    let read = Buffer.alloc(0)
    const onData = (chunk: Buffer) => {
      read = Buffer.concat([read, chunk])
      const end = read.indexOf(headEnd)
      if (end < 0 && read.length <= maxHeadBytes) return
      done()
      if (end < 0) reject(new StatusError(502, '', 'the backend sent too long a response head'))
      else
        resolve({ head: read.subarray(0, end + headEnd.length), rest: read.subarray(end + headEnd.length) })
    }
    const onEnd = () => {
      done()
      reject(serviceUnavailable('error dialing backend: unexpected EOF'))
    }
    const onError = (error: Error) => {
      done()
      reject(serviceUnavailable(`error dialing backend: ${error.message}`))
    }
    function done(): void {
      connection.pause()
      connection.off('data', onData).off('end', onEnd).off('error', onError)
    }
    connection.on('data', onData).on('end', onEnd).on('error', onError)
  })
}

function statusOf(head: Buffer): number {
  const match = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString('latin1', 0, 20))
  return match ? Number(match[1]) : 502
}

/** Hands the backend's answer to the client, then bytes both ways until both have said all. */
async function connectBoth(upgrade: Upgrade, backend: Duplex, head: Buffer, status: number): Promise<void> {
  const { socket: client } = upgrade
  client.write(head)
  if (status !== 101) {
    // What the client says now would go to a backend that has not taken the connection over.
    await passRefusal(backend, head, client)
    return
  }
  if (upgrade.head.length > 0) backend.write(upgrade.head)
  client.pipe(backend)
  backend.pipe(client)
  await Promise.all([closeAfter(client, backend), closeAfter(backend, client)])
}

/** When `one` is over, lets `other` finish writing and closes it, too. */
function closeAfter(one: Duplex, other: Duplex): Promise<void> {
  return new Promise((resolve) => {
    one.once('error', () => other.destroy())
    one.once('close', () => {
      if (other.writableEnded && !other.writableFinished) other.once('finish', () => other.destroy())
      else if (one.readableEnded && !other.writableEnded) other.end(() => other.destroy())
      else other.destroy()
      resolve()
    })
  })
}

async function passRefusal(backend: Duplex, head: Buffer, client: Duplex): Promise<void> {
  const headers = head.toString('latin1').toLowerCase()
  const length = /\r\ncontent-length: *(\d+)\r\n/.exec(headers)?.[1]
  const isChunked = /\r\ntransfer-encoding: *chunked/.test(headers)
  let left = length === undefined ? Infinity : Number(length)
  let tail = ''
  const timeout = AbortSignal.timeout(refusalTimeoutMs)
  timeout.addEventListener('abort', () => backend.destroy(), { once: true })
  try {
    if (left > 0) {
      for await (const chunk of backend as AsyncIterable<Buffer>) {
        client.write(chunk)
        left -= chunk.length
        tail = (tail + chunk.toString('latin1')).slice(-lastChunk.length)
        if (left <= 0 || (isChunked && tail === lastChunk)) break
      }
    }
  } catch (error) {
    if (!timeout.aborted) throw error
  } finally {
    backend.destroy()
    client.end()
  }
}

/** How a chunked body without trailers ends. */
const lastChunk = '\r\n0\r\n\r\n'
