import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText } from '../../machinery/field-error.ts'
import type { Event } from '../generated/core.v1.ts'
import { decoded, faults } from '../testing/strategy-faults.ts'
import { eventDefinition } from './event.ts'

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const mismatch = (namespace: string) =>
  `involvedObject.namespace: Invalid value: "${namespace}": does not match event.namespace`

const eventOf = (more: object = {}) => ({
  metadata: { name: 'e', namespace: 'n' },
  involvedObject: { namespace: 'n' },
  ...more,
})
const eventTime = '2026-01-01T00:00:00.000000Z'
const newEventOf = (more: object = {}) =>
  eventOf({
    eventTime,
    reportingComponent: 'example.com/it',
    reportingInstance: 'it-0',
    action: 'Doing',
    reason: 'Done',
    type: 'Normal',
    ...more,
  })

const rows: readonly (readonly [what: string, event: object, ...faults: string[]])[] = [
  ['an event about an object of its namespace', eventOf()],
  ['one of another namespace', eventOf({ involvedObject: { namespace: 'm' } }), mismatch('m')],
  ['one about a cluster-scoped object', eventOf({ involvedObject: {} }), mismatch('')],
  [
    'one about a cluster-scoped object in default',
    eventOf({ involvedObject: {}, metadata: { namespace: 'default' } }),
  ],
  [
    'one about a cluster-scoped object in kube-system, of the old kind',
    eventOf({ involvedObject: {}, metadata: { namespace: 'kube-system' } }),
    mismatch(''),
  ],
  [
    'one of the new kind there',
    newEventOf({ involvedObject: {}, metadata: { name: 'e', namespace: 'kube-system' } }),
  ],
  ['one of the new kind of another namespace', newEventOf({ involvedObject: { namespace: 'm' } })],
  [
    'one of the new kind without what that takes',
    eventOf({ eventTime }),
    'reportingController: Required value',
    'reportingController: Invalid value: "": name part must be non-empty',
    "reportingController: Invalid value: \"\": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
    'reportingInstance: Required value',
    'action: Required value',
    'reason: Required value',
  ],
  [
    'one of the new kind that tells too much',
    newEventOf({
      reportingInstance: 'x'.repeat(129),
      action: 'x'.repeat(129),
      reason: 'x'.repeat(129),
      message: 'x'.repeat(1025),
    }),
    ...['reportingInstance', 'action', 'reason'].map(
      (name) => `${name}: Invalid value: "": can have at most 128 characters`,
    ),
    'message: Invalid value: "": can have at most 1024 characters',
  ],
]

for (const [what, event, ...expected] of rows) {
  test(`validateEvent: ${what}`, () => {
    assert.deepEqual(faults('events', event), expected)
  })
}

const v1Faults = (event: object) =>
  eventDefinition.alsoServedAs![0]!.validateNew!(decoded('events', event) as unknown as Event).map(
    fieldErrorText,
  )

const creations: readonly (readonly [what: string, event: object, ...faults: string[]])[] = [
  ['a whole event', newEventOf()],
  [
    'one of the old kind',
    eventOf({
      metadata: { name: 'Bad_Name', namespace: 'n' },
      count: 1,
      firstTimestamp: '2026-01-01T00:00:00Z',
      lastTimestamp: '2026-01-01T00:00:00Z',
      source: { component: 'it' },
      type: 'Odd',
    }),
    `metadata.name: Invalid value: "Bad_Name": ${subdomain}`,
    'eventTime: Required value',
    'type: Invalid value: "": has invalid value: Odd',
    ...['firstTimestamp', 'lastTimestamp', 'count', 'source'].map(
      (name) => `${name}: Invalid value: "": needs to be unset`,
    ),
  ],
  [
    'one with a series of one',
    newEventOf({ series: { count: 1 } }),
    'series.count: Invalid value: "": should be at least 2',
    'series.lastObservedTime: Required value',
  ],
]

for (const [what, event, ...expected] of creations) {
  test(`validateNewEventV1: ${what}`, () => {
    assert.deepEqual(v1Faults(event), expected)
  })
}
