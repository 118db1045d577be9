import { request as httpsRequest } from 'node:https'
import type { Clock } from '../../machinery/clock.ts'
import { originOf, tlsOptions, type Backend, type BackendAgents } from '../connect/backend.ts'

export interface KubeletFetchOptions {
  readonly agents: BackendAgents
  readonly clock: Clock
  readonly timeoutMs: number
}

/** GETs a text of a kubelet. Rejects when it does not answer in time, or with anything but 200. */
export function fetchFromKubelet(
  kubelet: Backend,
  path: string,
  { agents, clock, timeoutMs }: KubeletFetchOptions,
): Promise<string> {
  const url = `${originOf(kubelet)}${path}`
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { agent: agents.for(kubelet), ...tlsOptions(kubelet) })
    const cancelTimeout = clock.after(timeoutMs, () =>
      request.destroy(new Error(`${url}: no answer in time`)),
    )
    request.once('close', cancelTimeout)
    request.once('error', reject)
    request.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('error', reject)
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(text)
        else reject(new Error(`${url}: status ${response.statusCode}: ${text.slice(0, 200)}`))
      })
    })
    request.end()
  })
}
