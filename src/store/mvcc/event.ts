import type { Entry, StoreEvent } from '../store.ts'

export function eventKey(event: StoreEvent): string {
  return event.type === 'put' ? event.entry.key : event.key
}

export function eventRevision(event: StoreEvent): bigint {
  return event.type === 'put' ? event.entry.revision : event.revision
}

/** What stands at the key after the event. */
export function eventResult(event: StoreEvent): Entry | undefined {
  return event.type === 'put' ? event.entry : undefined
}
