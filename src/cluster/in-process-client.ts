import type { ApiServer } from '../apiserver/api-server.ts'
import type { StoredObject } from '../apiserver/storage/stored-object.ts'
import type { User } from '../apiserver/authentication/authenticator.ts'
import type {
  Answer,
  ListOptions as RequestListOptions,
  RequestAction,
  WriteOptions as RequestWriteOptions,
} from '../apiserver/registry/request.ts'
import type {
  Client,
  GetOptions,
  ListOptions,
  Patch,
  PatchOptions,
  UpdateOptions,
  WatchOptions,
  WriteOptions,
} from '../client/client.ts'
import type { DeleteOptions, KubernetesObject, ObjectList, WatchEvent } from '../machinery/meta.ts'
import { apiVersionOf, type ObjectName, type Resource } from '../machinery/resource.ts'
import { fromStatus, internalError } from '../machinery/status-errors.ts'

const neverAborts = new AbortController().signal

export interface InProcessClientOptions {
  /** Names the field manager of writes that name none. Default: the user's name. */
  readonly userAgent?: string
}

/**
 * A client for somebody in the API server's own process: straight into its request pipeline, where authorisation,
 * admission and validation are those of everybody. Objects handed out are the ones the watch cache holds, without a copy
 * and without encoding; objects given are copied once.
 */
export function inProcessClient(server: ApiServer, user: User, options: InProcessClientOptions = {}): Client {
  const userAgent = options.userAgent ?? user.name

  function send(
    resource: Resource,
    { namespace = '', name = '' }: Partial<ObjectName>,
    action: RequestAction,
    more: { readonly subresource?: string; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<Answer> {
    const { group, version, resource: plural } = resource
    return server.handle({
      user,
      group,
      version,
      resource: plural,
      subresource: more.subresource ?? '',
      namespace: resource.namespaced ? namespace : '',
      name,
      userAgent,
      signal: () => more.signal ?? neverAborts,
      warn: () => {},
      ...action,
    })
  }

  return {
    async get<T extends KubernetesObject>(resource: Resource<T>, name: ObjectName, options: GetOptions = {}) {
      return objectOf(await send(resource, name, { verb: 'get', options })) as T
    },
    async list<T extends KubernetesObject>(resource: Resource<T>, options: ListOptions = {}) {
      const { namespace = '', signal, metadataOnly = false, ...listOptions } = options
      const action = { verb: 'list', options: listOptions } as const
      return listOf<T>(resource, await send(resource, { namespace }, action, { signal }), metadataOnly)
    },
    watch<T extends KubernetesObject>(resource: Resource<T>, options: WatchOptions) {
      const { namespace = '', signal, metadataOnly = false, ...listOptions } = options
      const begin = () => send(resource, { namespace }, { verb: 'watch', options: listOptions }, { signal })
      return watch<T>(resource, signal, begin, metadataOnly)
    },
    async create<T extends KubernetesObject>(resource: Resource<T>, object: T, options: WriteOptions = {}) {
      const { namespace } = nameOf(object)
      return objectOf(
        await send(resource, { ...(namespace && { namespace }) }, createAction(object, options)),
      ) as T
    },
    async update<T extends KubernetesObject>(resource: Resource<T>, object: T, options: UpdateOptions = {}) {
      const action = updateAction(object, options)
      return objectOf(await send(resource, nameOf(object), action, subresourceOf(options))) as T
    },
    async patch<T extends KubernetesObject>(
      resource: Resource<T>,
      name: ObjectName,
      patch: Patch,
      options: PatchOptions = {},
    ) {
      const { force } = options
      const action = {
        verb: 'patch',
        patch: patchBody(patch),
        options: { ...writeOptions(options), ...(force !== undefined && { force }) },
      } as const
      return objectOf(await send(resource, name, action, subresourceOf(options))) as T
    },
    async delete<T extends KubernetesObject>(
      resource: Resource<T>,
      name: ObjectName,
      options: DeleteOptions = {},
    ) {
      return objectOf(await send(resource, name, { verb: 'delete', options }))
    },
    async deleteCollection<T extends KubernetesObject>(
      resource: Resource<T>,
      options: ListOptions & DeleteOptions = {},
    ) {
      const { namespace = '', signal, metadataOnly: _metadataOnly, ...rest } = options
      const [listOptions, deleteOptions] = splitOptions(rest)
      const action = { verb: 'deletecollection', options: deleteOptions, listOptions } as const
      return listOf<T>(resource, await send(resource, { namespace }, action, { signal }))
    },
    async createSubresource<T extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
      body: KubernetesObject,
      options: WriteOptions = {},
    ) {
      return objectOf(await send(resource, name, createAction(body, options), { subresource })) as T
    },
    async getSubresource<T extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
    ) {
      return objectOf(await send(resource, name, { verb: 'get', options: {} }, { subresource })) as T
    },
    async updateSubresource<T extends KubernetesObject>(
      resource: Resource,
      name: ObjectName,
      subresource: string,
      body: KubernetesObject,
      options: WriteOptions = {},
    ) {
      return objectOf(await send(resource, name, updateAction(body, options), { subresource })) as T
    },
    raw: (path, options) => server.raw(user, path, options),
  }
}

