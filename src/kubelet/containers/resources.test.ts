import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodSpec, ResourceRequirements } from '../../api/generated/core.v1.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { limitsOf } from '../cgroups/pod-limits.ts'
import { containerResources, type CPUPeriod } from './resources.ts'

const gibibyte = 2 ** 30
const memory = (request: string, limit?: string): ResourceRequirements => ({
  requests: { memory: request },
  ...(limit !== undefined && { limits: { memory: limit } }),
})

describe('containerResources', () => {
  const of = (spec: Partial<PodSpec>, name = 'app') => {
    const pod = aPod('pod', spec)
    const container = [...pod.spec!.containers, ...(pod.spec!.initContainers ?? [])].find(
      (one) => one.name === name,
    )
    return containerResources(pod, container!, { memoryCapacityBytes: 10 * gibibyte, cgroupVersion: 2 })
  }

  it('limits a container without limits of its own to what the pod may have', () => {
    const resources = { limits: { cpu: '2', memory: '1Gi' } }
    const { cpuQuota, memoryLimitBytes } = of({ resources })
    assert.deepEqual([cpuQuota, memoryLimitBytes], [200_000, gibibyte])
    const own = of({ resources, containers: [aContainer('app', { resources: { limits: { cpu: '1' } } })] })
    assert.deepEqual([own.cpuQuota, own.memoryLimitBytes], [100_000, gibibyte])
  })

  it('counts limits of CPU in the period of the node, or not at all', () => {
    const pod = aPod('pod', {
      containers: [aContainer('app', { resources: { limits: { cpu: '500m', memory: '1Gi' } } })],
    })
    const at = (cpuPeriod: CPUPeriod) => {
      const node = { memoryCapacityBytes: 10 * gibibyte, cgroupVersion: 2, cpuPeriod } as const
      const { cpuPeriod: period, cpuQuota } = containerResources(pod, pod.spec!.containers[0]!, node)
      return [period, cpuQuota, limitsOf(pod, cpuPeriod).quota?.cpuQuota]
    }
    assert.deepEqual(at(10_000), [10_000, 5000, 5000])
    assert.deepEqual(at(1000), [1000, 1000, 1000])
    assert.deepEqual(at('unlimited'), [undefined, undefined, undefined])
  })

  it('has one process die where memory runs out, if the node says so', () => {
    const pod = aPod('pod')
    const node = { memoryCapacityBytes: gibibyte, cgroupVersion: 2, singleProcessOOMKill: true } as const
    assert.deepEqual(containerResources(pod, pod.spec!.containers[0]!, node).unified, {})
    assert.deepEqual(of({}).unified, { 'memory.oom.group': '1' })
  })

  it('has a sidecar die no sooner than the containers that it serves', () => {
    const spec = {
      initContainers: [aContainer('proxy', { restartPolicy: 'Always' })],
      containers: [
        aContainer('app', { resources: memory('5Gi') }),
        aContainer('other', { resources: memory('2Gi') }),
      ],
    }
    assert.equal(of(spec).oomScoreAdj, 500)
    assert.equal(of(spec, 'other').oomScoreAdj, 800)
    assert.equal(of(spec, 'proxy').oomScoreAdj, 800)
  })

  it('shares what the pod asks for beyond its containers among them', () => {
    const spec = {
      resources: { requests: { memory: '5Gi' } },
      containers: [aContainer('app', { resources: memory('1Gi') }), aContainer('other')],
    }
    assert.equal(of(spec).oomScoreAdj, 700)
    assert.equal(of(spec, 'other').oomScoreAdj, 800)
  })
})

describe('containerResources on a node with swap space', () => {
  const rows: readonly (readonly [string, 'NoSwap' | 'LimitedSwap', Partial<PodSpec>, number])[] = [
    ['none by default', 'NoSwap', { containers: [aContainer('app', { resources: memory('5Gi') })] }, 0],
    [
      'as much of it as of the memory',
      'LimitedSwap',
      { containers: [aContainer('app', { resources: memory('5Gi') })] },
      gibibyte / 2,
    ],
    [
      'the same with a higher limit',
      'LimitedSwap',
      { containers: [aContainer('app', { resources: memory('5Gi', '6Gi') })] },
      gibibyte / 2,
    ],
    ['none without a request', 'LimitedSwap', {}, 0],
    [
      'none where all that may be had is asked for',
      'LimitedSwap',
      { containers: [aContainer('app', { resources: memory('5Gi', '5Gi') })] },
      0,
    ],
    [
      'none for what the node cannot do without',
      'LimitedSwap',
      { priority: 2_000_000_000, containers: [aContainer('app', { resources: memory('5Gi') })] },
      0,
    ],
  ]
  for (const [what, behavior, spec, expected] of rows) {
    it(`gives ${what}`, () => {
      const pod = aPod('pod', spec)
      const memoryCapacityBytes = 10 * gibibyte
      const swap = { behavior, capacityBytes: gibibyte, memoryCapacityBytes }
      const node = { memoryCapacityBytes, cgroupVersion: 2, swap } as const
      const { unified } = containerResources(pod, pod.spec!.containers[0]!, node)
      assert.equal(unified?.['memory.swap.max'], String(expected))
    })
  }

  it('says nothing where the kernel cannot limit it', () => {
    const pod = aPod('pod')
    const node = { memoryCapacityBytes: gibibyte, cgroupVersion: 2 } as const
    assert.equal(
      containerResources(pod, pod.spec!.containers[0]!, node).unified?.['memory.swap.max'],
      undefined,
    )
  })
})
