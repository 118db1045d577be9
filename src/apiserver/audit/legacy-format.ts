import { goQuote } from '../../machinery/go-format.ts'
import type { AuditEvent } from './audit-event.ts'

/** One line of text, as `--audit-log-format=legacy` asks for. Source: k8s.io/apiserver/pkg/audit/format.go. */
export function legacyLine(event: AuditEvent): string {
  const { username, groups } = event.user
  const { impersonatedUser: as } = event
  const fields = {
    id: event.auditID,
    stage: event.stage,
    ip: event.sourceIPs?.[0] ?? '<unknown>',
    method: event.verb,
    user: username ?? '<none>',
    groups: username !== undefined && groups?.length ? quotedList(groups) : '<none>',
    as: as ? (as.username ?? '') : '<self>',
    asgroups: as?.groups ? quotedList(as.groups) : '<lookup>',
    'user-agent': event.userAgent ?? '',
    namespace: event.objectRef?.namespace ?? '<none>',
    uri: event.requestURI,
    response: event.responseStatus ? String(event.responseStatus.code ?? 0) : '<deferred>',
  }
  const texts = Object.entries(fields).map(([name, value]) => `${name}=${goQuote(value)}`)
  return `${withoutTrailingZeros(event.requestReceivedTimestamp)} AUDIT: ${texts.join(' ')}`
}

function quotedList(texts: readonly string[]): string {
  return texts.map(goQuote).join(',')
}

/** RFC 3339 with as many digits as say something, as Go's RFC3339Nano. */
function withoutTrailingZeros(time: string): string {
  return time.replace(/\.?0+Z$/, 'Z')
}
