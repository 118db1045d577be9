import type { Metrics } from '../../machinery/metrics.ts'
import { levels, type Level } from './audit-policy.ts'

/** Source of names and help: k8s.io/apiserver/pkg/audit/metrics.go. */
export function createAuditMetrics(metrics: Metrics) {
  const byLevel = metrics.counter({
    name: 'apiserver_audit_level_total',
    help: 'Counter of policy levels for audit events (1 per request).',
    labels: ['level'],
  })
  const errors = metrics.counter({
    name: 'apiserver_audit_error_total',
    help: 'Counter of audit events that failed to be audited properly. Plugin identifies the plugin affected by the error.',
    labels: ['plugin'],
  })
  const observed = Object.fromEntries(levels.map((level) => [level, () => byLevel.with({ level }).add()]))
  return {
    events: metrics
      .counter({
        name: 'apiserver_audit_event_total',
        help: 'Counter of audit events generated and sent to the audit backend.',
      })
      .with({}),
    rejectedRequests: metrics
      .counter({
        name: 'apiserver_audit_requests_rejected_total',
        help: 'Counter of apiserver requests rejected due to an error in audit logging backend.',
      })
      .with({}),
    observeLevel: (level: Level) => observed[level]!(),
    /** Events that were not recorded as they should have been. */
    failed: (plugin: AuditPlugin, events: number) => errors.with({ plugin }).add(events),
  }
}

export type AuditMetrics = ReturnType<typeof createAuditMetrics>

/** As `apiserver_audit_error_total` names them. */
export type AuditPlugin = 'log' | 'webhook' | 'buffered' | 'truncate'
