import { randomUUID } from 'node:crypto'
import { findResource } from '../../api/scheme.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { apiVersionOf } from '../../machinery/resource.ts'
import { from, internalError } from '../../machinery/status-errors.ts'
import type { Attributes } from '../authorization/authorizer.ts'
import type { Answer, ResourceRequest } from '../registry/request.ts'
import type { AuditOrigin, AuditOutcome } from './audit-origin.ts'
import type { Auditor, AuditRecord } from './auditor.ts'

/** As of whoever is in the process, and of nobody else. */
const sourceIPs = ['127.0.0.1']

/**
 * Carries out a request of a component in this process, and records it as if it had come over HTTP. `attributes`: what
 * authorisers are asked about it.
 */
export async function recordRequest(
  auditor: Auditor,
  request: ResourceRequest,
  attributes: Attributes,
  carryOut: (request: ResourceRequest, record: AuditRecord | undefined) => Promise<Answer>,
): Promise<Answer> {
  const record = await auditor.beginFrom(originOf(request), attributes, randomUUID())
  if (record === 'unrecordable') throw internalError('failed to store audit event')
  if (!record) return carryOut(request, undefined)
  let answer: Answer
  try {
    answer = await carryOut({ ...request, annotate: record.annotations }, record)
  } catch (error) {
    const { status } = from(error)
    await record.ended({ code: status.code, object: () => status })
    throw error
  }
  if (answer.type !== 'watch' && answer.type !== 'events') {
    await record.ended(outcomeOf(answer))
    return answer
  }
  const begun: AuditOutcome = { code: 200, object: () => undefined }
  await record.begun(begun)
  const end = () => void record.ended(begun)
  if (answer.type === 'watch') {
    answer.watcher.onEnd(end)
    return answer
  }
  return { ...answer, events: untilEnd(answer.events, end) }
}

async function* untilEnd<T>(events: AsyncIterable<T>, end: () => void): AsyncGenerator<T> {
  try {
    yield* events
  } finally {
    end()
  }
}

function originOf(request: ResourceRequest): AuditOrigin {
  return { requestURI: uriOf(request), userAgent: request.userAgent, sourceIPs, sent: () => sentIn(request) }
}

function sentIn(request: ResourceRequest): KubernetesObject | undefined {
  switch (request.verb) {
    case 'create':
    case 'update':
      return request.body.type === 'object'
        ? named(request, request.body.object as KubernetesObject)
        : undefined
    case 'patch':
      return 'value' in request.patch ? (request.patch.value as KubernetesObject) : undefined
    case 'delete':
    case 'deletecollection':
      return { kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1', ...request.options }
    case 'get':
    case 'list':
    case 'watch':
      return undefined
  }
}

/** With what kind it is, which components need not say. */
function named(request: ResourceRequest, object: KubernetesObject): KubernetesObject {
  if (object.kind || (request.subresource !== '' && request.subresource !== 'status')) return object
  const resource = findResource(request)
  return resource ? { kind: resource.kind, apiVersion: apiVersionOf(resource), ...object } : object
}

function outcomeOf(answer: Answer & { type: 'stored' | 'object' | 'list' }): AuditOutcome {
  switch (answer.type) {
    case 'stored':
      return { code: answer.code, object: () => answer.as.show(answer.stored) }
    case 'object':
      return { code: answer.code, object: () => answer.object }
    case 'list': {
      const { page, as } = answer
      const { kind } = as.resource
      const metadata = { resourceVersion: page.revision.toString() }
      const items = () => page.items.map((stored) => as.show(stored))
      const object = () => ({ kind: `${kind}List`, apiVersion: as.apiVersion, metadata, items: items() })
      return { code: 200, object }
    }
  }
}

/** The path that the request would have over HTTP, with its query. */
function uriOf(request: ResourceRequest): string {
  const { group, version, namespace, resource, name, subresource } = request
  // A namespace counts as being in itself, which its path does not say.
  const isNamespace = group === '' && resource === 'namespaces'
  const path = [
    ...(group === '' ? ['api'] : ['apis', group]),
    version,
    ...(namespace === '' || isNamespace ? [] : ['namespaces', namespace]),
    resource,
    ...(name === '' || (request.verb === 'create' && subresource === '') ? [] : [name]),
    ...(subresource === '' ? [] : [subresource]),
  ].map(encodeURIComponent)
  const query = queryOf(request).toString()
  return `/${path.join('/')}${query === '' ? '' : `?${query}`}`
}

function queryOf(request: ResourceRequest): URLSearchParams {
  const query = new URLSearchParams()
  if (request.verb === 'watch') query.set('watch', 'true')
  if (request.verb === 'delete') return query
  const options = request.verb === 'deletecollection' ? request.listOptions : request.options
  for (const [name, value] of Object.entries(options)) {
    for (const each of [value].flat()) if (each !== undefined) query.append(name, String(each))
  }
  return query
}
