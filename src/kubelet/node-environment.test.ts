import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { noCgroups } from './cgroups/cgroup-manager.ts'
import { refuseSwap, resourcesNode } from './node-environment.ts'
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

describe('resourcesNode', () => {
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
