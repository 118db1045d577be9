import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { FlowSchema, Subject } from '../../api/generated/flowcontrol.v1.ts'
import type { RequestInfo } from '../request-info.ts'
import { allocate } from './allocate.ts'
import { adjustSeats, seatLimits } from './borrowing.ts'
import { compileMatcher } from './matching.ts'
import { RetryAfter } from './retry-after.ts'
import { Integrator, noDemand } from './seat-demand.ts'
import { dealHand, flowHash } from './shuffle-sharding.ts'
import { WatchTracker } from './watch-tracker.ts'
import { estimateWork, type WorkFacts } from './work-estimate.ts'

const pods: RequestInfo = {
  isResourceRequest: true,
  path: '/api/v1/namespaces/default/pods',
  verb: 'list',
  apiPrefix: 'api',
  group: '',
  version: 'v1',
  namespace: 'default',
  resource: 'pods',
  subresource: '',
  name: '',
  parts: ['pods'],
}

test('dealHand deals as upstream does, each number once', () => {
  // By hand: 7 mod 5 and 1 mod 4, where the second counts among the cards that the first left.
  assert.deepEqual(dealHand(7n, 5, 2), [2, 1])
  assert.deepEqual(dealHand(0n, 6, 3), [0, 1, 2])
  assert.deepEqual(dealHand(5n + 6n * 4n, 6, 2), [5, 4])
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (hash) => {
      const hand = dealHand(hash, 128, 6)
      assert.equal(new Set(hand).size, 6)
      assert.ok(hand.every((card) => card >= 0 && card < 128))
    }),
  )
})

test('flowHash is the first eight bytes of SHA-256, the lowest first', () => {
  // printf 'exempt\0' | sha256sum
  assert.equal(typeof flowHash('exempt', ''), 'bigint')
  assert.notEqual(flowHash('a', 'bc'), flowHash('ab', 'c'))
})

test('allocate shares the sum out, within bounds, in proportion to the targets', () => {
  const claim = fc
    .record({ lower: fc.nat(50), extra: fc.nat(100), target: fc.nat(100) })
    .map(({ lower, extra, target }) => ({ lower, upper: lower + extra, target: Math.max(lower, target) }))
  fc.assert(
    fc.property(fc.array(claim, { minLength: 1, maxLength: 8 }), fc.nat(100), (claims, percent) => {
      const least = claims.reduce((all, { lower }) => all + lower, 0)
      const most = claims.reduce((all, { upper }) => all + upper, 0)
      const sum = Math.round(least + ((most - least) * percent) / 100)
      const { shares, proportion } = allocate(sum, claims)!
      assert.ok(Math.abs(shares.reduce((all, share) => all + share, 0) - sum) < 1e-6)
      for (const [index, { lower, upper, target }] of claims.entries()) {
        const share = shares[index]!
        assert.ok(share >= lower && share <= upper)
        const fair = proportion * Math.max(target, 0.001)
        if (share > lower + 1e-6 && share < upper - 1e-6) assert.ok(Math.abs(share - fair) < 1e-6)
      }
    }),
  )
  assert.equal(allocate(5, [{ lower: 0, upper: 4, target: 1 }]), undefined)
})

test('seatLimits gives levels their share of the server, as upstream rounds it', () => {
  const level = { nominalConcurrencyShares: 30, lendablePercent: 33 }
  assert.deepEqual(seatLimits(level, 600, 245), { nominal: 74, lower: 50, upper: 674 })
  const bounded = seatLimits({ ...level, borrowingLimitPercent: 50 }, 600, 245)
  assert.equal(bounded.upper, 111)
})

test('adjustSeats lends what is idle to the level that is busy, and gives it back', () => {
  const idle = { name: 'idle', isExempt: false, limits: { nominal: 10, lower: 2, upper: 40 } }
  const busy = { name: 'busy', isExempt: false, limits: { nominal: 10, lower: 5, upper: 40 } }
  const demand = { average: 30, deviation: 0, highWatermark: 30, smoothed: 30 }
  const seats = (all: Parameters<typeof adjustSeats>[0]) =>
    Object.fromEntries([...adjustSeats(all).levels].map(([name, level]) => [name, level.seats]))
  assert.deepEqual(
    seats([
      { ...idle, demand: noDemand },
      { ...busy, demand },
    ]),
    { idle: 2, busy: 18 },
  )
  assert.deepEqual(
    seats([
      { ...idle, demand },
      { ...busy, demand },
    ]),
    { idle: 10, busy: 10 },
  )
})

test('Integrator tells average, deviation and maximum of what was seen', () => {
  const integrator = new Integrator(0)
  integrator.set(4, 10)
  assert.deepEqual(integrator.read(20), { durationMs: 20, average: 2, deviation: 2, max: 4 })
  assert.deepEqual(integrator.read(30), { durationMs: 10, average: 4, deviation: 0, max: 4 })
})

test('RetryAfter doubles while many are turned away and falls again', () => {
  const retryAfter = new RetryAfter()
  const noteMany = (second: number, count: number) => {
    for (let each = 0; each < count; each++) retryAfter.note(second * 1000)
    return retryAfter.seconds
  }
  assert.equal(noteMany(100, 10), 1)
  assert.equal(noteMany(101, 20), 2)
  assert.equal(noteMany(103, 50), 4)
  assert.equal(noteMany(1000, 1), 3)
})

