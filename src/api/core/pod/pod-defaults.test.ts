import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../generated/core.v1.ts'
import { decoded } from '../../testing/strategy-faults.ts'

const rows: readonly (readonly [what: string, ofPod: object, ofContainer: object, expected: object])[] = [
  ['nothing of nothing', {}, { requests: { cpu: '1' } }, {}],
  ['limits', { limits: { cpu: '2', memory: '1Gi' } }, {}, { cpu: '2', memory: '1Gi' }],
  [
    'what the containers ask for, in place of limits',
    { limits: { cpu: '2', memory: '1Gi' } },
    { requests: { cpu: '500m' } },
    { cpu: '1', memory: '1Gi' },
  ],
  [
    'what the containers ask for without a limit of the pod',
    { limits: { cpu: '2' } },
    { requests: { memory: '1Gi' } },
    { cpu: '2', memory: '2Gi' },
  ],
  ['what the pod says itself', { limits: { cpu: '2' }, requests: { cpu: '1500m' } }, {}, { cpu: '1500m' }],
  ['nothing beside requests', { requests: { cpu: '2' } }, { requests: { memory: '1Gi' } }, { cpu: '2' }],
  [
    'huge pages of the containers',
    { requests: { cpu: '2' } },
    { limits: { 'hugepages-2Mi': '4Mi' } },
    { cpu: '2', 'hugepages-2Mi': '8Mi' },
  ],
]

for (const [what, ofPod, ofContainer, expected] of rows) {
  test(`defaultPod makes requests of the pod: ${what}`, () => {
    const container = { image: 'i', resources: ofContainer }
    const pod = decoded('pods', {
      metadata: { name: 'p' },
      spec: {
        resources: ofPod,
        containers: [
          { ...container, name: 'a' },
          { ...container, name: 'b' },
        ],
      },
    }) as Pod
    assert.deepEqual(pod.spec!.resources?.requests ?? {}, expected)
  })
}
