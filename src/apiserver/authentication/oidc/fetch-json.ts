import { get } from 'node:https'
import type { Clock } from '../../../machinery/clock.ts'

const timeoutMs = 30_000
const maxBytes = 4 * 1024 * 1024

/** GETs JSON over HTTPS from a server whose certificate `certificateAuthority` (PEM; the machine's when absent) vouches for. */
export type FetchJson = (url: string, certificateAuthority: string | undefined) => Promise<unknown>

/** Follows no redirect: the operator named who is asked. Throws an Error for anything but 200 and JSON. */
export function createFetchJson(clock: Clock): FetchJson {
  return async (url, certificateAuthority) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    const request = get(
      url,
      {
        headers: { accept: 'application/json', 'user-agent': 'kube-apiserver' },
        agent: false,
        ...(certificateAuthority && { ca: certificateAuthority }),
      },
      (response) => {
        const chunks: Buffer[] = []
        let size = 0
        response.on('data', (chunk: Buffer) => {
          size += chunk.length
          if (size > maxBytes)
            request.destroy(new Error(`the answer of ${url} is longer than ${maxBytes} bytes`))
          chunks.push(chunk)
        })
        response.on('error', reject)
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString())
          else reject(new Error(`Get "${url}": ${response.statusCode} ${response.statusMessage}`))
        })
      },
    )
    const cancel = clock.after(timeoutMs, () =>
      request.destroy(new Error(`Get "${url}": context deadline exceeded`)),
    )
    request.on('error', reject)
    try {
      return JSON.parse(await promise) as unknown
    } finally {
      cancel()
    }
  }
}
