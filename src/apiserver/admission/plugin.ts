import type { GroupVersionKind, KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Annotate } from '../registry/request.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { User } from '../authentication/authenticator.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface AdmissionRequest {
  readonly operation: Operation
  readonly resource: Resource
  readonly subresource: string
  /** The version that the request names; objects are in the stored one all the same. */
  readonly served?: ServedResource
  /** What `object` is, where it is not one of the resource: a Binding, an Eviction, the Scale that it is shown as. */
  readonly kind?: GroupVersionKind
  /** How `object` is shown to webhooks and policies, as `kind`; the other plugins see the object itself. */
  readonly view?: ObjectView
  readonly namespace: string
  /** `''` for a create with generateName. */
  readonly name: string
  /** Of a CREATE: it comes of an update or an apply to a name under which there was nothing. */
  readonly isUpsert?: boolean
  /** The object about to be stored; plugins that mutate edit it in place. Absent for DELETE. */
  readonly object?: Writable<KubernetesObject>
  /** What is stored now, for UPDATE and DELETE. */
  readonly oldObject?: KubernetesObject
  /** CreateOptions, UpdateOptions, DeleteOptions, or the connect options. */
  readonly options: KubernetesObject
  readonly dryRun: boolean
  readonly user: User
  /** When the request must be answered, in milliseconds of the monotonic clock. */
  readonly deadlineMs?: number
  /** Aborts when the client has gone. Made on first use. */
  signal?(): AbortSignal
  /** Adds a Warning header to the answer. */
  warn(message: string): void
  /** Adds an annotation to the audit event, where events are kept. */
  readonly annotate?: Annotate
}

/** An object in the form of another kind. */
export interface ObjectView {
  show(object: KubernetesObject): KubernetesObject
  /** Brings a changed form back into the object. */
  take(object: Writable<KubernetesObject>, shown: KubernetesObject): void
}

/**
 * One round through the mutating plugins. There is a second one when a webhook or a policy has changed the object, in
 * which those run again that ask for it.
 */
export interface MutationRound {
  readonly isReinvocation: boolean
  /** What plugins keep from the first round for the second, by their names. */
  readonly memory: Map<string, unknown>
  /** Asks for a second round. */
  reinvoke(): void
}

/**
 * One admission plugin: mutates, validates, or both. Refuses by throwing a StatusError. All mutations run, in the order of
 * admission/order.ts, before the first validation. A plugin that reserves something (quota) undoes it in `release`,
 * which is called when the write fails after all.
 */
export interface AdmissionPlugin {
  readonly name: string
  handles(request: AdmissionRequest): boolean
  mutate?(request: AdmissionRequest, round?: MutationRound): void | Promise<void>
  validate?(request: AdmissionRequest): void | Promise<void>
  release?(request: AdmissionRequest): void | Promise<void>
}
