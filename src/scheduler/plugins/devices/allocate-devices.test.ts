import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../../api/generated/core.v1.ts'
import type {
  AllocationResult,
  Device,
  DeviceClaim,
  DeviceClass,
  ResourceClaim,
  ResourceSlice,
} from '../../../api/generated/resource.v1.ts'
import {
  aDeviceClaim,
  aDeviceClass,
  aDeviceRequest,
  aNodeSlice,
  aSlice,
  driver,
  select,
} from '../../testing/devices.ts'
import { aNode } from '../../testing/builders.ts'
import { allocateDevices } from './allocate-devices.ts'
import { allocatedDevices } from './allocated-devices.ts'
import { indexPools } from './device-pools.ts'
import { createDeviceSelectors } from './device-selectors.ts'

interface World {
  readonly slices: readonly ResourceSlice[]
  readonly classes?: readonly DeviceClass[]
  readonly using?: readonly ResourceClaim[]
  readonly node?: Node
}

function allocate(claims: readonly ResourceClaim[], world: World): readonly AllocationResult[] | undefined {
  const { slices, classes = [aDeviceClass()], using = [], node = aNode('a') } = world
  let shares = 0
  return allocateDevices({
    claims,
    node,
    pools: indexPools(slices),
    allocated: allocatedDevices(using),
    selectors: createDeviceSelectors(),
    classOf: (name) => classes.find(({ metadata }) => metadata!.name === name),
    newShareId: () => `share-${++shares}`,
    checkTime: () => undefined,
  })
}

/** `request=device` of all claims, or `none`. */
function chosen(claims: readonly ResourceClaim[], world: World): string {
  const results = allocate(claims, world)?.flatMap(({ devices }) => devices!.results ?? [])
  return results?.map(({ request, device }) => `${request}=${device}`).join(' ') ?? 'none'
}

const plain = (name: string, rest: Partial<Device> = {}): Device => ({ name, ...rest })
const of = (model: string, numa: number): Partial<Device> => ({
  attributes: {
    model: { string: model },
    'node.example.com/numa': { int: numa },
    version: { version: '1.2.3' },
  },
  capacity: { memory: { value: '16Gi' } },
})
const fourGpus = aNodeSlice('a', [
  plain('g0', of('small', 0)),
  plain('g1', of('large', 0)),
  plain('g2', of('large', 1)),
  plain('g3', of('small', 1)),
])
const has = (device: string, rest: object = {}) =>
  aDeviceClaim(
    `has-${device}`,
    {},
    { allocation: { devices: { results: [{ request: 'r', driver, pool: 'a', device, ...rest }] } } },
  )
const taint = { key: 'broken', effect: 'NoSchedule' as const }
const tainted = aNodeSlice('a', [plain('g0', { taints: [taint] }), plain('g1')])

