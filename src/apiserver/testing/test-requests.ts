import type { DeleteOptions, KubernetesObject } from '../../machinery/meta.ts'
import type { ObjectName, Resource } from '../../machinery/resource.ts'
import { StatusError } from '../../machinery/status.ts'
import type { ApiServer } from '../api-server.ts'
import type { User } from '../authentication/authenticator.ts'
import type {
  Answer,
  ListOptions,
  PatchOptions,
  PatchType,
  RequestAction,
  WriteOptions,
} from '../registry/request.ts'
import { testUser } from './test-server.ts'

/** Sends requests to a server as components in its process do, and gives what comes back in short. */
export class TestRequests {
  readonly warnings: string[] = []
  /** What is said for the audit log. */
  readonly notes = new Map<string, string>()
  readonly #server: ApiServer
  readonly #user: User

  constructor(server: ApiServer, user: User = testUser) {
    this.#server = server
    this.#user = user
  }

  send(
    resource: Resource,
    name: Partial<ObjectName>,
    action: RequestAction,
    subresource = '',
  ): Promise<Answer> {
    const { group, version, resource: plural } = resource
    return this.#server.handle({
      user: this.#user,
      group,
      version,
      resource: plural,
      subresource,
      namespace: name.namespace ?? '',
      name: name.name ?? '',
      userAgent: 'test/1.0',
      signal: () => new AbortController().signal,
      warn: (message) => this.warnings.push(message),
      annotate: (key, value) => void this.notes.set(key, value),
      ...action,
    })
  }

  async get<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    subresource = '',
  ): Promise<T> {
    return objectOf(await this.send(resource, name, { verb: 'get', options: {} }, subresource)) as T
  }

  async create<T extends KubernetesObject>(
    resource: Resource<T>,
    object: T,
    options: WriteOptions = {},
  ): Promise<T> {
    const body = { type: 'object', object } as const
    const { namespace = '' } = object.metadata ?? {}
    return objectOf(await this.send(resource, { namespace }, { verb: 'create', body, options })) as T
  }

  async post(resource: Resource, name: ObjectName, subresource: string, object: unknown, dryRun = false) {
    const options = dryRun ? { dryRun: ['All'] } : {}
    const body = { type: 'object', object } as const
    return objectOf(await this.send(resource, name, { verb: 'create', body, options }, subresource))
  }

  async update<T extends KubernetesObject>(resource: Resource<T>, object: T, subresource = ''): Promise<T> {
    const { namespace = '', name = '' } = object.metadata ?? {}
    const body = { type: 'object', object } as const
    const action = { verb: 'update', body, options: {} } as const
    return objectOf(await this.send(resource, { namespace, name }, action, subresource)) as T
  }

  async patch<T extends KubernetesObject>(
    resource: Resource<T>,
    name: ObjectName,
    value: unknown,
    type: PatchType = 'merge',
    options: PatchOptions = {},
    subresource = '',
  ): Promise<T> {
    const action = { verb: 'patch', patch: { type, value }, options } as const
    return objectOf(await this.send(resource, name, action, subresource)) as T
  }

  async delete(resource: Resource, name: ObjectName, options: DeleteOptions = {}): Promise<KubernetesObject> {
    return objectOf(await this.send(resource, name, { verb: 'delete', options }))
  }

  async names(resource: Resource, namespace = '', options: ListOptions = {}): Promise<readonly string[]> {
    const answer = await this.send(resource, { namespace }, { verb: 'list', options })
    return answer.type === 'list' ? answer.page.items.map(({ name }) => name) : []
  }
}

function objectOf(answer: Answer): KubernetesObject {
  switch (answer.type) {
    case 'stored':
      return answer.as.show(answer.stored)
    case 'object':
      return answer.object
    default:
      throw new Error(`no object but a ${answer.type}`)
  }
}

/** `409 Conflict: message` of what a promise rejects with. */
export async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'no refusal'
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const { code, reason, message } = error.status
    return `${code} ${reason}: ${message}`
  }
}
