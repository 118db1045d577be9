import type { KubernetesObject, MicroTime, Status } from '../../machinery/meta.ts'
import type { Level, Stage } from './audit-policy.ts'

/** Event of audit.k8s.io/v1. */
export interface AuditEvent {
  readonly kind: 'Event'
  readonly apiVersion: 'audit.k8s.io/v1'
  readonly level: Level
  readonly auditID: string
  readonly stage: Stage
  /** As the client sent it, with the query. */
  readonly requestURI: string
  readonly verb: string
  readonly user: AuditUser
  readonly impersonatedUser?: AuditUser
  readonly authenticationMetadata?: { readonly impersonationConstraint?: string }
  readonly sourceIPs?: readonly string[]
  readonly userAgent?: string
  readonly objectRef?: ObjectReference
  readonly responseStatus?: Status & { readonly metadata: object }
  readonly requestObject?: KubernetesObject
  readonly responseObject?: KubernetesObject
  readonly requestReceivedTimestamp: MicroTime
  readonly stageTimestamp: MicroTime
  readonly annotations?: Readonly<Record<string, string>>
}

export interface AuditUser {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

export interface ObjectReference {
  readonly resource?: string
  readonly namespace?: string
  readonly name?: string
  readonly uid?: string
  readonly apiGroup?: string
  readonly apiVersion?: string
  readonly resourceVersion?: string
  readonly subresource?: string
}

/** Where events go. Does not throw: what could not be recorded is counted and logged where that is found out. */
export interface AuditBackend {
  /** False when an event could not be recorded and the request that it is about is not to go on for that reason. */
  process(events: readonly AuditEvent[]): boolean | Promise<boolean>
  /** Resolves when everything that was taken is recorded or given up. */
  close(): void | Promise<void>
}
