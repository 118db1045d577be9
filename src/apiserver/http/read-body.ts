import type { Readable } from 'node:stream'
import { badRequest, requestEntityTooLarge } from '../../machinery/status-errors.ts'
import { headerOf, type RequestHeaders } from './http-exchange.ts'

/** The whole body of a request. Throws 413 when it has more than `maxBytes`; the rest is not read then. */
export function readBody(stream: Readable, headers: RequestHeaders, maxBytes: number): Promise<Buffer> {
  if (Number(headerOf(headers, 'content-length') ?? 0) > maxBytes) return Promise.reject(tooLarge(maxBytes))
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > maxBytes) settle(() => reject(tooLarge(maxBytes)))
      else chunks.push(chunk)
    }
    const onEnd = () => settle(() => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks, size)))
    const onGone = () => settle(() => reject(badRequest('unexpected EOF')))
    function settle(then: () => void): void {
      stream
        .off('data', onData)
        .off('end', onEnd)
        .off('error', onGone)
        .off('close', onGone)
        .off('aborted', onGone)
      then()
    }
    stream.on('data', onData).on('end', onEnd).on('error', onGone).on('close', onGone).on('aborted', onGone)
    if (stream.readableEnded || stream.destroyed) onEnd()
  })
}

function tooLarge(maxBytes: number): Error {
  return requestEntityTooLarge(`limit is ${maxBytes}`)
}
