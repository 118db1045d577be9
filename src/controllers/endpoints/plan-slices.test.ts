import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { planSlices, portsKey, type PortGroup, type SlicePlan } from './plan-slices.ts'

const http: readonly EndpointPort[] = [{ name: 'http', port: 80, protocol: 'TCP' }]
const dns: readonly EndpointPort[] = [{ name: 'dns', port: 53, protocol: 'UDP' }]

const endpoint = (name: string, ready = true): Endpoint => ({
  addresses: [name],
  conditions: { ready },
  targetRef: { name },
})

let sliceCount = 0
function slice(ports: readonly EndpointPort[], ...endpoints: readonly Endpoint[]): EndpointSlice {
  return { metadata: { name: `s${sliceCount++}` }, addressType: 'IPv4', ports, endpoints }
}

function apply(existing: readonly EndpointSlice[], plan: SlicePlan): readonly EndpointSlice[] {
  const updated = new Map(plan.update.map(({ slice, content }) => [slice, { ...slice, ...content }]))
  return [
    ...existing.filter((one) => !plan.delete.includes(one)).map((one) => updated.get(one) ?? one),
    ...plan.create.map(({ ports, endpoints }) => slice(ports, ...endpoints)),
  ]
}

const count = ({ create, update, delete: gone }: SlicePlan) => [create.length, update.length, gone.length]

void describe('planSlices', () => {
  const three = [endpoint('a'), endpoint('b'), endpoint('c')]
  const rows: readonly (readonly [
    string,
    readonly EndpointSlice[],
    readonly PortGroup[],
    readonly number[],
  ])[] = [
    ['creates', [], [{ ports: http, endpoints: three }], [2, 0, 0]],
    ['creates an empty one for nothing', [], [], [1, 0, 0]],
    ['keeps the empty one', [slice([])], [], [0, 0, 0]],
    [
      'keeps what is right',
      [slice(http, ...three.slice(0, 2))],
      [{ ports: http, endpoints: three.slice(0, 2) }],
      [0, 0, 0],
    ],
    [
      'changes a condition',
      [slice(http, endpoint('a', false))],
      [{ ports: http, endpoints: [endpoint('a')] }],
      [0, 1, 0],
    ],
    [
      'fills a slice',
      [slice(http, endpoint('a'))],
      [{ ports: http, endpoints: three.slice(0, 2) }],
      [0, 1, 0],
    ],
    ['empties into a placeholder', [slice(http, ...three)], [], [0, 1, 0]],
    [
      'turns the placeholder into a slice',
      [slice([])],
      [{ ports: http, endpoints: [endpoint('a')] }],
      [0, 1, 0],
    ],
    [
      'separates by ports',
      [],
      [
        { ports: http, endpoints: [endpoint('a')] },
        { ports: dns, endpoints: [endpoint('a')] },
      ],
      [2, 0, 0],
    ],
    [
      'drops a slice that becomes empty',
      [slice(http, endpoint('a')), slice(http, endpoint('b'))],
      [{ ports: http, endpoints: [endpoint('b')] }],
      [0, 0, 1],
    ],
  ]
  for (const [name, existing, groups, expected] of rows) {
    void it(name, () => assert.deepEqual(count(planSlices(existing, groups, { max: 2 })), expected))
  }

  void it('leaves other slices alone when one endpoint changes', () => {
    const existing = [slice(http, endpoint('a'), endpoint('b')), slice(http, endpoint('c'), endpoint('d'))]
    const endpoints = ['a', 'b', 'c', 'd'].map((name) => endpoint(name, name !== 'c'))
    const plan = planSlices(existing, [{ ports: http, endpoints }], { max: 2 })
    assert.deepEqual(
      plan.update.map(({ slice }) => slice),
      [existing[1]],
    )
  })

  void it('holds exactly the endpoints after any sequence of changes, and is idempotent', () => {
    const pods = fc.array(fc.tuple(fc.nat(12), fc.boolean(), fc.boolean()), { maxLength: 12 })
    fc.assert(
      fc.property(fc.array(pods, { maxLength: 8 }), (steps) => {
        let slices: readonly EndpointSlice[] = []
        for (const step of steps) {
          const wanted = new Map(step.map(([id, ready, isDns]) => [id, { ready, ports: isDns ? dns : http }]))
          const groups = [http, dns].map((ports) => ({
            ports,
            endpoints: [...wanted]
              .filter((entry) => entry[1].ports === ports)
              .map(([id, { ready }]) => endpoint(`p${id}`, ready)),
          }))
          slices = apply(slices, planSlices(slices, groups, { max: 3 }))
          assert.ok(slices.length >= 1)
          for (const { ports, endpoints } of groups) {
            const held = slices.filter((one) => portsKey(one.ports ?? []) === portsKey(ports))
            const names = held.flatMap((one) => one.endpoints ?? [])
            assert.equal(names.length, endpoints.length)
            assert.deepEqual(
              new Set(names.map((e) => JSON.stringify(e))),
              new Set(endpoints.map((e) => JSON.stringify(e))),
            )
            for (const one of held) assert.ok((one.endpoints ?? []).length <= 3)
          }
          assert.deepEqual(count(planSlices(slices, groups, { max: 3 })), [0, 0, 0])
        }
      }),
    )
  })
})
