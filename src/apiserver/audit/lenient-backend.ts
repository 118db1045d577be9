import type { AuditBackend } from './audit-event.ts'

/** Requests go on, whatever becomes of their events: the mode `blocking`, as opposed to `blocking-strict`. */
export function lenientBackend(delegate: AuditBackend): AuditBackend {
  return {
    process(events) {
      const work = delegate.process(events)
      return work instanceof Promise ? work.then(() => true) : true
    },
    close: () => delegate.close(),
  }
}
