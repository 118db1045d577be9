import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { ComponentZPages } from '../../api/zpages/component-zpages.ts'
import type { RunningComponent } from '../../client/component.ts'
import { goJson } from '../../machinery/go-json.ts'
import { metricsContentType, type Metrics } from '../../machinery/metrics.ts'
import { CliError } from '../cli/cli-error.ts'
import { exitCodes } from '../cli/exit-codes.ts'

/** What is answered for every component. */
export const healthPaths: readonly string[] = ['/configz', '/healthz', '/livez', '/metrics', '/readyz']

/** Answers for a component at `address`, `ADDRESS:PORT`; does nothing without one. `configuration` is what /configz shows. */
export async function serveHealth(
  address: string | undefined,
  component: RunningComponent,
  metrics: Metrics,
  configuration: Readonly<Record<string, unknown>> = {},
  zpages?: ComponentZPages,
): Promise<Server | undefined> {
  if (address === undefined) return undefined
  const [, host, port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(address) ?? []
  if (host === undefined) throw new CliError(`'${address}' is no ADDRESS:PORT`, exitCodes.usage)
  let isReady = false
  void component.ready.then(() => (isReady = true))
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0]
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8') => {
      response.writeHead(status, { 'content-type': type, 'x-content-type-options': 'nosniff' })
      response.end(text)
    }
    if (path === '/metrics') return answer(200, metrics.text(), metricsContentType)
    if (path === '/configz') return answer(200, goJson(configuration), 'application/json')
    // One that waits for its turn to lead lives, and is not ready.
    const ill = path === '/readyz' && !isReady ? 'not ready yet' : component.health()
    if (path === '/healthz' || path === '/livez' || path === '/readyz') {
      return ill === undefined ? answer(200, 'ok') : answer(500, `${component.name}: ${ill}`)
    }
    const page = zpages?.answer(request.url ?? '', request.headers)
    if (page) {
      response.writeHead(page.status, { 'x-content-type-options': 'nosniff', ...page.headers })
      return response.end(page.body)
    }
    return answer(404, '404 page not found\n')
  })
  server.listen(Number(port), host)
  await once(server, 'listening')
  return server
}
