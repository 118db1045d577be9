import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { HTTPGetAction } from '../../api/generated/core.v1.ts'
import type { AnyContainer } from '../pods/pod.ts'
import { dialError } from './dial-error.ts'
import { joinHostPort, resolvePort } from './port.ts'
import { failed, succeeded, type ProbeOutcome } from './probe-outcome.ts'

const maximumBodyBytes = 10 * 1024
const maximumRedirects = 10
const userAgent = 'kube-probe/1.36'

/** GETs from the pod; 2xx and 3xx are success. Redirects are followed on the same host, others count as success. */
export async function probeHttp(
  action: HTTPGetAction,
  container: AnyContainer,
  podIP: string,
  timeoutMs: number,
): Promise<ProbeOutcome> {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase()
  const host = action.host || podIP
  const path = action.path ?? '/'
  const url = new URL(
    `${scheme}://${joinHostPort(host, resolvePort(action.port, container))}${path.startsWith('/') ? '' : '/'}${path}`,
  )
  const deadline = AbortSignal.timeout(timeoutMs)
  return await get(url, headersOf(action), deadline, maximumRedirects)
}

/** The body of a GET for a lifecycle hook: the caller only asks whether it succeeded. */
function headersOf(action: HTTPGetAction): Record<string, string | string[]> {
  const headers: Record<string, string[]> = {}
  for (const { name, value } of action.httpHeaders ?? []) {
    ;(headers[name.toLowerCase()] ??= []).push(value)
  }
  const flat: Record<string, string | string[]> = {
    'user-agent': userAgent,
    accept: '*/*',
    connection: 'close',
  }
  for (const [name, values] of Object.entries(headers)) {
    if (name === 'host') flat[name] = values[0] ?? ''
    else if (values.length === 1 && values[0] === '' && (name === 'accept' || name === 'user-agent'))
      delete flat[name]
    else flat[name] = values.length === 1 ? (values[0] ?? '') : values
  }
  return flat
}

async function get(
  url: URL,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
  redirects: number,
): Promise<ProbeOutcome> {
  let response: IncomingMessage
  try {
    response = await send(url, { headers, signal, agent: false })
  } catch (error) {
    const cause = signal.aborted
      ? 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
      : dialError(error, url.hostname.replace(/^\[|\]$/g, ''), portOf(url))
    return failed(`Get "${url.href}": ${cause}`)
  }
  const status = response.statusCode ?? 0
  const location = response.headers.location
  if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
    const target = new URL(location, url)
    const body = await readBody(response)
    if (target.hostname !== url.hostname) {
      return { result: 'warning', output: `Probe terminated redirects, Response body: ${body}` }
    }
    if (redirects === 0) return failed(`Get "${target.href}": stopped after 10 redirects`)
    return await get(target, headers, signal, redirects - 1)
  }
  const body = await readBody(response)
  if (status >= 200 && status < 400) return succeeded(body)
  return failed(`HTTP probe failed with statuscode: ${status}`)
}

function send(url: URL, options: RequestOptions): Promise<IncomingMessage> {
  const request = url.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, method: 'GET', rejectUnauthorized: false }, resolve)
    sent.on('error', reject)
    sent.end()
  })
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      chunks.push(chunk)
      length += chunk.length
      if (length >= maximumBodyBytes) break
    }
  } catch {
    // The status has come, and it alone decides: a body that breaks off is no failure.
  }
  response.destroy()
  return Buffer.concat(chunks).subarray(0, maximumBodyBytes).toString()
}

function portOf(url: URL): number {
  return url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port)
}
