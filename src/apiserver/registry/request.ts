import type { DeleteOptions, GroupVersionKind, KubernetesObject, WatchEvent } from '../../machinery/meta.ts'
import type { User } from '../authentication/authenticator.ts'
import type { Attributes } from '../authorization/authorizer.ts'
import type { ListPage } from '../storage/list-page.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import type { Watcher } from '../storage/watcher.ts'
import type { ServedResource } from './served-resource.ts'

/**
 * A request for objects, the same whichever way it came: over HTTPS, with bytes, or from a component in this process, with
 * objects. It is authenticated; it is authorised before it is carried out.
 */
export type ResourceRequest = RequestBase & RequestAction

/** What is said for the audit event of a request. */
export interface Annotate {
  /** Adds an annotation; with a level, only where so much is recorded. What was said first stays. */
  (key: string, value: string, level?: 'Metadata' | 'Request'): void
  /** How long a part of the request took: that is recorded of requests that were slow. Absent where it is not asked for. */
  readonly took?: (part: TimedPart, milliseconds: number) => void
}

/** Parts of serving a request, as upstream's annotations `apiserver.latency.k8s.io/...` name them. */
export type TimedPart =
  | 'apf-queue-wait'
  | 'authentication'
  | 'authorization'
  | 'impersonation'
  | 'mutating-webhook'
  | 'validating-webhook'

export interface RequestBase {
  readonly user: User
  readonly group: string
  readonly version: string
  /** `pods` */
  readonly resource: string
  /** `''`: the object itself. */
  readonly subresource: string
  /** `''`: all namespaces, or cluster-scoped. */
  readonly namespace: string
  /** `''` for collections. */
  readonly name: string
  /** The first part of it names the field manager where the request names none. */
  readonly userAgent: string
  /**
   * Aborts when the client has gone; ends watches. Made when it is asked for, which few do. No getter: V8 would keep each
   * object that is written with one until all memory is looked through.
   */
  signal(): AbortSignal
  /** When it must be answered, in milliseconds of the monotonic clock; absent where it may take its time. */
  readonly deadlineMs?: number
  /** Adds a Warning header to the answer. */
  warn(message: string): void
  /** Adds an annotation to the audit event, where there is one. */
  readonly annotate?: Annotate
}

export type RequestAction =
  | { readonly verb: 'get'; readonly options: GetOptions }
  | { readonly verb: 'list' | 'watch'; readonly options: ListOptions }
  | { readonly verb: 'create' | 'update'; readonly body: Body; readonly options: WriteOptions }
  | { readonly verb: 'patch'; readonly patch: PatchBody; readonly options: PatchOptions }
  | { readonly verb: 'delete'; readonly options: DeleteOptions }
  | { readonly verb: 'deletecollection'; readonly options: DeleteOptions; readonly listOptions: ListOptions }

export type Verb = RequestAction['verb']

export interface GetOptions {
  readonly resourceVersion?: string
}

/** Source: ListOptions of meta/v1. */
export interface ListOptions {
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: string
  readonly allowWatchBookmarks?: boolean
  readonly sendInitialEvents?: boolean
  readonly timeoutSeconds?: number
}

export interface WriteOptions {
  readonly dryRun?: readonly string[]
  readonly fieldManager?: string
  /** `Ignore`, `Warn` (the default) or `Strict`. */
  readonly fieldValidation?: string
}

export interface PatchOptions extends WriteOptions {
  readonly force?: boolean
}

/** An object to be written. */
export type Body =
  | { readonly type: 'bytes'; readonly mediaType: string; readonly bytes: Buffer }
  /** Of a component in this process: it is copied, never edited. */
  | { readonly type: 'object'; readonly object: unknown }

export type PatchBody = { readonly type: PatchType } & (
  | { readonly bytes: Buffer }
  /** Of a component in this process. */
  | { readonly value: unknown }
)

export type PatchType = 'json' | 'merge' | 'strategic' | 'apply'

/** What comes of a request. */
export type Answer =
  /** An object as it stands in the store: its bytes can be sent as they are. */
  | {
      readonly type: 'stored'
      readonly code: number
      readonly stored: StoredObject
      readonly as: ServedResource
    }
  /** An object made for this answer: a Status, a Scale, a review, the result of a dry run. */
  | {
      readonly type: 'object'
      readonly code: number
      readonly object: KubernetesObject
      readonly as?: ServedResource
    }
  | { readonly type: 'list'; readonly page: ListPage; readonly as: ServedResource }
  | { readonly type: 'watch'; readonly watcher: Watcher; readonly as: ServedResource }
  /** A watch of what another server serves, for components in this process. */
  | { readonly type: 'events'; readonly events: AsyncIterable<WatchEvent<KubernetesObject>> }

/** What the parts of the pipeline know of the request they serve. */
export interface RequestScope {
  readonly user: User
  readonly verb: string
  readonly served: ServedResource
  readonly subresource: string
  /** What the bodies of the subresource are, where they are not the object. */
  readonly subresourceKind?: GroupVersionKind | undefined
  readonly namespace: string
  readonly userAgent: string
  signal(): AbortSignal
  readonly deadlineMs?: number
  warn(message: string): void
  readonly annotate?: Annotate
  /** Throws Forbidden unless the user may also create the object that an update or an apply would create. */
  authorizeCreate(name: string): Promise<void>
  /** Why the user may not do what else the request takes, undefined when they may: the request's action but for `other`. */
  whyRefused(other: Partial<Attributes>): Promise<string | undefined>
}

export function isDryRun(options: { readonly dryRun?: readonly string[] }): boolean {
  return options.dryRun !== undefined && options.dryRun.length > 0
}
