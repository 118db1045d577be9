import type { Event } from '../generated/core.v1.ts'
import { events } from '../generated/resources.ts'
import type { Event as EventV1 } from '../generated/events.v1.ts'
import { eventsV1 } from '../generated/resources.ts'
import { column, nameColumn, timeSince, wide } from '../columns.ts'
import type { Conversion, ResourceDefinition } from '../definition.ts'
import { validateEvent, validateNewEventV1 } from './event-validation.ts'

/** Events are forgotten after this long, as upstream's --event-ttl. */
const ttlSeconds = 3600

export const eventDefinition: ResourceDefinition<Event> = {
  resource: events,
  singular: 'event',
  shortNames: ['ev'],
  ttlSeconds,
  alsoServedAs: [servedAsEventsV1()],
  // In the core group any name that fits into a URL will do.
  strategy: { allowCreateOnUpdate: true, validate: validateEvent, nameRule: 'pathSegment' },
  columns: [
    column('Last Seen', 'Time since the event was last seen.', lastSeen),
    column('Type', 'Normal or Warning.', ({ type }) => type ?? ''),
    column('Reason', 'A short word for what happened.', ({ reason }) => reason ?? ''),
    column('Object', 'The object the event is about.', objectText),
    wide(
      column('Subobject', 'The part of the object.', ({ involvedObject }) => involvedObject.fieldPath ?? ''),
    ),
    wide(column('Source', 'The component that says so.', sourceText)),
    column('Message', 'What happened.', ({ message }) => (message ?? '').trim()),
    wide(
      column('First Seen', 'Time since the event was first seen.', (event, now) =>
        timeSince(firstTime(event), now),
      ),
    ),
    wide({
      ...column<Event>('Count', 'How often the event was seen.', () => ''),
      type: 'integer',
      cell: countOf,
    }),
    wide(nameColumn),
  ],
  selectableFields: ({ involvedObject, reason, reportingComponent, source, type }) => ({
    'involvedObject.kind': involvedObject.kind ?? '',
    'involvedObject.namespace': involvedObject.namespace ?? '',
    'involvedObject.name': involvedObject.name ?? '',
    'involvedObject.uid': involvedObject.uid ?? '',
    'involvedObject.apiVersion': involvedObject.apiVersion ?? '',
    'involvedObject.resourceVersion': involvedObject.resourceVersion ?? '',
    'involvedObject.fieldPath': involvedObject.fieldPath ?? '',
    reason: reason ?? '',
    reportingComponent: reportingComponent ?? '',
    source: source?.component || reportingComponent || '',
    type: type ?? '',
  }),
}

function firstTime({ firstTimestamp, eventTime }: Event): string | undefined {
  return firstTimestamp ?? eventTime ?? undefined
}

function lastSeen(event: Event, now: number): string {
  const first = firstTime(event)
  const last = event.series?.lastObservedTime ?? event.lastTimestamp ?? first
  return timeSince(last ?? undefined, now)
}

function countOf({ series, count }: Event): number {
  // An event that was seen once need not say so.
  return series ? (series.count ?? 0) : count || 1
}

function objectText({ involvedObject }: Event): string {
  const kind = (involvedObject.kind ?? '').toLowerCase()
  return involvedObject.name ? `${kind}/${involvedObject.name}` : kind
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const component = source?.component || reportingComponent || ''
  const host = source?.host || reportingInstance
  return host ? `${component}, ${host}` : component
}

/** The same events in events.k8s.io/v1, where some fields have other names. */
function servedAsEventsV1(): Conversion<Event, EventV1> {
  return {
    resource: eventsV1,
    validateNew: validateNewEventV1,
    fieldLabels: {
      reason: 'reason',
      'regarding.kind': 'involvedObject.kind',
      'regarding.namespace': 'involvedObject.namespace',
      'regarding.name': 'involvedObject.name',
      'regarding.uid': 'involvedObject.uid',
      'regarding.apiVersion': 'involvedObject.apiVersion',
      'regarding.resourceVersion': 'involvedObject.resourceVersion',
      'regarding.fieldPath': 'involvedObject.fieldPath',
      reportingController: 'reportingComponent',
      type: 'type',
    },
    fromStored({
      involvedObject,
      message,
      source,
      firstTimestamp,
      lastTimestamp,
      count,
      reportingComponent,
      reportingInstance,
      apiVersion: _version,
      eventTime,
      ...same
    }) {
      return {
        ...same,
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        eventTime: eventTime ?? null,
        ...(reportingComponent !== undefined && { reportingController: reportingComponent }),
        ...(reportingInstance !== undefined && { reportingInstance }),
        regarding: involvedObject,
        ...(message !== undefined && { note: message }),
        deprecatedSource: source ?? {},
        // Times that are not set are shown, as in v1.
        deprecatedFirstTimestamp: firstTimestamp ?? null,
        deprecatedLastTimestamp: lastTimestamp ?? null,
        ...(count !== undefined && { deprecatedCount: count }),
      } as EventV1
    },
    toStored({
      regarding,
      note,
      deprecatedSource,
      deprecatedFirstTimestamp,
      deprecatedLastTimestamp,
      deprecatedCount,
      reportingController,
      apiVersion: _version,
      ...same
    }) {
      return {
        ...same,
        apiVersion: 'v1',
        kind: 'Event',
        involvedObject: regarding ?? {},
        ...(note !== undefined && { message: note }),
        ...(reportingController !== undefined && { reportingComponent: reportingController }),
        source: deprecatedSource ?? {},
        firstTimestamp: deprecatedFirstTimestamp ?? null,
        lastTimestamp: deprecatedLastTimestamp ?? null,
        ...(deprecatedCount !== undefined && { count: deprecatedCount }),
      } as Event
    },
  }
}
