import type { IncomingMessage } from 'node:http'
import { get } from 'node:https'
import type { Clock } from '../../../machinery/clock.ts'

const timeoutMs = 30_000
const maxBytes = 4 * 1024 * 1024
const maxRedirects = 10
const redirects: ReadonlySet<number> = new Set([301, 302, 303, 307, 308])

export interface FetchOptions {
  /** PEM; the machine's own authorities when absent. */
  readonly certificateAuthority?: string | undefined
  readonly bearerToken?: string
}

export interface FetchedText {
  readonly status: number
  /** As HTTP/1.1 has it: `404 Not Found`. */
  readonly statusLine: string
  readonly text: string
}

/** GETs by HTTPS. Throws an Error when there is no answer. */
export type FetchText = (url: string, options?: FetchOptions) => Promise<FetchedText>

/**
 * Follows redirects, as Go's client does, but never away from HTTPS; a token is not taken to another host.
 * All together may take 30 seconds.
 */
export function createFetchText(clock: Clock): FetchText {
  return async (url, options = {}) => {
    const abort = new AbortController()
    const cancel = clock.after(timeoutMs, () => abort.abort())
    try {
      let next = new URL(url)
      let { bearerToken } = options
      for (let count = 0; ; count++) {
        if (next.protocol !== 'https:')
          throw new Error(`unsupported protocol scheme ${JSON.stringify(next.protocol)}`)
        const response = await send(next, { ...options, ...(bearerToken && { bearerToken }) }, abort.signal)
        const { statusCode: status = 0, statusMessage = '', headers } = response
        if (!redirects.has(status) || headers.location === undefined) {
          return { status, statusLine: `${status} ${statusMessage}`, text: await textOf(response) }
        }
        response.resume()
        if (count === maxRedirects - 1) throw new Error(`stopped after ${maxRedirects} redirects`)
        const target = new URL(headers.location, next)
        if (target.host !== next.host) bearerToken = undefined
        next = target
      }
    } catch (error) {
      const problem = abort.signal.aborted
        ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
        : error instanceof Error
          ? error.message
          : String(error)
      throw new Error(`Get "${url}": ${problem}`, { cause: error })
    } finally {
      cancel()
    }
  }
}

async function send(
  url: URL,
  { certificateAuthority, bearerToken }: FetchOptions,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const headers = {
    accept: 'application/json',
    'user-agent': 'kube-apiserver',
    ...(bearerToken && { authorization: `Bearer ${bearerToken}` }),
  }
  const ca = certificateAuthority ? { ca: certificateAuthority } : {}
  get(url, { headers, agent: false, signal, ...ca }, resolve).on('error', reject)
  return promise
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new Error(`the answer is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}
