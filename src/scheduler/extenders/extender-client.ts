import { readFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { Agent, request as httpsRequest } from 'node:https'
import { parseDuration } from '../../machinery/duration.ts'
import { goJson } from '../../machinery/go-json.ts'
import type { ExtenderConfiguration } from '../configuration/configuration.ts'

const defaultTimeoutMs = 5000
const maxAnswerBytes = 64 * 2 ** 20

/** Sends one question to an extender and resolves with its answer; rejects when it fails or takes too long. */
export type AskExtender = (verb: string, question: object) => Promise<unknown>

export function createExtenderClient(extender: ExtenderConfiguration): AskExtender {
  const { urlPrefix, httpTimeout, tlsConfig = {} } = extender
  const timeoutMs = httpTimeout ? parseDuration(httpTimeout) : defaultTimeoutMs
  const isTls = urlPrefix.startsWith('https:')
  const agent = isTls ? new Agent({ keepAlive: true, ...tlsOptions(tlsConfig) }) : undefined
  const send = isTls ? httpsRequest : httpRequest

  return (verb, question) =>
    new Promise((resolve, reject) => {
      const url = `${urlPrefix.replace(/\/$/, '')}/${verb}`
      const body = goJson(question)
      const outgoing = send(url, {
        method: 'POST',
        ...(agent && { agent }),
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(timeoutMs),
      })
      outgoing.on('error', reject)
      outgoing.on('response', (response) => {
        const chunks: Buffer[] = []
        let bytes = 0
        response.on('error', reject)
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > maxAnswerBytes) response.destroy(new Error(`extender ${url} answered with too much`))
          else chunks.push(chunk)
        })
        response.on('end', () => {
          if (response.statusCode !== 200) {
            reject(new Error(`failed ${verb} with extender at URL ${urlPrefix}, code ${response.statusCode}`))
            return
          }
          try {
            resolve(JSON.parse(Buffer.concat(chunks).toString()))
          } catch (error) {
            reject(new Error(`extender ${url} did not answer with JSON`, { cause: error }))
          }
        })
      })
      outgoing.end(body)
    })
}

type TlsConfiguration = NonNullable<ExtenderConfiguration['tlsConfig']>

function tlsOptions({ insecure, serverName, ...files }: TlsConfiguration) {
  const of = (data: string | undefined, file: string | undefined) =>
    data !== undefined ? Buffer.from(data, 'base64') : file ? readFileSync(file) : undefined
  const ca = of(files.caData, files.caFile)
  const cert = of(files.certData, files.certFile)
  const key = of(files.keyData, files.keyFile)
  return {
    ...(insecure && { rejectUnauthorized: false }),
    ...(serverName && { servername: serverName }),
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
  }
}
