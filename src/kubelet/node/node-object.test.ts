import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalQuantity } from '../../machinery/quantity.ts'
import { nodeStatus, type NodeDescription, type NodeState } from './node-object.ts'

const description: NodeDescription = {
  name: 'node1',
  addresses: [],
  labels: {},
  taints: [],
  maxPods: 2000,
  port: 10_250,
  reserved: { milliCPU: 500, memoryBytes: 0 },
  machine: {
    machineID: 'machine',
    systemUUID: 'system',
    bootID: 'boot',
    kernelVersion: '6',
    osImage: 'Linux',
    architecture: 'amd64',
    cpus: 4,
    memoryBytes: 8 * 2 ** 30,
    swapBytes: 0,
    ephemeralStorageBytes: 100 * 2 ** 30,
    hasAppArmor: false,
    hugepages: { '2Mi': 2 ** 30, '1Gi': 0 },
  },
}

const state: NodeState = {
  version: { runtimeName: 'containerd', runtimeVersion: '2' },
  runtime: undefined,
  problems: [],
  images: [],
  pressures: new Set(),
  devices: { 'example.com/widget': { capacity: 5000, allocatable: 4000 } },
  now: 0,
}

void describe('nodeStatus', () => {
  const { capacity = {}, allocatable = {} } = nodeStatus(description, state, undefined)

  void it('tells amounts as the API server keeps them, so that nothing differs where nothing has changed', () => {
    for (const amounts of [capacity, allocatable])
      assert.deepEqual(
        amounts,
        Object.fromEntries(Object.entries(amounts).map(([name, text]) => [name, canonicalQuantity(text)])),
      )
  })

  void it('tells of as many images as it may', () => {
    const images = Array.from({ length: 60 }, (_, index) => ({
      id: String(index),
      repoTags: [`a:${index}`],
      repoDigests: [],
      sizeBytes: index,
      pinned: false,
      username: '',
    }))
    const told = (maxImages?: number) =>
      nodeStatus(
        { ...description, ...(maxImages !== undefined && { maxImages }) },
        { ...state, images },
        undefined,
      ).images
    for (const [maxImages, count] of [
      [undefined, 50],
      [0, 0],
      [1, 1],
      [-1, 60],
    ] as const)
      assert.equal(told(maxImages)?.length, count)
    assert.deepEqual(told(1), [{ names: ['a:59'], sizeBytes: 59 }])
  })

  void it('tells what the machine has and what of it pods may have', () => {
    assert.deepEqual(capacity, {
      cpu: '4',
      'ephemeral-storage': '100Gi',
      'example.com/widget': '5k',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '1Gi',
      memory: '8Gi',
      pods: '2k',
    })
    assert.deepEqual(allocatable, {
      cpu: '3500m',
      'ephemeral-storage': '90Gi',
      'example.com/widget': '4k',
      'hugepages-1Gi': '0',
      'hugepages-2Mi': '1Gi',
      memory: '7068Mi',
      pods: '2k',
    })
  })
})
