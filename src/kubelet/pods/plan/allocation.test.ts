import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../../api/generated/core.v1.ts'
import { aContainer, aPod } from '../../testing/pod-builder.ts'
import { allocatedPod, askedAllocation, isResized, toldAllocation } from './allocation.ts'

const asking = (cpu: string, whole: string, others: Readonly<Record<string, string>> = {}): Pod =>
  aPod('pod', {
    resources: { requests: { cpu: whole } },
    initContainers: [aContainer('first', { resources: { requests: { cpu, ...others } } })],
    containers: [aContainer('app', { resources: { requests: { cpu, ...others } } })],
  })

describe('allocation', () => {
  it('is as asked of a pod that no kubelet has told anything of', () => {
    const pod = asking('1', '2')
    assert.deepEqual(toldAllocation(pod), askedAllocation(pod))
    assert.equal(allocatedPod(pod, toldAllocation(pod)), pod)
  })

  it('compares amounts, not words', () => {
    assert.equal(isResized(asking('1000m', '2000m'), askedAllocation(asking('1', '2'))), false)
    assert.equal(isResized(asking('1', '3'), askedAllocation(asking('1', '2'))), true)
    assert.equal(isResized(asking('2', '2'), askedAllocation(asking('1', '2'))), true)
  })

  it('keeps only CPU and memory as they were', () => {
    const before = askedAllocation(asking('1', '2', { 'example.org/x': '1' }))
    const { spec } = allocatedPod(asking('3', '4', { 'example.org/x': '5' }), before)
    assert.ok(spec)
    assert.deepEqual(spec?.resources?.requests, { cpu: '2' })
    for (const container of [...spec.containers, ...(spec.initContainers ?? [])]) {
      assert.deepEqual(container.resources?.requests, { cpu: '1', 'example.org/x': '5' })
    }
  })

  it('is what the status of an earlier kubelet tells', () => {
    const resources = { limits: { cpu: '2' }, requests: { cpu: '500m' } }
    const status = { name: 'app', image: '', imageID: '', ready: true, restartCount: 0 }
    const pod: Pod = {
      ...asking('3', '4'),
      status: {
        resources: { requests: { cpu: '1' } },
        allocatedResources: { cpu: '2' },
        containerStatuses: [{ ...status, resources, allocatedResources: { cpu: '1' } }],
      },
    }
    const told = toldAllocation(pod)
    assert.deepEqual(told.whole, { requests: { cpu: '2' } })
    assert.deepEqual(told.containers.get('app'), { requests: { cpu: '1' }, limits: { cpu: '2' } })
    assert.deepEqual(told.containers.get('first'), { requests: { cpu: '3' } })
  })
})
