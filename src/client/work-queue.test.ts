import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMetrics } from '../machinery/metrics.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { createQueueMetrics } from './queue-metrics.ts'
import { createWorkQueue } from './work-queue.ts'

function setUp() {
  const clock = fakeClock()
  const metrics = createMetrics()
  const queue = createWorkQueue({ clock, metrics: createQueueMetrics(metrics, clock, 'q') })
  return { clock, metrics, queue }
}

void describe('createWorkQueue', () => {
  void it('gives keys first in first out, each once however often it is added', async () => {
    const { queue } = setUp()
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
    assert.deepEqual([await queue.take(), await queue.take(), await queue.take()], ['a', 'b', 'c'])
    assert.equal(queue.length, 0)
  })

  void it('gives a key that is added while in hand again, but only once it is done', async () => {
    const { queue } = setUp()
    queue.add('a')
    await queue.take()
    queue.add('a')
    queue.add('a')
    assert.equal(queue.length, 0)
    queue.done('a')
    assert.equal(queue.length, 1)
    assert.equal(await queue.take(), 'a')
    queue.done('a')
    assert.equal(queue.length, 0)
  })

  void it('hands a key to who waits for one, and nothing once closed', async () => {
    const { queue } = setUp()
    const first = queue.take()
    const second = queue.take()
    queue.add('a')
    assert.equal(await first, 'a')
    queue.close()
    assert.equal(await second, undefined)
    assert.equal(await queue.take(), undefined)
  })

  void it('counts the shortest of several delays', async () => {
    const { queue, clock } = setUp()
    queue.addAfter('a', 1000)
    queue.addAfter('a', 100)
    queue.addAfter('a', 500)
    await clock.advance(99)
    assert.equal(queue.length, 0)
    await clock.advance(1)
    assert.equal(queue.length, 1)
    assert.equal(clock.pending, 0)
  })

  void it('waits longer than a timer can', async () => {
    const { queue, clock } = setUp()
    queue.addAfter('a', 2 ** 31 + 1000)
    await clock.advance(2 ** 31)
    assert.equal(queue.length, 0)
    await clock.advance(1000)
    assert.equal(queue.length, 1)
  })

  void it('doubles the pause after each failure up to 1000 s, until the key is forgotten', async () => {
    const { queue, clock } = setUp()
    const pauses: number[] = []
    for (let failure = 0; failure < 20; failure++) {
      const before = clock.monotonic()
      queue.addFailed('a')
      let at = 0
      void queue.take().then(() => (at = clock.monotonic()))
      await clock.advance(1_000_000)
      pauses.push(at - before)
      queue.done('a')
    }
    assert.deepEqual(pauses.slice(0, 4), [5, 10, 20, 40])
    assert.equal(pauses.at(-1), 1_000_000)
    assert.equal(queue.failures('a'), 20)
    queue.forget('a')
    queue.addFailed('a')
    await clock.advance(5)
    assert.equal(queue.length, 1)
  })

  void it("counts under upstream's names", async () => {
    const { queue, clock, metrics } = setUp()
    queue.add('a')
    queue.add('b')
    await clock.advance(1000)
    await queue.take()
    await clock.advance(2000)
    const text = metrics.text()
    assert.match(text, /workqueue_depth\{name="q"\} 1/)
    assert.match(text, /workqueue_adds_total\{name="q"\} 2/)
    assert.match(text, /workqueue_queue_duration_seconds_sum\{name="q"\} 1\n/)
    assert.match(text, /workqueue_unfinished_work_seconds\{name="q"\} 2\n/)
    queue.done('a')
    queue.addFailed('a')
    assert.match(metrics.text(), /workqueue_work_duration_seconds_sum\{name="q"\} 2\n/)
    assert.match(metrics.text(), /workqueue_retries_total\{name="q"\} 1\n/)
  })
})
