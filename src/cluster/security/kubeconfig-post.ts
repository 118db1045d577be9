import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { dirname } from 'node:path'
import type { PostJson, PostOptions } from '../../apiserver/webhook/post-json.ts'
import { parseKubeconfig, type ConnectionOptions } from '../../client/kubeconfig.ts'
import type { Clock } from '../../machinery/clock.ts'
import { genericServerResponse } from '../../machinery/generic-server-response.ts'
import { goJsonLine } from '../../machinery/go-json.ts'
import type { JsonValue } from '../../machinery/meta.ts'

const maxBytes = 4 * 1024 * 1024

interface Answer {
  readonly status: number
  readonly text: string
  /** 0 where it does not say that it is worth another try. */
  readonly retryAfterSeconds: number
}

/**
 * Posts to exactly the URL that a kubeconfig names as its cluster's server, as its user, and gives the JSON that it answers.
 * Throws when the kubeconfig cannot be used. Source: k8s.io/apiserver/pkg/util/webhook, LoadKubeconfig.
 */
export function kubeconfigPost(path: string, clock: Clock): PostJson {
  const send = kubeconfigSender(path, clock)
  return async (body, options) => JSON.parse(await send(body, options)) as JsonValue
}

/** As kubeconfigPost, for servers that need not answer anything. */
export function kubeconfigSender(
  path: string,
  clock: Clock,
): (body: unknown, options: PostOptions) => Promise<string> {
  const { connection } = parseKubeconfig(readFileSync(path, 'utf8'), { directory: dirname(path), clock })
  const url = new URL(connection.server)
  if (url.protocol !== 'https:') throw new Error(`${path}: the server of a webhook must be reached by https`)
  const agent = new Agent({ keepAlive: true, ...identityOf(connection) })
  return async (body, { timeoutMs }) => {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    const token = await tokenOf(connection)
    const sent = request(url, {
      method: 'POST',
      agent,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, */*',
        'user-agent': 'kube-apiserver',
        ...(token && { authorization: `Bearer ${token}` }),
      },
    })
    const fail = (error: Error) => reject(new Error(`Post "${url.href}": ${error.message}`, { cause: error }))
    const cancel = clock.after(timeoutMs, () => sent.destroy(new Error('context deadline exceeded')))
    sent.on('error', fail)
    sent.on('response', (response) => {
      const chunks: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > maxBytes) sent.destroy(new Error(`the answer is longer than ${maxBytes} bytes`))
        chunks.push(chunk)
      })
      response.on('error', fail)
      response.on('end', () => {
        const retryAfterSeconds = Number.parseInt(response.headers['retry-after'] ?? '', 10) || 0
        resolve({
          status: response.statusCode ?? 0,
          text: Buffer.concat(chunks).toString(),
          retryAfterSeconds,
        })
      })
    })
    sent.end(goJsonLine(body))
    try {
      const { status, text, retryAfterSeconds } = await promise
      if (status < 200 || status > 299) {
        throw genericServerResponse({
          code: status,
          verb: 'POST',
          message: text.slice(0, 2048).trim(),
          retryAfterSeconds,
        })
      }
      return text
    } finally {
      cancel()
    }
  }
}

function identityOf(connection: ConnectionOptions) {
  const ca = connection.caData ?? fileOf(connection.caFile)
  const cert = connection.certData ?? fileOf(connection.certFile)
  const key = connection.keyData ?? fileOf(connection.keyFile)
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(connection.tlsServerName && { servername: connection.tlsServerName }),
    ...(connection.insecureSkipTlsVerify && { rejectUnauthorized: false }),
  }
}

function fileOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8')
}

/** A file is read for each request: tokens in it are replaced. */
async function tokenOf({ token, tokenFile }: ConnectionOptions): Promise<string | undefined> {
  if (tokenFile !== undefined) return readFileSync(tokenFile, 'utf8').trim()
  return typeof token === 'function' ? await token() : token
}
