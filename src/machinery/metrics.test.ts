import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics, exponentialBuckets, linearBuckets } from './metrics.ts'

describe('createMetrics', () => {
  it('writes counters and gauges with escaped labels, families by name', () => {
    const metrics = createMetrics()
    const requests = metrics.counter({ name: 'requests_total', help: 'Requests.', labels: ['verb', 'path'] })
    requests.with({ verb: 'GET', path: 'a"b\\c\nd' }).add()
    requests.with({ verb: 'GET', path: 'a"b\\c\nd' }).add(2)
    metrics.gauge({ name: 'depth', help: 'Depth.', stability: 'STABLE' }).with({}).set(-1.5)
    assert.equal(
      metrics.text(),
      [
        '# HELP depth [STABLE] Depth.',
        '# TYPE depth gauge',
        'depth -1.5',
        '# HELP requests_total [ALPHA] Requests.',
        '# TYPE requests_total counter',
        'requests_total{verb="GET",path="a\\"b\\\\c\\nd"} 3',
        '',
      ].join('\n'),
    )
  })

  it('writes cumulative histogram buckets; a bound includes its own value', () => {
    const metrics = createMetrics()
    const seconds = metrics.histogram({ name: 's', help: 'h', buckets: [0.1, 1], labels: ['name'] })
    for (const value of [0.05, 0.1, 0.5, 7]) seconds.with({ name: 'x' }).observe(value)
    assert.deepEqual(metrics.text().split('\n').slice(2, -1), [
      's_bucket{name="x",le="0.1"} 2',
      's_bucket{name="x",le="1"} 3',
      's_bucket{name="x",le="+Inf"} 4',
      's_sum{name="x"} 7.65',
      's_count{name="x"} 4',
    ])
  })

  it('returns the same metric for the same name and refuses another shape', () => {
    const metrics = createMetrics()
    const options = { name: 'n', help: 'h', labels: ['a'] } as const
    metrics.counter(options).with({ a: '1' }).add()
    assert.equal(metrics.counter(options).with({ a: '1' }).value, 1)
    assert.throws(() => metrics.gauge(options), /metric n exists as counter with labels \[a\]/)
  })

  it('collects before each encoding, and forgets removed series', () => {
    const metrics = createMetrics()
    const gauge = metrics.gauge({ name: 'n', help: 'h' })
    const end = metrics.onCollect(() => gauge.with({}).add(1))
    assert.match(metrics.text(), /^n 1$/m)
    end()
    assert.match(metrics.text(), /^n 1$/m)
    gauge.remove({})
    assert.equal(metrics.text(), '')
  })
})

describe('buckets', () => {
  it('are ascending bounds', () => {
    assert.deepEqual(exponentialBuckets(1, 10, 3), [1, 10, 100])
    assert.deepEqual(linearBuckets(1, 2, 3), [1, 3, 5])
  })
})
