import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Node } from '../../api/generated/core.v1.ts'
import { isOverloaded, planHints, zoneShares } from './topology-hints.ts'

const shares = (values: Readonly<Record<string, number>>) => new Map(Object.entries(values))
/** `a`: an endpoint of that zone; `a>b`: that has served zone b. */
const endpoints = (text: string) =>
  text.split(' ').map((word) => {
    const [zone, hint] = word.split('>')
    return { zone: zone || undefined, hint }
  })

void describe('planHints', () => {
  const rows: readonly (readonly [string, string, Readonly<Record<string, number>>, string])[] = [
    ['leaves near what fits', 'a b', { a: 0.5, b: 0.5 }, 'a b'],
    ['leaves near what fits well enough', 'a b b', { a: 0.35, b: 0.65 }, 'a b b'],
    ['gives from where there is too much', 'a a a b', { a: 0.5, b: 0.5 }, 'b a a b'],
    ['gives to a zone that has none', 'a a a b b b', { a: 0.35, b: 0.35, c: 0.3 }, 'c a a c b b'],
    ['keeps what was shared out before', 'a a>b a b', { a: 0.5, b: 0.5 }, 'a b a b'],
    ['does not keep more for a zone than is its due', 'a>b a>b a>b b>b', { a: 0.5, b: 0.5 }, 'b b a a'],
    ['forgets zones that are gone', 'a>c b', { a: 0.5, b: 0.5 }, 'a b'],
  ]
  for (const [criterion, text, ratios, expected] of rows) {
    void it(criterion, () => {
      const plan = planHints(endpoints(text), shares(ratios))
      assert.equal(plan.type === 'hints' ? plan.zones.join(' ') : plan.message, expected)
    })
  }

  const refused: readonly (readonly [
    string,
    string,
    Readonly<Record<string, number>> | undefined,
    string,
  ])[] = [
    [
      'nothing is known of the nodes',
      'a b',
      undefined,
      'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes',
    ],
    [
      'there are more zones than endpoints',
      'a b',
      { a: 0.3, b: 0.3, c: 0.4 },
      'Insufficient number of endpoints (2 endpoints, 3 zones)',
    ],
    [
      'a zone would have to bear too much',
      'a b',
      { a: 0.2, b: 0.8 },
      'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold ' +
        '(2 endpoints, 2 zones)',
    ],
    [
      'an endpoint has no zone',
      'a >',
      { a: 0.5, b: 0.5 },
      'One or more endpoints do not have a zone specified',
    ],
  ]
  for (const [when, text, ratios, message] of refused) {
    void it(`shares nothing out when ${when}`, () => {
      assert.deepEqual(planHints(endpoints(text), ratios && shares(ratios)), { type: 'none', message })
    })
  }
})

void describe('isOverloaded', () => {
  const rows: readonly (readonly [
    Readonly<Record<string, number>>,
    Readonly<Record<string, number>> | undefined,
    boolean,
  ])[] = [
    [{}, { a: 1 }, false],
    [{ a: 1 }, undefined, true],
    [{ a: 5, b: 5 }, { a: 0.5, b: 0.5 }, false],
    [{ a: 5, b: 5 }, { a: 0.4, b: 0.6 }, false],
    [{ a: 5, b: 5 }, { a: 0.3, b: 0.7 }, true],
    [{ a: 5, b: 5 }, { a: 0.4, b: 0.4, c: 0.2 }, true],
  ]
  for (const [counts, ratios, expected] of rows) {
    void it(`of ${JSON.stringify(counts)} where zones are ${JSON.stringify(ratios)}`, () => {
      assert.equal(isOverloaded(shares(counts), ratios && shares(ratios)), expected)
    })
  }
})

void describe('zoneShares', () => {
  const aNode = (zone: string | undefined, cpu: string, labels = {}, ready = 'True'): Node => ({
    metadata: { labels: { ...labels, ...(zone && { 'topology.kubernetes.io/zone': zone }) } },
    status: { allocatable: { cpu }, conditions: [{ type: 'Ready', status: ready }] },
  })
  const control = { 'node-role.kubernetes.io/control-plane': '' }
  const rows: Readonly<Record<string, readonly [readonly Node[], object | undefined]>> = {
    'go by CPU': [[aNode('a', '1'), aNode('a', '2'), aNode('b', '1')], { a: 0.75, b: 0.25 }],
    'leave out the control plane': [
      [aNode('a', '1'), aNode('b', '1'), aNode('c', '8', control)],
      { a: 0.5, b: 0.5 },
    ],
    'leave out nodes that are not ready': [
      [aNode('a', '1'), aNode('b', '1'), aNode('b', '8', {}, 'Unknown')],
      { a: 0.5, b: 0.5 },
    ],
    'are unknown in one zone': [[aNode('a', '1'), aNode('a', '2')], undefined],
    'are unknown with a node outside all zones': [
      [aNode('a', '1'), aNode('b', '1'), aNode(undefined, '1')],
      undefined,
    ],
    'are unknown with a node without CPU': [[aNode('a', '1'), aNode('b', '0')], undefined],
  }
  for (const [criterion, [nodes, expected]] of Object.entries(rows)) {
    void it(criterion, () => {
      const found = zoneShares(nodes)
      assert.deepEqual(found && Object.fromEntries(found), expected)
    })
  }
})
