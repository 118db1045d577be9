import type { KubernetesObject } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { User } from '../authentication/authenticator.ts'
import { admitSubresource } from './admit-subresource.ts'
import { ensureNamespace, metadataOf } from './object-meta.ts'
import type { Registry } from './registry.ts'
import type { Answer, Body, RequestScope, WriteOptions } from './request.ts'

/** A resource whose objects are questions: a create is answered, nothing is stored. Reviews, for example. */
export interface Responder<T extends KubernetesObject = KubernetesObject> {
  readonly resource: Resource<T>
  /** The question with its answer. Throws a StatusError to refuse. */
  respond(question: T, request: Question): Promise<KubernetesObject>
}

export interface Question {
  readonly user: User
  readonly namespace: string
  readonly dryRun: boolean
  /** Adds a Warning header to the answer. */
  warn(message: string): void
}

/** Type-checks a responder against its resource. */
export function responder<T extends KubernetesObject>(
  resource: Resource<T>,
  respond: Responder<T>['respond'],
): Responder {
  return { resource, respond: (question, request) => respond(question as T, request) }
}

/** POST of a question: decode, default, admit, answer. */
export async function answerQuestion(
  registry: Registry,
  { respond }: Responder,
  scope: RequestScope,
  body: Body,
  options: WriteOptions,
): Promise<Answer> {
  const question = registry.decode(scope, body, options)
  const metadata = metadataOf(question)
  ensureNamespace(registry.definition, metadata, scope.namespace)
  if (Object.keys(metadata).length === 0) delete question.metadata
  await admitSubresource(registry, scope, metadata.name ?? '', question, options)
  const object = await respond(question, {
    user: scope.user,
    namespace: scope.namespace,
    dryRun: (options.dryRun?.length ?? 0) > 0,
    warn: (message) => scope.warn(message),
  })
  const { kind: ownKind, apiVersion: ownVersion, ...rest } = object
  const { kind } = scope.served.resource
  return {
    type: 'object',
    code: 201,
    object: { kind: ownKind ?? kind, apiVersion: ownVersion ?? scope.served.apiVersion, ...rest },
  }
}
