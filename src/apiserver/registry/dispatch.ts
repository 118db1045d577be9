import { returnsDeletedObject } from '../../api/returns-deleted-object.ts'
import type { GroupVersionKind } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import { StatusError } from '../../machinery/status.ts'
import { createObject } from './create.ts'
import { deleteCollection } from './delete-collection.ts'
import { deletedStatus, deleteObject, type Deleted } from './delete.ts'
import { patchObject } from './patch.ts'
import type { Registry } from './registry.ts'
import { replaceObject } from './replace.ts'
import { answerReport } from './reporter.ts'
import { answerQuestion } from './responder.ts'
import type { Answer, RequestScope, ResourceRequest, Verb } from './request.ts'
import type { ResourceTable } from './resource-table.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { ServedResource } from './served-resource.ts'
import type { Updated } from './update.ts'
import type { UpdateRules } from './update-rules.ts'

export const allVerbs: readonly Verb[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]

/** Carries out an authorised request. Throws a StatusError. */
export async function dispatch(
  table: ResourceTable,
  request: ResourceRequest,
  rights: Pick<RequestScope, 'authorizeCreate' | 'whyRefused'>,
): Promise<Answer> {
  const served = await table.findLatest(request)
  if (!served) throw resourceNotFound()
  const scope: RequestScope = {
    user: request.user,
    verb: request.verb,
    served,
    subresource: request.subresource,
    subresourceKind: subresourceKind(table, served, request.subresource),
    namespace: request.namespace,
    userAgent: request.userAgent,
    signal: () => request.signal(),
    ...(request.deadlineMs !== undefined && { deadlineMs: request.deadlineMs }),
    warn: (message) => request.warn(message),
    ...(request.annotate && { annotate: request.annotate }),
    ...rights,
  }
  checkScope(served, request)
  if (served.deprecation) request.warn(served.deprecation)
  if (request.subresource !== '') return dispatchSubresource(table, scope, request)
  if (!(served.definition.verbs ?? allVerbs).includes(request.verb)) throw verbNotAllowed()
  const responder = table.responderOf(served.registry)
  if (responder && request.verb === 'create') {
    return answerQuestion(served.registry, responder, scope, request.body, request.options)
  }
  const reporter = table.reporterOf(served.registry)
  if (reporter) return answerReport(served.registry, reporter, scope, request)
  return dispatchObject(served.registry, scope, request)
}

function subresourceKind(
  table: ResourceTable,
  served: ServedResource,
  subresource: string,
): GroupVersionKind | undefined {
  if (subresource === '') return undefined
  const kind = table
    .subresourcesOf(served)
    .find(({ name }) => name === subresource)
    ?.kind(served.resource)
  return kind === served.resource ? undefined : kind
}

async function dispatchSubresource(
  table: ResourceTable,
  scope: RequestScope,
  request: ResourceRequest,
): Promise<Answer> {
  const { registry } = scope.served
  const subresource = table.subresourcesOf(scope.served).find(({ name }) => name === request.subresource)
  if (!subresource) throw resourceNotFound()
  if (!subresource.verbs.includes(request.verb)) throw verbNotAllowed()
  return subresource.handle(registry, scope, request)
}

async function dispatchObject(
  registry: Registry,
  scope: RequestScope,
  request: ResourceRequest,
): Promise<Answer> {
  const { served } = scope
  switch (request.verb) {
    case 'get': {
      const stored = await registry.get(scope, request.name, request.options)
      return storedAnswer(served, 200, stored)
    }
    case 'list': {
      const page = await registry.list(scope, request.options)
      await served.prepare(page.items)
      return { type: 'list', page, as: served }
    }
    case 'watch': {
      const watcher = await registry.watch(scope, request.options)
      const { timeoutSeconds } = request.options
      if (timeoutSeconds) registry.limitWatch(watcher, timeoutSeconds * 1000)
      return { type: 'watch', watcher, as: served }
    }
    case 'create': {
      const created = await createObject(registry, scope, request.body, request.options)
      if (created.type === 'stored') return storedAnswer(served, 201, created.stored)
      return { type: 'object', code: 201, object: served.fromWorking(created.object), as: served }
    }
    case 'update':
    case 'patch':
      return writeExisting(registry, scope, request, served.rules)
    case 'delete': {
      const deleted = await deleteObject(registry, scope, request.name, request.options)
      const isAccepted = deleted.type !== 'gone' && request.options.orphanDependents === false
      return deletedAnswer(registry, served, deleted, isAccepted ? 202 : 200)
    }
    case 'deletecollection': {
      const page = await deleteCollection(registry, scope, request.options, request.listOptions)
      await served.prepare(page.items)
      return { type: 'list', page, as: served }
    }
  }
}

