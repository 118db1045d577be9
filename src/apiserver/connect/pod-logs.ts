import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { invalid as invalidField, path, type FieldError } from '../../machinery/field-error.ts'
import { genericServerResponse } from '../../machinery/generic-server-response.ts'
import { badRequest, internalError, invalid } from '../../machinery/status-errors.ts'
import { StatusError } from '../../machinery/status.ts'
import type { HttpReply, HttpRequest } from '../http/http-exchange.ts'
import { isTrue } from '../http/parse-request-info.ts'
import { originOf, tlsOptions, type Backend, type BackendAgents } from './backend.ts'
import { passOn } from './proxy-request.ts'
import { readOverWebSocket } from './read-over-websocket.ts'

const maxErrorBytes = 50_000
const integers = ['sinceSeconds', 'tailLines', 'limitBytes'] as const
const flags = ['follow', 'previous', 'timestamps'] as const

/** The query for the kubelet's /containerLogs, of that of the client's. Throws Invalid. */
export function logQuery(query: URLSearchParams): URLSearchParams {
  const passed = new URLSearchParams()
  const errors: FieldError[] = []
  for (const name of flags) if (isTrue(query.get(name))) passed.set(name, 'true')
  for (const name of integers) {
    const text = query.get(name)
    if (!text) continue
    const value = Number(text)
    if (!Number.isSafeInteger(value))
      throw badRequest(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`)
    const least = name === 'tailLines' ? 0 : 1
    if (value < least) {
      const detail = `must be greater than or equal to 0`
      errors.push(invalidField(path(name), value, least === 0 ? detail : 'must be greater than 0'))
    }
    passed.set(name, String(value))
  }
  const sinceTime = query.get('sinceTime')
  if (sinceTime) passed.set('sinceTime', sinceTime)
  if (sinceTime && passed.has('sinceSeconds')) {
    const detail = 'at most one of `sinceTime` or `sinceSeconds` may be specified'
    errors.push({ type: 'FieldValueForbidden', field: '', message: `Forbidden: ${detail}` })
  }
  const stream = query.get('stream')
  if (stream && stream !== 'All') passed.set('stream', stream)
  if (errors.length > 0) throw invalid('PodLogOptions', '', errors)
  return passed
}

/** Streams the logs of a container from its kubelet. Source: k8s.io/apiserver/pkg/registry/generic/rest. */
export async function streamLogs(
  request: HttpRequest,
  kubelet: Backend,
  target: string,
  podName: string,
  agents: BackendAgents,
): Promise<HttpReply> {
  const response = await get(request, kubelet, target, agents)
  const status = response.statusCode ?? 500
  if (status < 200 || status > 206) throw await refusalOf(response, status, podName)
  if (request.upgrade?.protocol === 'websocket') return readOverWebSocket(request, response)
  return {
    status: 200,
    headers: { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' },
    body: (sink) => passOn(response, sink),
  }
}

function get(
  request: HttpRequest,
  kubelet: Backend,
  target: string,
  agents: BackendAgents,
): Promise<IncomingMessage> {
  const url = `${originOf(kubelet)}${target}`
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(url, { agent: agents.for(kubelet), ...tlsOptions(kubelet) }, resolve)
    outgoing.once('error', (error) => reject(new StatusError(500, '', `Get "${url}": ${error.message}`)))
    request.signal.addEventListener('abort', () => outgoing.destroy(), { once: true })
    outgoing.end()
  })
}

async function refusalOf(response: IncomingMessage, code: number, podName: string): Promise<StatusError> {
  let body = ''
  for await (const chunk of response) {
    body += (chunk as Buffer).toString()
    if (body.length >= maxErrorBytes) break
  }
  const message = body.slice(0, maxErrorBytes)
  if (code === 500) return internalError(message)
  if (code === 400) return badRequest(message)
  return genericServerResponse({
    code,
    verb: '',
    resource: { group: '', resource: 'pods/log' },
    name: podName,
    message,
  })
}