const rows: readonly (readonly [string, DeviceClaim, World, string])[] = [
  ['the first device', { requests: [aDeviceRequest()] }, { slices: [fourGpus] }, 'r=g0'],
  ['what is free', { requests: [aDeviceRequest()] }, { slices: [fourGpus], using: [has('g0')] }, 'r=g1'],
  [
    'what is only looked at by administrators',
    { requests: [aDeviceRequest()] },
    { slices: [fourGpus], using: [has('g0', { adminAccess: true })] },
    'r=g0',
  ],
  [
    'what is in use, for administrators',
    { requests: [aDeviceRequest({ adminAccess: true, allocationMode: 'All' })] },
    { slices: [fourGpus], using: [has('g0')] },
    'r=g0 r=g1 r=g2 r=g3',
  ],
  ['several', { requests: [aDeviceRequest({ count: 3 })] }, { slices: [fourGpus] }, 'r=g0 r=g1 r=g2'],
  [
    'nothing when there are too few',
    { requests: [aDeviceRequest({ count: 5 })] },
    { slices: [fourGpus] },
    'none',
  ],
  [
    'all',
    { requests: [aDeviceRequest({ allocationMode: 'All' })] },
    { slices: [fourGpus] },
    'r=g0 r=g1 r=g2 r=g3',
  ],
  [
    'not all when one is in use',
    { requests: [aDeviceRequest({ allocationMode: 'All' })] },
    { slices: [fourGpus], using: [has('g2')] },
    'none',
  ],
  ['not all of nothing', { requests: [aDeviceRequest({ allocationMode: 'All' })] }, { slices: [] }, 'none'],
  [
    'what the request selects',
    { requests: [aDeviceRequest(select(`device.attributes["${driver}"].model == "large"`))] },
    { slices: [fourGpus] },
    'r=g1',
  ],
  [
    'by capacity, version, driver and other domains',
    {
      requests: [
        aDeviceRequest(
          select(
            `device.driver == "${driver}" && device.attributes["node.example.com"].numa == 1 && ` +
              `device.capacity["${driver}"].memory.compareTo(quantity("16Gi")) >= 0 && ` +
              `device.attributes["${driver}"].version.isGreaterThan(semver("1.2.0"))`,
          ),
        ),
      ],
    },
    { slices: [fourGpus] },
    'r=g2',
  ],
  [
    'nothing by a domain that is not there',
    { requests: [aDeviceRequest(select('"x" in device.attributes["other.example.com"]'))] },
    { slices: [fourGpus] },
    'none',
  ],
  [
    'what class and request select',
    { requests: [aDeviceRequest(select('device.attributes["node.example.com"].numa == 1'))] },
    {
      slices: [fourGpus],
      classes: [aDeviceClass('gpu', select(`device.attributes["${driver}"].model == "small"`))],
    },
    'r=g3',
  ],
  [
    'the first alternative that can be had',
    {
      requests: [
        {
          name: 'r',
          firstAvailable: [
            { name: 'five', deviceClassName: 'gpu', count: 5 },
            { name: 'two', deviceClassName: 'gpu', count: 2 },
          ],
        },
      ],
    },
    { slices: [fourGpus] },
    'r/two=g0 r/two=g1',
  ],
  [
    'another alternative when later requests need it',
    {
      requests: [
        {
          name: 'r',
          firstAvailable: [
            { name: 'four', deviceClassName: 'gpu', count: 4 },
            { name: 'one', deviceClassName: 'gpu' },
          ],
        },
        aDeviceRequest({}, 's'),
      ],
    },
    { slices: [fourGpus] },
    'r/one=g0 s=g1',
  ],
  [
    'devices with an attribute in common, by trying on',
    { requests: [aDeviceRequest({ count: 2 })], constraints: [{ matchAttribute: `${driver}/model` }] },
    { slices: [fourGpus] },
    'r=g0 r=g3',
  ],
  [
    'devices that differ',
    {
      requests: [aDeviceRequest({ count: 2 })],
      constraints: [{ distinctAttribute: 'node.example.com/numa' }],
    },
    { slices: [fourGpus] },
    'r=g0 r=g2',
  ],
  [
    'a constraint on other requests only',
    {
      requests: [aDeviceRequest({ count: 2 }), aDeviceRequest({}, 's')],
      constraints: [{ requests: ['s'], matchAttribute: `${driver}/model` }],
    },
    { slices: [fourGpus] },
    'r=g0 r=g1 s=g2',
  ],
  [
    'nothing without the attribute',
    { requests: [aDeviceRequest()], constraints: [{ matchAttribute: 'other.example.com/x' }] },
    { slices: [fourGpus] },
    'none',
  ],
  ['what is not tainted', { requests: [aDeviceRequest()] }, { slices: [tainted] }, 'r=g1'],
  [
    'what is tainted and tolerated',
    { requests: [aDeviceRequest({ tolerations: [{ key: 'broken', operator: 'Exists' }] })] },
    { slices: [tainted] },
    'r=g0',
  ],
  [
    'not all when one is tainted',
    { requests: [aDeviceRequest({ allocationMode: 'All' })] },
    { slices: [tainted] },
    'none',
  ],
  [
    'nothing of other nodes',
    { requests: [aDeviceRequest()] },
    { slices: [aNodeSlice('b', [plain('g0')])] },
    'none',
  ],
  [
    'what all nodes have',
    { requests: [aDeviceRequest()] },
    { slices: [aSlice('net', { allNodes: true, devices: [plain('d')] })] },
    'r=d',
  ],
  [
    'by the nodes of single devices',
    { requests: [aDeviceRequest()] },
    {
      slices: [
        aSlice('net', {
          perDeviceNodeSelection: true,
          devices: [plain('d0', { nodeName: 'b' }), plain('d1', { nodeName: 'a' })],
        }),
      ],
    },
    'r=d1',
  ],
  [
    'the newest generation of a pool only',
    { requests: [aDeviceRequest()] },
    {
      slices: [
        aNodeSlice('a', [plain('old')]),
        aSlice('a2', {
          nodeName: 'a',
          pool: { name: 'a', generation: 2, resourceSliceCount: 1 },
          devices: [plain('new')],
        }),
      ],
    },
    'r=new',
  ],
  [
    'nothing of a pool that is not complete',
    { requests: [aDeviceRequest()] },
    {
      slices: [
        aSlice('a', {
          nodeName: 'a',
          pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
          devices: [plain('g0')],
        }),
      ],
    },
    'none',
  ],
]