/** PUT or PATCH of an object or of a part of it. */
export async function writeExisting(
  registry: Registry,
  scope: RequestScope,
  request: ResourceRequest,
  rules: UpdateRules,
): Promise<Answer> {
  switch (request.verb) {
    case 'update': {
      const { name, body, options } = request
      return updatedAnswer(scope.served, await replaceObject(registry, scope, name, body, options, rules))
    }
    case 'patch': {
      const { name, patch, options } = request
      return updatedAnswer(scope.served, await patchObject(registry, scope, name, patch, options, rules))
    }
    default:
      throw verbNotAllowed()
  }
}

async function storedAnswer(as: ServedResource, code: number, stored: StoredObject): Promise<Answer> {
  await as.prepare([stored])
  return { type: 'stored', code, stored, as }
}

async function updatedAnswer(served: ServedResource, updated: Updated): Promise<Answer> {
  const code = updated.created ? 201 : 200
  if (updated.type === 'stored') return storedAnswer(served, code, updated.stored)
  return { type: 'object', code, object: served.fromWorking(updated.object), as: served }
}

async function deletedAnswer(
  registry: Registry,
  as: ServedResource,
  deleted: Deleted,
  code: number,
): Promise<Answer> {
  switch (deleted.type) {
    case 'deleting':
      return storedAnswer(as, code, deleted.stored)
    case 'unchanged':
      return { type: 'object', code, object: await as.present(deleted.object), as }
    case 'gone': {
      const { resource } = registry.definition
      // Of namespaces OpenAPI does not say so, but it is what upstream answers.
      const isNamespace = resource.group === '' && resource.resource === 'namespaces'
      if (isNamespace || returnsDeletedObject(resource))
        return { type: 'object', code, object: await as.present(deleted.object), as }
      return { type: 'object', code, object: deletedStatus(registry, deleted.object.metadata ?? {}) }
    }
  }
}

const collectionVerbs: ReadonlySet<Verb> = new Set(['list', 'watch', 'deletecollection'])

/**
 * Some verbs are for one object, some for a collection; namespaced objects have a namespace in their path, and others
 * have none: rights in a namespace were asked about, and they are no rights to what is the whole cluster's.
 */
function checkScope({ resource }: ServedResource, request: ResourceRequest): void {
  const { verb, name, subresource, namespace } = request
  if (!resource.namespaced && namespace !== '' && !isNamespaceItself(resource, request))
    throw resourceNotFound()
  if (collectionVerbs.has(verb) ? name !== '' : name === '' && verb !== 'create') throw verbNotAllowed()
  if (verb === 'create' && (name === '') !== (subresource === '')) throw verbNotAllowed()
  if (!resource.namespaced || namespace !== '') return
  if (name !== '') throw resourceNotFound()
  if (verb === 'create' || verb === 'deletecollection') throw verbNotAllowed()
}

/** Rights to a namespace are asked about as rights in it. */
function isNamespaceItself({ group, resource }: Resource, { namespace, name }: ResourceRequest): boolean {
  return group === '' && resource === 'namespaces' && namespace === name
}

/** 404 for a path under which nothing is served. */
export function resourceNotFound(): StatusError {
  return new StatusError(404, 'NotFound', 'the server could not find the requested resource', {})
}

/** 405 for a path that does not know the method. */
export function verbNotAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  )
}
