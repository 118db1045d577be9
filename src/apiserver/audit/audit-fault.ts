import type { Logger } from '../../machinery/log.ts'
import type { AuditEvent } from './audit-event.ts'
import type { AuditMetrics, AuditPlugin } from './audit-metrics.ts'

/** What backends are made with. */
export interface AuditBackendContext {
  readonly metrics: AuditMetrics
  readonly log: Logger
}

/** Counts and logs events that are lost. Who did what is logged, not with what: objects may hold secrets. */
export function noteLostEvents(
  { metrics, log }: AuditBackendContext,
  plugin: AuditPlugin,
  cause: unknown,
  events: readonly AuditEvent[],
): void {
  metrics.failed(plugin, events.length)
  const error = cause instanceof Error ? cause.message : String(cause)
  for (const { auditID, stage, verb, requestURI, user } of events) {
    const path = requestURI.split('?', 1)[0]
    log.error('audit event is lost', { plugin, error, auditID, stage, verb, path, user: user.username })
  }
}
