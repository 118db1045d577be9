import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { text } from 'node:stream/consumers'
import { authenticate, mayDo } from './delegated-access.ts'

/** A small API server in a pod: `wardle.example.com/v1` with flunders, kept in memory. */
interface Flunder {
  readonly metadata: Readonly<Record<string, unknown>> & { readonly namespace: string; readonly name: string }
}

const group = 'wardle.example.com'
const groupVersion = `${group}/v1`
const verbs = ['create', 'delete', 'deletecollection', 'get', 'list', 'watch']
const typed = { kind: 'Flunder', apiVersion: groupVersion }
const discovery = { groupVersion, version: 'v1' }
const documents: Readonly<Record<string, object>> = {
  '/apis': {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: [{ name: group, versions: [discovery], preferredVersion: discovery }],
  },
  [`/apis/${group}`]: {
    kind: 'APIGroup',
    apiVersion: 'v1',
    name: group,
    versions: [discovery],
    preferredVersion: discovery,
  },
  [`/apis/${groupVersion}`]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: [{ name: 'flunders', singularName: 'flunder', namespaced: true, kind: 'Flunder', verbs }],
  },
}

const flunders = new Map<string, Flunder>()
const watches = new Set<{ readonly namespace: string; send(event: object): void }>()
let revision = 1

function tell(type: string, object: Flunder): void {
  for (const { namespace, send } of watches) {
    if (namespace === '' || namespace === object.metadata.namespace) send({ type, object })
  }
}

class Refusal extends Error {
  readonly code: number
  readonly reason: string
  constructor(code: number, reason: string, message: string) {
    super(message)
    this.code = code
    this.reason = reason
  }
}

const path = new RegExp(`^/apis/${group}/v1(?:/namespaces/([^/]+))?/flunders(?:/([^/]+))?$`)

async function answer(request: IncomingMessage, response: ServerResponse): Promise<object | undefined> {
  const url = new URL(request.url ?? '/', 'https://localhost')
  const requestor = await authenticate(request)
  if (!requestor) throw new Refusal(401, 'Unauthorized', 'Unauthorized')
  const document = documents[url.pathname]
  if (document) return document
  const match = path.exec(url.pathname)
  if (!match) throw new Refusal(404, 'NotFound', 'the server could not find the requested resource')
  const [, namespace = '', name = ''] = match
  const isWatch = url.searchParams.get('watch') === 'true' || url.searchParams.get('watch') === '1'
  const verb =
    request.method === 'POST'
      ? 'create'
      : request.method === 'DELETE'
        ? name
          ? 'delete'
          : 'deletecollection'
        : name
          ? 'get'
          : isWatch
            ? 'watch'
            : 'list'
  if (!(await mayDo(requestor, { verb, group, version: 'v1', resource: 'flunders', namespace, name }))) {
    throw new Refusal(403, 'Forbidden', `User "${requestor.name}" cannot ${verb} flunders`)
  }
  const selected = () =>
    [...flunders.values()].filter(({ metadata }) => namespace === '' || metadata.namespace === namespace)
  const remove = (flunder: Flunder): Flunder => {
    flunders.delete(`${flunder.metadata.namespace}/${flunder.metadata.name}`)
    const gone = { ...flunder, metadata: { ...flunder.metadata, resourceVersion: String(++revision) } }
    tell('DELETED', gone)
    return gone
  }
  const found = flunders.get(`${namespace}/${name}`)
  if (name && !found) throw new Refusal(404, 'NotFound', `flunders.${group} "${name}" not found`)
  switch (verb) {
    case 'get':
      return found
    case 'delete':
      return remove(found!)
    case 'deletecollection':
      for (const flunder of selected()) remove(flunder)
      return { kind: 'Status', apiVersion: 'v1', status: 'Success' }
    case 'create': {
      const body = JSON.parse(await text(request)) as Flunder
      const flunder = {
        ...body,
        ...typed,
        metadata: {
          ...body.metadata,
          namespace,
          uid: randomUUID(),
          resourceVersion: String(++revision),
          creationTimestamp: new Date().toISOString().replace(/\.\d+/, ''),
        },
      }
      flunders.set(`${namespace}/${flunder.metadata.name}`, flunder)
      tell('ADDED', flunder)
      response.statusCode = 201
      return flunder
    }
    case 'list':
      return {
        kind: 'FlunderList',
        apiVersion: groupVersion,
        metadata: { resourceVersion: String(revision) },
        items: selected(),
      }
    case 'watch': {
      const watch = { namespace, send: (event: object) => void response.write(`${JSON.stringify(event)}\n`) }
      response.setHeader('content-type', 'application/json')
      response.flushHeaders()
      watches.add(watch)
      response.on('close', () => watches.delete(watch))
      return undefined
    }
  }
}

const certificate = { cert: readFileSync('/certificate/tls.crt'), key: readFileSync('/certificate/tls.key') }
const options = { ...certificate, requestCert: true, rejectUnauthorized: false }
createServer(options, (request, response) => {
  const send = (body: object) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  }
  answer(request, response).then(
    (body) => body && send(body),
    (error: Error) => {
      const { code = 500, reason = 'InternalError' } = error instanceof Refusal ? error : {}
      response.statusCode = code
      send({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: error.message })
    },
  )
}).listen(8443)
process.on('SIGTERM', () => process.exit(0))
