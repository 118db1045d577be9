import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { Resource } from '../../machinery/resource.ts'
import type { User } from '../authentication/authenticator.ts'

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'

export interface AdmissionRequest {
  readonly operation: Operation
  readonly resource: Resource
  readonly subresource: string
  readonly namespace: string
  /** `''` for a create with generateName. */
  readonly name: string
  /** The object about to be stored; plugins that mutate edit it in place. Absent for DELETE. */
  readonly object?: Writable<KubernetesObject>
  /** What is stored now, for UPDATE and DELETE. */
  readonly oldObject?: KubernetesObject
  /** CreateOptions, UpdateOptions, DeleteOptions, or the connect options. */
  readonly options: KubernetesObject
  readonly dryRun: boolean
  readonly user: User
  /** Adds a Warning header to the answer. */
  warn(message: string): void
}

/**
 * One admission plugin: mutates, validates, or both. Refuses by throwing a StatusError. All mutations run, in the order of
 * admission/order.ts, before the first validation. A plugin that reserves something (quota) undoes it in `release`,
 * which is called when the write fails after all.
 */
export interface AdmissionPlugin {
  readonly name: string
  handles(request: AdmissionRequest): boolean
  mutate?(request: AdmissionRequest): void | Promise<void>
  validate?(request: AdmissionRequest): void | Promise<void>
  release?(request: AdmissionRequest): void | Promise<void>
}
