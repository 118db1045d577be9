import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statusFaults } from '../testing/strategy-faults.ts'

interface Parts {
  readonly spec?: object
  readonly before?: object
}

const started = '2026-01-01T00:00:00Z'
const ended = '2026-01-01T01:00:00Z'
const conditions = (...types: string[]) => ({ conditions: types.map((type) => ({ type, status: 'True' })) })
const complete = { startTime: started, completionTime: ended }
const indexed = { completionMode: 'Indexed', completions: 5 }
const perIndex = { ...indexed, backoffLimitPerIndex: 1 }
const inConditions = (detail: string) => `status.conditions: Invalid value: ${detail}`

const rows: readonly (readonly [status: object, parts: Parts, ...faults: string[]])[] = [
  [{ active: 1, ready: 1, startTime: started }, {}],
  [{ active: -1 }, {}, 'status.active: Invalid value: -1: must be greater than or equal to 0'],
  [{ ready: 2, active: 1 }, {}, 'status.ready: Invalid value: 2: cannot set more ready pods than active'],
  [{ ready: 2, active: 1, failed: 1 }, { before: { ready: 2, active: 1 } }],
  [
    { uncountedTerminatedPods: { succeeded: ['a', ''], failed: ['a'] } },
    {},
    'status.uncountedTerminatedPods.succeeded[1]: Invalid value: "": must not be empty',
    'status.uncountedTerminatedPods.failed[0]: Duplicate value: "a"',
  ],
  [{ ...complete, ...conditions('SuccessCriteriaMet', 'Complete') }, {}],
  [
    { ...complete, ...conditions('SuccessCriteriaMet', 'Complete', 'Failed', 'FailureTarget') },
    {},
    inConditions('cannot set Complete=True and Failed=true conditions'),
    inConditions('cannot set Complete=True and FailureTarget=true conditions'),
    inConditions('cannot set SuccessCriteriaMet=True and Failed=true conditions'),
    inConditions('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions'),
  ],
  [
    { startTime: started, completionTime: ended },
    {},
    `status.completionTime: Invalid value: "${ended}": cannot set completionTime when there is no Complete=True condition`,
  ],
  [
    { startTime: started, ...conditions('SuccessCriteriaMet', 'Complete') },
    {},
    'status.completionTime: Required value: completionTime is required for Complete jobs',
  ],
  [
    { startTime: ended, completionTime: started, ...conditions('SuccessCriteriaMet', 'Complete') },
    {},
    `status.completionTime: Invalid value: "${started}": completionTime cannot be set before startTime`,
  ],
  [
    { startTime: started, ...conditions('Failed') },
    {},
    inConditions('cannot set Failed=True condition without the FailureTarget=true condition'),
  ],
  [{ startTime: started, ...conditions('FailureTarget', 'Failed') }, {}],
  [
    { ...complete, ...conditions('Complete') },
    {},
    inConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'),
  ],
  [
    { ...complete, ...conditions('Complete') },
    { spec: { ...indexed, successPolicy: { rules: [{ succeededCount: 1 }] } } },
    inConditions('cannot set Complete=True condition without the SuccessCriteriaMet=true condition'),
    inConditions('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True'),
  ],
  [
    {
      active: 1,
      terminating: 1,
      uncountedTerminatedPods: { failed: ['a'] },
      ...conditions('FailureTarget', 'Failed'),
    },
    {},
    'status.active: Invalid value: 1: active>0 is invalid for finished job',
    'status.startTime: Required value: startTime is required for finished job',
    'status.uncountedTerminatedPods: Invalid value: {"Succeeded":null,"Failed":["a"]}: uncountedTerminatedPods needs to be empty for finished job',
    'status.terminating: Invalid value: 1: terminating>0 is invalid for finished job',
  ],
  [{ completedIndexes: '0,2-4' }, { spec: indexed }],
  [
    { completedIndexes: '0,2-5' },
    { spec: indexed },
    'status.completedIndexes: Invalid value: "0,2-5": error parsing completedIndexes: too large index: "5"',
  ],
  [
    { completedIndexes: '0,2-5', failed: 1 },
    { spec: indexed, before: { completedIndexes: '0,2-5' } },
  ],
  [
    { completedIndexes: '0' },
    {},
    'status.completedIndexes: Invalid value: "0": cannot set non-empty completedIndexes when non-indexed completion mode',
  ],
  [
    { failedIndexes: '2,1' },
    { spec: perIndex },
    'status.failedIndexes: Invalid value: "2,1": error parsing failedIndexes: non-increasing order, previous: 2, current: 1',
  ],
  [
    { failedIndexes: '' },
    { spec: indexed },
    'status.failedIndexes: Invalid value: "": cannot set non-null failedIndexes when backoffLimitPerIndex is null',
  ],
  [
    { completedIndexes: '0,2-3', failedIndexes: '1,3-4' },
    { spec: perIndex },
    'status.failedIndexes: Invalid value: "1,3-4": failedIndexes and completedIndexes overlap at index: 3',
  ],
  [
    {},
    { before: { failed: 1, succeeded: 2, ...conditions('FailureTarget', 'SuccessCriteriaMet') } },
    inConditions('cannot disable the terminal FailureTarget=True condition'),
    'status.failed: Invalid value: 0: cannot decrease the failed counter',
    'status.succeeded: Invalid value: 0: cannot decrease the succeeded counter',
    inConditions('cannot disable the SuccessCriteriaMet=True condition'),
  ],
  [{}, { spec: { ...indexed, parallelism: 5 }, before: { succeeded: 2 } }],
  [
    { ...complete, completionTime: '2026-01-01T02:00:00Z', ...conditions('SuccessCriteriaMet', 'Complete') },
    { before: { ...complete, ...conditions('SuccessCriteriaMet', 'Complete') } },
    'status.completionTime: Invalid value: "2026-01-01T02:00:00Z": completionTime cannot be mutated',
  ],
  [
    { startTime: ended },
    { before: { startTime: started } },
    'status.startTime: Required value: startTime cannot be removed for unsuspended job',
  ],
  [{}, { spec: { suspend: true }, before: { startTime: started } }],
  [
    { ...complete, ...conditions('Complete', 'SuccessCriteriaMet') },
    { before: { ...complete, ...conditions('Complete') } },
    inConditions('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions'),
  ],
]

for (const [status, { spec = {}, before = {} }, ...expected] of rows)
  test(`a Job's status ${JSON.stringify(status)} after ${JSON.stringify(before)} is ${expected[0] ? `refused: ${expected[0]}` : 'accepted'}`, () => {
    const job = (of: object) => ({
      metadata: { name: 'j' },
      spec: { template: { spec: { containers: [] } }, ...spec },
      status: of,
    })
    assert.deepEqual(statusFaults('jobs.batch', job(before), job(status)), expected)
  })