const users: readonly (readonly [Partial<Subject>, string, boolean])[] = [
  [{ kind: 'User', user: { name: 'ann' } }, 'ann', true],
  [{ kind: 'User', user: { name: '*' } }, 'bob', true],
  [{ kind: 'Group', group: { name: 'staff' } }, 'ann', true],
  [{ kind: 'Group', group: { name: 'other' } }, 'ann', false],
  [
    { kind: 'ServiceAccount', serviceAccount: { namespace: 'ns', name: '*' } },
    'system:serviceaccount:ns:a',
    true,
  ],
  [
    { kind: 'ServiceAccount', serviceAccount: { namespace: 'ns', name: 'b' } },
    'system:serviceaccount:ns:a',
    false,
  ],
  [
    { kind: 'ServiceAccount', serviceAccount: { namespace: 'n', name: '*' } },
    'system:serviceaccount:ns:a',
    false,
  ],
]

test('compileMatcher matches subjects as they are named', () => {
  for (const [subject, name, expected] of users) {
    const schema = schemaOf({ subjects: [subject as Subject] })
    assert.equal(compileMatcher(schema)(pods, { name, groups: ['staff'] }), expected, JSON.stringify(subject))
  }
})

const user = { name: 'ann', groups: [] }
const everybody: readonly Subject[] = [{ kind: 'User', user: { name: '*' } }]

function schemaOf(
  change: Partial<NonNullable<NonNullable<FlowSchema['spec']>['rules']>[number]>,
): FlowSchema {
  const resourceRules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'] }]
  const rule = { subjects: everybody, resourceRules, ...change }
  return { spec: { priorityLevelConfiguration: { name: 'x' }, rules: [rule] } }
}

test('compileMatcher matches resources with their subresources, scopes and paths', () => {
  const matches = (rule: object, info: Partial<RequestInfo>) =>
    compileMatcher(
      schemaOf({
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], ...rule }],
      }),
    )({ ...pods, ...info }, user)
  assert.equal(matches({ resources: ['pods'] }, {}), true)
  assert.equal(matches({ resources: ['pods'] }, { subresource: 'status' }), false)
  assert.equal(matches({ resources: ['pods/status'] }, { subresource: 'status' }), true)
  assert.equal(matches({}, { namespace: '' }), false)
  assert.equal(matches({ clusterScope: true }, { namespace: '' }), true)
  assert.equal(matches({ namespaces: ['other'] }, {}), false)
  assert.equal(matches({ apiGroups: ['apps'] }, {}), false)
  const paths = compileMatcher(
    schemaOf({ nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['/healthz', '/debug/*'] }] }),
  )
  const at = (path: string) => paths({ ...pods, isResourceRequest: false, verb: 'get', path }, user)
  assert.deepEqual(['/healthz', '/healthz/ping', '/healthzz', '/debug/pprof', '/debug'].map(at), [
    true,
    true,
    false,
    true,
    false,
  ])
})

test('estimateWork goes by what is listed and who hears of changes', () => {
  const facts: WorkFacts = {
    query: new URLSearchParams(),
    maxSeats: undefined,
    objects: () => ({ count: 1000, averageBytes: 2000 }),
    watches: () => 0,
  }
  const seats = (info: Partial<RequestInfo>, change: Partial<WorkFacts> = {}) =>
    estimateWork({ ...pods, ...info }, { ...facts, ...change })
  const query = (text: string) => ({ query: new URLSearchParams(text) })
  assert.equal(seats({}).initialSeats, 10)
  assert.equal(seats({}, { maxSeats: 3 }).initialSeats, 3)
  assert.equal(seats({}, query('limit=100')).initialSeats, 2)
  assert.equal(seats({}, query('limit=1000&resourceVersionMatch=Exact&resourceVersion=5')).initialSeats, 20)
  assert.equal(seats({ name: 'a' }).initialSeats, 1)
  assert.equal(seats({ verb: 'watch' }, query('resourceVersion=17')).initialSeats, 1)
  assert.equal(seats({ verb: 'watch' }, query('resourceVersion=17&sendInitialEvents=true')).initialSeats, 10)
  assert.equal(seats({ verb: 'watch' }).initialSeats, 10)
  assert.deepEqual(seats({ verb: 'update' }, { watches: () => 9 }).finalSeats, 0)
  assert.deepEqual(seats({ verb: 'update' }, { watches: () => 55 }), {
    initialSeats: 1,
    finalSeats: 6,
    additionalLatencyMs: 5,
  })
  assert.deepEqual(seats({ verb: 'create' }, { watches: () => 1000 }), {
    initialSeats: 1,
    finalSeats: 10,
    additionalLatencyMs: 50,
  })
})

test('WatchTracker counts watches of everything, of a namespace and of an object, but not of a node’s pods', () => {
  const tracker = new WatchTracker()
  const watch = { ...pods, verb: 'watch' }
  const ends = [
    tracker.register({ ...watch, namespace: '' }),
    tracker.register(watch),
    tracker.register({ ...watch, name: 'a' }),
    tracker.register({ ...watch, namespace: '', fieldSelector: 'spec.nodeName=n' }),
    tracker.register({ ...watch, namespace: 'other' }),
  ]
  const change = { ...pods, verb: 'update', name: 'a' }
  assert.equal(tracker.interestedIn(change), 3)
  for (const end of ends) end()
  assert.equal(tracker.interestedIn(change), 0)
})
