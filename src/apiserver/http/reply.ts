import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import type { StatusError } from '../../machinery/status.ts'
import {
  headerOf,
  type ByteSink,
  type HttpReply,
  type HttpRequest,
  type ReplyHeaders,
} from './http-exchange.ts'
import { negotiate, type WantedForm } from './negotiate.ts'
import { serialize } from './serialize.ts'

/** Bodies larger than this are compressed for clients that can read it. Source: k8s.io/apiserver responsewriters. */
const gzipThresholdBytes = 128 * 1024

/** A body that is there as a whole. */
export async function bytesReply(
  request: HttpRequest,
  status: number,
  headers: ReplyHeaders,
  bytes: Buffer,
): Promise<HttpReply> {
  return piecesReply(request, status, headers, { length: bytes.length, pieces: [bytes] })
}

/** A body in pieces that are made as the client reads. */
export async function piecesReply(
  request: HttpRequest,
  status: number,
  headers: ReplyHeaders,
  body: { readonly length: number; readonly pieces: Iterable<Buffer, unknown, Buffer | undefined> },
): Promise<HttpReply> {
  if (body.length > gzipThresholdBytes && acceptsGzip(request)) {
    return {
      status,
      headers: { ...headers, 'content-encoding': 'gzip', vary: 'Accept-Encoding' },
      body: (sink) => compress(body.pieces, sink),
    }
  }
  const [only, ...more] = body.length <= gzipThresholdBytes ? [...body.pieces] : []
  const lengthHeaders = { ...headers, 'content-length': body.length }
  if (only && more.length === 0) return { status, headers: lengthHeaders, body: only }
  const pieces = only ? [only, ...more] : body.pieces
  return { status, headers: lengthHeaders, body: (sink) => writeAll(pieces, sink) }
}

async function writeAll(
  pieces: Iterable<Buffer, unknown, Buffer | undefined>,
  sink: ByteSink,
): Promise<void> {
  const iterator = pieces[Symbol.iterator]()
  let free: Buffer | undefined
  for (let next = iterator.next(free); !next.done; next = iterator.next(free)) {
    const drained = sink.write(next.value)
    await drained
    if (sink.closed) return
    free = drained && next.value
  }
}

async function compress(pieces: Iterable<Buffer>, sink: ByteSink): Promise<void> {
  const gzip = createGzip({ level: 1 })
  sink.onClose(() => gzip.destroy())
  try {
    await pipeline(pieces, gzip, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await sink.write(chunk)
    })
  } catch (error) {
    if (!sink.closed) throw error
  }
}

function acceptsGzip(request: HttpRequest): boolean {
  const accepted = headerOf(request.headers, 'accept-encoding')
  return accepted !== undefined && accepted.split(',').some((coding) => coding.trim() === 'gzip')
}

/** An object in the form that the client wants, as a reply. */
export async function objectReply(
  request: HttpRequest,
  status: number,
  object: KubernetesObject,
  form: WantedForm,
  schema?: ObjectSchema,
): Promise<HttpReply> {
  const bytes = serialize(object, form, schema)
  return bytesReply(request, status, { 'content-type': form.mediaType }, bytes)
}

/** A failure as a reply: a Status in the form that the client wants, or in JSON where that is none of ours. */
export function errorReply(request: HttpRequest, error: StatusError): HttpReply | Promise<HttpReply> {
  const { status } = error
  const retryAfter = status.details?.retryAfterSeconds
  const { reason, ...others } = status
  const told = reason === '' ? others : status
  const form = errorForm(request)
  const bytes = serialize(told, form)
  const headers = {
    'content-type': form.mediaType,
    ...(retryAfter && { 'retry-after': retryAfter }),
  }
  // Refusals are many, and small: they wait for nothing.
  if (bytes.length > gzipThresholdBytes) return bytesReply(request, status.code, headers, bytes)
  return { status: status.code, headers: { ...headers, 'content-length': bytes.length }, body: bytes }
}

function errorForm(request: HttpRequest): WantedForm {
  try {
    return negotiate(request, { views: false, protobuf: true })
  } catch {
    // A Status can be read whatever else cannot, so not even this failure keeps it from being sent.
    return { mediaType: 'application/json', pretty: true }
  }
}

/** Text, for people and for probes. */
export function textReply(
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): HttpReply {
  const body = Buffer.from(text)
  const headers = {
    'content-type': contentType,
    'x-content-type-options': 'nosniff',
    'content-length': body.length,
  }
  return { status, headers, body }
}
