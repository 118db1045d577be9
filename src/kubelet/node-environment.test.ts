import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noCgroups } from './cgroups/cgroup-manager.ts'
import {
  describeNode,
  eventRate,
  pullRate,
  refuseCgroups,
  refuseSwap,
  resourcesNode,
} from './node-environment.ts'
import type { KubeletOptions } from './options.ts'
import { inspectMachine } from './node/machine.ts'
import { keepsTmpfsInMemory } from './volumes/mounts.ts'

const runtime = { type: 'simulated' } as const
const machine = { ...(await inspectMachine('/')), memoryBytes: 1000, swapBytes: 500 }

describe('refuseSwap', () => {
  it('refuses a machine that swaps, when it is to', () => {
    assert.throws(
      () => refuseSwap({ runtime, failSwapOn: true }, machine),
      /^Error: running with swap on is not supported, please disable swap or set --fail-swap-on flag to false$/,
    )
    refuseSwap({ runtime, failSwapOn: true }, { ...machine, swapBytes: 0 })
    refuseSwap({ runtime }, machine)
  })
})

describe('refuseCgroups', () => {
  it('refuses what version 1 cannot do, and version 1 when it is to', () => {
    const legacy = { ...noCgroups, version: 1 } as const
    refuseCgroups({ runtime, singleProcessOOMKill: true }, legacy)
    refuseCgroups({ runtime, failCgroupV1: true, singleProcessOOMKill: false }, noCgroups)
    assert.throws(() => refuseCgroups({ runtime, failCgroupV1: true }, legacy), {
      message:
        'kubelet is configured to not run on a host using cgroup v1. cgroup v1 support is unsupported and will be removed in a future release',
    })
    assert.throws(() => refuseCgroups({ runtime, singleProcessOOMKill: false }, legacy), {
      message:
        'invalid configuration: singleProcessOOMKill must not be explicitly set to false when using cgroup v1',
    })
  })
})

describe('eventRate and pullRate', () => {
  it('are as the options say, or none', () => {
    assert.deepEqual(eventRate({ runtime }), { qps: 50, burst: 100 })
    assert.equal(eventRate({ runtime, eventRecordQPS: 0 }), undefined)
    assert.deepEqual(pullRate({ runtime, registryPullQPS: 5 }), { qps: 5, burst: 10 })
    assert.equal(pullRate({ runtime }), undefined)
  })
})

describe('describeNode', () => {
  const found = { name: 'n', addresses: [], port: 0, machine: { ...machine, cpus: 4 } }

  it('has no more pods than podsPerCore and maxPods say', () => {
    assert.equal(describeNode({ runtime, podsPerCore: 10 }, found).maxPods, 40)
    assert.equal(describeNode({ runtime, podsPerCore: 10, maxPods: 7 }, found).maxPods, 7)
    assert.equal(describeNode({ runtime, podsPerCore: 0 }, found).maxPods, 110)
  })

  it('keeps as many CPUs from pods as the system has of its own', () => {
    const reserved = { milliCPU: 100, memoryBytes: 5 }
    assert.deepEqual(describeNode({ runtime, reserved, reservedSystemCPUs: '0,2-3' }, found).reserved, {
      milliCPU: 3000,
      memoryBytes: 5,
    })
    assert.deepEqual(describeNode({ runtime, reserved }, found).reserved, reserved)
    assert.throws(() => describeNode({ runtime, reservedSystemCPUs: '0-4' }, found), {
      message: 'invalid cpuset "0-4" specified by --reserved-cpus',
    })
  })
})

describe('resourcesNode', () => {
  it('counts limits of CPU as it is told', () => {
    const periodOf = (options: Pick<KubeletOptions, 'cpuCFSQuota' | 'cpuCFSQuotaPeriodMs'>) =>
      resourcesNode({ runtime, ...options }, machine, noCgroups).cpuPeriod
    assert.equal(periodOf({}), 100_000)
    assert.equal(periodOf({ cpuCFSQuotaPeriodMs: 1.5 }), 1500)
    assert.equal(periodOf({ cpuCFSQuota: false, cpuCFSQuotaPeriodMs: 5 }), 'unlimited')
  })

  it('tells of swap space where the kernel limits it', () => {
    const limiting = { ...noCgroups, limitsSwap: true }
    assert.deepEqual(resourcesNode({ runtime, swapBehavior: 'LimitedSwap' }, machine, limiting).swap, {
      behavior: 'LimitedSwap',
      capacityBytes: 500,
      memoryCapacityBytes: 1000,
    })
    assert.equal(resourcesNode({ runtime }, machine, limiting).swap?.behavior, 'NoSwap')
    assert.equal(resourcesNode({ runtime }, machine, noCgroups).swap, undefined)
  })

  it('refuses to give parts of it with cgroup version 1', () => {
    const cgroups = { ...noCgroups, version: 1 } as const
    assert.throws(
      () => resourcesNode({ runtime, swapBehavior: 'LimitedSwap' }, machine, cgroups),
      /version 2/,
    )
  })
})

describe('keepsTmpfsInMemory', () => {
  const all = '         0          0 4294967295\n'
  const rows = [
    ['6.4.0', all, true],
    ['7.0.1-x', all, true],
    ['6.3.9', all, false],
    ['5.15.0', all, false],
    ['6.12.0', '         0     100000      65536\n', false],
  ] as const
  for (const [kernel, uidMap, expected] of rows) {
    it(`is ${expected} with ${kernel} and users ${uidMap.trim()}`, async () =>
      assert.equal(await keepsTmpfsInMemory(kernel, uidMap), expected))
  }
})
