import type { IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { KubernetesObject, WatchEvent } from '../../machinery/meta.ts'
import { responseError } from '../../machinery/response-error.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { originOf, tlsOptions, type Backend } from '../connect/backend.ts'
import { patchMediaTypes } from '../registry/media-types.ts'
import type { Answer, Body, PatchBody, ResourceRequest } from '../registry/request.ts'
import type { ProxyContext } from './proxy-endpoint.ts'
import type { RemoteApi } from './remote-apis.ts'
import { backendOf, userHeaders } from './remote-server.ts'

/** Carries out a request of a component in this process for an API of another server. Throws the StatusError it answers. */
export async function carryOutRemotely(
  request: ResourceRequest,
  api: RemoteApi,
  { resolve, identity, agents }: ProxyContext,
): Promise<Answer> {
  if (!api.isAvailable) throw serviceUnavailable('service unavailable')
  const backend = backendOf(api, resolve, identity)
  const response = await send(request, backend, agents.for(backend))
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300 && request.verb === 'watch') {
    return { type: 'events', events: eventsOf(response) }
  }
  const text = await textOf(response)
  if (status < 200 || status >= 300) throw responseError(status, text, methods[request.verb])
  return { type: 'object', code: status, object: JSON.parse(text) as KubernetesObject }
}

const methods: Readonly<Record<ResourceRequest['verb'], string>> = {
  get: 'GET',
  list: 'GET',
  watch: 'GET',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETE',
}

function send(
  request: ResourceRequest,
  backend: Backend,
  agent: ReturnType<ProxyContext['agents']['for']>,
): Promise<IncomingMessage> {
  const content = contentOf(request)
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(`${originOf(backend)}${pathOf(request)}`, {
      method: methods[request.verb],
      headers: {
        accept: 'application/json',
        'user-agent': request.userAgent,
        ...(content && { 'content-type': content.type, 'content-length': content.bytes.length }),
        ...userHeaders(request.user),
      },
      agent,
      signal: request.signal(),
      ...tlsOptions(backend),
    })
    outgoing.once('response', resolve)
    outgoing.once('error', (error) =>
      reject(serviceUnavailable(`error trying to reach service: ${error.message}`)),
    )
    outgoing.end(content?.bytes)
  })
}

function pathOf(request: ResourceRequest): string {
  const { group, version, namespace, resource, name, subresource } = request
  const parts = [
    'apis',
    group,
    version,
    ...(namespace === '' ? [] : ['namespaces', namespace]),
    ...[resource, name, subresource].filter((part) => part !== ''),
  ]
  const query = queryOf(request).toString()
  return `/${parts.map(encodeURIComponent).join('/')}${query === '' ? '' : `?${query}`}`
}

function queryOf(request: ResourceRequest): URLSearchParams {
  const query = new URLSearchParams(request.verb === 'watch' ? { watch: 'true' } : {})
  const isDeletion = request.verb === 'delete' || request.verb === 'deletecollection'
  const options =
    request.verb === 'deletecollection' ? request.listOptions : isDeletion ? {} : request.options
  for (const [key, value] of Object.entries(options) as [string, unknown][]) {
    if (value === undefined) continue
    for (const item of Array.isArray(value) ? (value as readonly unknown[]) : [value])
      query.append(key, String(item))
  }
  return query
}

interface Content {
  readonly type: string
  readonly bytes: Buffer
}

function contentOf(request: ResourceRequest): Content | undefined {
  switch (request.verb) {
    case 'create':
    case 'update':
      return bodyContent(request.body)
    case 'patch':
      return patchContent(request.patch)
    case 'delete':
    case 'deletecollection': {
      const options = { kind: 'DeleteOptions', apiVersion: 'v1', ...request.options }
      return { type: 'application/json', bytes: Buffer.from(JSON.stringify(options)) }
    }
    default:
      return undefined
  }
}

function bodyContent(body: Body): Content {
  return body.type === 'bytes'
    ? { type: body.mediaType, bytes: body.bytes }
    : { type: 'application/json', bytes: Buffer.from(JSON.stringify(body.object)) }
}

function patchContent(patch: PatchBody): Content {
  const [type = ''] = Object.entries(patchMediaTypes).find(([, name]) => name === patch.type) ?? []
  return { type, bytes: 'bytes' in patch ? patch.bytes : Buffer.from(JSON.stringify(patch.value)) }
}

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function* eventsOf(response: IncomingMessage): AsyncGenerator<WatchEvent<KubernetesObject>> {
  let rest = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as WatchEvent<KubernetesObject>
  }
}
