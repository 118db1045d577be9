import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeFaults } from '../testing/strategy-faults.ts'

const uid = { uid: 'u' }
const labels = {
  'batch.kubernetes.io/controller-uid': 'u',
  'controller-uid': 'u',
  'batch.kubernetes.io/job-name': 'j',
  'job-name': 'j',
}

function jobOf({ spec = {}, template = {}, container = {}, metadata = {}, status = {} }) {
  return {
    metadata: { name: 'j', ...uid },
    spec: {
      suspend: true,
      selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u' } },
      template: {
        metadata: { labels, ...metadata },
        spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i', ...container }], ...template },
      },
      ...spec,
    },
    status,
  }
}

const term = { topologyKey: 'zone', labelSelector: {} }
const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] }
const nodeAffinity = {
  requiredDuringSchedulingIgnoredDuringExecution: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }],
  },
}
type Parts = Parameters<typeof jobOf>[0]
const running = { startTime: '2026-01-01T00:00:00Z', active: 1 }
const suspended = {
  startTime: '2026-01-01T00:00:00Z',
  conditions: [{ type: 'Suspended', status: 'True' }],
}

const rows: readonly (readonly [what: string, before: Parts, after: Parts, isRefused: boolean])[] = [
  ['nothing', {}, {}, false],
  ['the image', {}, { container: { image: 'other' } }, true],
  ['resources', {}, { container: { resources: { requests: { cpu: '1' } } } }, false],
  ['resources that were', { container: { resources: { requests: { cpu: '1' } } } }, {}, false],
  [
    'resources of a Job that runs',
    { spec: { suspend: false } },
    { spec: { suspend: false }, container: { resources: { requests: { cpu: '1' } } } },
    true,
  ],
  [
    'resources while there are pods',
    { status: running },
    { container: { resources: { requests: { cpu: '1' } } } },
    true,
  ],
  [
    'resources of a Job that was suspended again',
    { status: suspended },
    { container: { resources: { requests: { cpu: '1' } } } },
    false,
  ],
  ['annotations where there were none', {}, { metadata: { annotations: { a: 'b' } } }, false],
  ['annotations that were', { metadata: { annotations: { a: 'b' } } }, {}, false],
  ['labels', {}, { metadata: { labels: { ...labels, more: 'yes' } } }, false],
  ['a node selector', {}, { template: { nodeSelector: { a: 'b' } } }, false],
  ['a node selector that was', { template: { nodeSelector: { a: 'b' } } }, {}, false],
  ['tolerations', {}, { template: { tolerations: [{ operator: 'Exists' }] } }, false],
  ['scheduling gates', {}, { template: { schedulingGates: [{ name: 'a.b/c' }] } }, false],
  ['an affinity to nodes', {}, { template: { affinity: { nodeAffinity } } }, false],
  ['an affinity to nodes that was', { template: { affinity: { nodeAffinity } } }, {}, false],
  ['an affinity to pods', {}, { template: { affinity: { podAffinity } } }, true],
  ['an affinity to pods that was', { template: { affinity: { podAffinity } } }, {}, true],
  [
    'an affinity to nodes beside one to pods',
    { template: { affinity: { podAffinity } } },
    { template: { affinity: { podAffinity, nodeAffinity } } },
    false,
  ],
]

for (const [what, before, after, isRefused] of rows) {
  test(`validateJobUpdate ${isRefused ? 'refuses' : 'allows'} to change in the template: ${what}`, () => {
    const faults = changeFaults('jobs.batch', jobOf(before), jobOf(after))
    assert.deepEqual(
      faults.map((fault) => fault.replace(/: Invalid value: .*: field is immutable$/s, ' is immutable')),
      isRefused ? ['spec.template is immutable'] : [],
    )
  })
}