function createAction(object: KubernetesObject, options: WriteOptions): RequestAction {
  return { verb: 'create', body: bodyOf(object), options: writeOptions(options) }
}

function updateAction(object: KubernetesObject, options: WriteOptions): RequestAction {
  return { verb: 'update', body: bodyOf(object), options: writeOptions(options) }
}

/** The object itself: whoever reads it makes a copy. */
function bodyOf(object: KubernetesObject) {
  return { type: 'object', object } as const
}

function nameOf({ metadata }: KubernetesObject): Partial<ObjectName> {
  const { namespace, name } = metadata ?? {}
  return { ...(namespace && { namespace }), ...(name && { name }) }
}

function writeOptions({ dryRun, fieldManager, fieldValidation }: WriteOptions): RequestWriteOptions {
  return {
    ...(dryRun && { dryRun: [dryRun] }),
    ...(fieldManager && { fieldManager }),
    ...(fieldValidation && { fieldValidation }),
  }
}

function subresourceOf({ subresource }: UpdateOptions): { readonly subresource?: string } {
  return subresource ? { subresource } : {}
}

function patchBody(patch: Patch) {
  const value = patch.type === 'json' ? patch.operations : patch.body
  return { type: patch.type, value }
}

const listOptionNames = new Set([
  'labelSelector',
  'fieldSelector',
  'limit',
  'continue',
  'resourceVersion',
  'resourceVersionMatch',
])

function splitOptions(options: object): readonly [RequestListOptions, DeleteOptions] {
  const entries = Object.entries(options)
  return [
    Object.fromEntries(entries.filter(([name]) => listOptionNames.has(name))),
    Object.fromEntries(entries.filter(([name]) => !listOptionNames.has(name))),
  ]
}

function objectOf(answer: Answer): KubernetesObject {
  switch (answer.type) {
    case 'stored':
      return answer.as.show(answer.stored)
    case 'object':
      return answer.object
    default:
      throw internalError(`the API server answered with a ${answer.type}`)
  }
}

function listOf<T extends KubernetesObject>(
  resource: Resource,
  answer: Answer,
  metadataOnly = false,
): ObjectList<T> {
  // Another server's list comes as the object that it is.
  if (answer.type === 'object') return answer.object as unknown as ObjectList<T>
  if (answer.type !== 'list') throw internalError(`the API server answered a list with a ${answer.type}`)
  const { page, as } = answer
  return {
    kind: `${resource.kind}List`,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: page.revision.toString(),
      ...(page.continue !== undefined && { continue: page.continue }),
      ...(page.remainingItemCount !== undefined && { remainingItemCount: page.remainingItemCount }),
    },
    items: page.items.map((stored) => (metadataOnly ? partialOf(resource, stored) : as.show(stored)) as T),
  }
}

async function* watch<T extends KubernetesObject>(
  resource: Resource,
  signal: AbortSignal,
  begin: () => Promise<Answer>,
  metadataOnly: boolean,
): AsyncGenerator<WatchEvent<T>> {
  if (signal.aborted) return
  const answer = await begin()
  if (answer.type === 'events') {
    yield* foreignEvents<T>(answer.events)
    return
  }
  if (answer.type !== 'watch') throw internalError(`the API server answered a watch with a ${answer.type}`)
  const { watcher, as } = answer
  const close = () => watcher.close()
  signal.addEventListener('abort', close, { once: true })
  if (signal.aborted) close()
  try {
    for (let batch = await watcher.take(); batch; batch = await watcher.take()) {
      if (!metadataOnly) await as.prepareEvents(batch)
      for (const event of batch) {
        if (signal.aborted) return
        if (event.type === 'ERROR') throw fromStatus(event.status)
        if (event.type === 'BOOKMARK') yield { type: event.type, object: bookmark(resource, event) as T }
        else if (metadataOnly) yield { type: event.type, object: partialOf(resource, event.stored) as T }
        else if (!as.sendsStored) yield { type: event.type, object: as.show(event.stored) as T }
        else yield event as WatchEvent<KubernetesObject> as WatchEvent<T>
      }
    }
  } finally {
    signal.removeEventListener('abort', close)
    close()
  }
}

/** The events of another server's watch. */
async function* foreignEvents<T extends KubernetesObject>(
  events: AsyncIterable<WatchEvent<KubernetesObject>>,
): AsyncGenerator<WatchEvent<T>> {
  for await (const event of events) {
    if (event.type === 'ERROR') throw fromStatus(event.object)
    yield event as WatchEvent<T>
  }
}

/** What somebody sees who wants metadata alone; the rest of the object is not even read for it. */
function partialOf(resource: Resource, { metadata }: StoredObject): KubernetesObject {
  return { kind: resource.kind, apiVersion: apiVersionOf(resource), metadata }
}

function bookmark(
  resource: Resource,
  event: { readonly resourceVersion: string; readonly initialEventsEnd: boolean },
): KubernetesObject {
  return {
    kind: resource.kind,
    apiVersion: apiVersionOf(resource),
    metadata: {
      resourceVersion: event.resourceVersion,
      ...(event.initialEventsEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
    },
  }
}