void describe('allocateDevices', () => {
  for (const [name, devices, world, expected] of rows) {
    void it(`gives ${name}`, () => assert.equal(chosen([aDeviceClaim('c', devices)], world), expected))
  }

  void it('gives each claim devices of its own', () => {
    const claims = ['c', 'd'].map((name) => aDeviceClaim(name, { requests: [aDeviceRequest()] }))
    assert.equal(chosen(claims, { slices: [fourGpus] }), 'r=g0 r=g1')
  })

  void it('counts what devices share', () => {
    const partition = (name: string, memory: string): Device =>
      plain(name, { consumesCounters: [{ counterSet: 'gpu', counters: { memory: { value: memory } } }] })
    const slices = [
      aSlice('counters', {
        pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
        sharedCounters: [{ name: 'gpu', counters: { memory: { value: '40Gi' } } }],
      }),
      aSlice('devices', {
        nodeName: 'a',
        pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
        devices: [partition('whole', '40Gi'), partition('half-0', '20Gi'), partition('half-1', '20Gi')],
      }),
    ]
    const two = aDeviceClaim('c', { requests: [aDeviceRequest({ count: 2 })] })
    const one = aDeviceClaim('c', { requests: [aDeviceRequest()] })
    assert.equal(chosen([two], { slices }), 'r=half-0 r=half-1')
    assert.equal(chosen([one], { slices, using: [has('half-1')] }), 'r=half-0')
    assert.equal(chosen([two], { slices, using: [has('half-1')] }), 'none')
  })

  void it('shares a device by its capacity, as its policy rounds', () => {
    const capacity = {
      memory: {
        value: '40Gi',
        requestPolicy: { default: '1Gi', validRange: { min: '4Gi', step: '4Gi', max: '32Gi' } },
      },
    }
    const slices = [aNodeSlice('a', [plain('g0', { allowMultipleAllocations: true, capacity })])]
    const wants = (memory: string) =>
      aDeviceClaim('c', { requests: [aDeviceRequest({ capacity: { requests: { memory } } })] })
    const given = (claim: ResourceClaim, using: readonly ResourceClaim[] = []) =>
      allocate([claim], { slices, using })?.[0]?.devices?.results?.[0]
    assert.deepEqual(given(wants('9Gi')), {
      request: 'r',
      driver,
      pool: 'a',
      device: 'g0',
      shareID: 'share-1',
      consumedCapacity: { memory: '12Gi' },
    })
    assert.equal(given(wants('33Gi')), undefined)
    const takes = (memory: string) => has('g0', { shareID: 's', consumedCapacity: { memory } })
    assert.equal(given(wants('9Gi'), [takes('32Gi')]), undefined)
    assert.equal(given(wants('9Gi'), [takes('28Gi')])?.device, 'g0')
    assert.equal(
      given(aDeviceClaim('c', { requests: [aDeviceRequest()] }))?.consumedCapacity?.['memory'],
      '1Gi',
    )
  })

  void it('shares a device whose policy has no default, which is served as null', () => {
    const requestPolicy = { default: null } as object
    const capacity = { memory: { value: '40Gi', requestPolicy } }
    const slices = [aNodeSlice('a', [plain('g0', { allowMultipleAllocations: true, capacity })])]
    const claim = aDeviceClaim('c', {
      requests: [aDeviceRequest({ capacity: { requests: { memory: '9Gi' } } })],
    })
    assert.deepEqual(allocate([claim], { slices })?.[0]?.devices?.results?.[0]?.consumedCapacity, {
      memory: '9Gi',
    })
  })

  void it('says where the devices are, and how to set them up', () => {
    const opaque = (kind: string) => ({ opaque: { driver, parameters: { kind } } })
    const classes = [aDeviceClass('gpu', { config: [opaque('class')] })]
    const claim = aDeviceClaim('c', {
      requests: [aDeviceRequest(), aDeviceRequest({}, 's')],
      config: [{ requests: ['s'], ...opaque('of s') }, opaque('of all')],
    })
    const [result] = allocate([claim], { slices: [fourGpus], classes })!
    assert.deepEqual(result!.devices!.config, [
      { source: 'FromClass', ...opaque('class') },
      { source: 'FromClaim', requests: ['s'], ...opaque('of s') },
      { source: 'FromClaim', ...opaque('of all') },
    ])
    const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['a'] }]
    assert.deepEqual(result!.nodeSelector, { nodeSelectorTerms: [{ matchFields }] })
  })

  const faults: readonly (readonly [string, DeviceClaim, World, RegExp])[] = [
    [
      'a selector that fails',
      { requests: [aDeviceRequest(select(`device.attributes["${driver}"].absent == "x"`))] },
      { slices: [fourGpus] },
      /^claim default\/c: selector #0 on device gpu\.example\.com\/a\/g0: CEL runtime error: no such key: absent/,
    ],
    [
      'all devices of a pool that changes',
      { requests: [aDeviceRequest({ allocationMode: 'All' })] },
      {
        slices: [
          aSlice('a', {
            nodeName: 'a',
            pool: { name: 'a', generation: 1, resourceSliceCount: 2 },
            devices: [plain('g')],
          }),
        ],
      },
      /asks for all devices, but resource pool gpu\.example\.com\/a is currently being updated$/,
    ],
    [
      'all devices with a constraint that they break',
      {
        requests: [aDeviceRequest({ allocationMode: 'All' })],
        constraints: [{ matchAttribute: `${driver}/model` }],
      },
      { slices: [fourGpus] },
      /cannot add device gpu\.example\.com\/a\/g1 because a claim constraint would not be satisfied$/,
    ],
    [
      'devices of the same name',
      { requests: [aDeviceRequest()] },
      { slices: [aNodeSlice('a', [plain('g'), plain('g')])] },
      /^invalid resource pools were encountered$/,
    ],
  ]
  for (const [name, devices, world, message] of faults) {
    void it(`refuses ${name}`, () =>
      assert.throws(() => allocate([aDeviceClaim('c', devices)], world), { message }))
  }
})
