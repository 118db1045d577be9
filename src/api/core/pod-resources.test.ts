import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod, PodSpec, PodStatus } from '../generated/core.v1.ts'
import { podRequests } from './pod-resources.ts'

const containerStatus = { name: 'c', image: '', imageID: '', ready: true, restartCount: 0 }
const cpu = (amount: string) => ({ requests: { cpu: amount } })
const requests = (spec: Partial<PodSpec>, status: PodStatus = {}) => {
  const pod: Pod = { spec: { containers: [{ name: 'c', resources: cpu('1') }], ...spec }, status }
  return podRequests(pod).cpu
}

describe('podRequests', () => {
  const infeasible = [{ type: 'PodResizePending', status: 'True', reason: 'Infeasible' }]
  const given: PodStatus = {
    containerStatuses: [{ ...containerStatus, resources: cpu('200m'), allocatedResources: { cpu: '300m' } }],
  }
  const whole: PodStatus = { resources: cpu('2'), allocatedResources: { cpu: '3' } }
  const rows: readonly (readonly [string, number, Partial<PodSpec>, PodStatus?])[] = [
    ['what the containers ask for', 1000, {}],
    ['the most of what a container asks for, is to get and has', 1000, {}, given],
    ['what a container is to get, while it asks in vain', 300, {}, { ...given, conditions: infeasible }],
    ['what the pod asks for as a whole', 4000, { resources: cpu('4') }],
    ['the most of what the pod asks for, is to get and has', 4000, { resources: cpu('4') }, whole],
    ['what the pod is to get while it shrinks', 3000, { resources: cpu('1') }, whole],
    [
      'what the pod is to get, while it asks in vain',
      3000,
      { resources: cpu('4') },
      { ...whole, conditions: infeasible },
    ],
    ['a status of the whole only where the spec says something of that', 1000, {}, whole],
  ]
  for (const [what, expected, spec, status] of rows) {
    it(`is ${what}`, () => assert.equal(requests(spec, status), expected))
  }
})
