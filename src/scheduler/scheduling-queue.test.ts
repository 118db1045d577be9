import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import type { ClusterChange } from './cluster-change.ts'
import type { Plugin } from './framework.ts'
import { podInfo } from './pod-info.ts'
import { SchedulingQueue } from './scheduling-queue.ts'
import { prioritySort } from './plugins/priority-sort.ts'
import { schedulingGates } from './plugins/scheduling-gates.ts'
import { aNode, aPod, aPodInfo } from './testing/builders.ts'

/** Refuses pods until a node comes. */
const wantsNode: Plugin = { name: 'WantsNode', mayHelp: ({ type }) => type === 'nodeAdded' }
const nodeAdded: ClusterChange = { type: 'nodeAdded', node: aNode('n') }
const refusedByIt = new Set(['WantsNode'])

function aQueue(plugins: readonly Plugin[] = [wantsNode]) {
  const clock = fakeClock()
  const incoming: string[] = []
  const queue = new SchedulingQueue({
    clock,
    compare: (a, b) => prioritySort.compare!(a, b),
    pluginsOf: () => plugins,
    firstBackoffMs: 1000,
    greatestBackoffMs: 10_000,
    onReady: () => undefined,
    onIncoming: (part, event) => incoming.push(`${part} ${event}`),
  })
  return {
    clock,
    queue,
    incoming,
    popName: () => queue.pop()?.pod.pod.metadata?.name,
    popAndRefuse: () => queue.refuse(queue.pop()!, refusedByIt),
  }
}

test('SchedulingQueue gives pods by priority, then by age', async () => {
  const { clock, queue, popName } = aQueue()
  for (const [name, priority] of [
    ['old', 1],
    ['new', 1],
    ['high', 5],
  ] as const) {
    queue.set(aPodInfo(name, { priority }))
    await clock.advance(1)
  }
  assert.deepEqual([popName(), popName(), popName(), popName()], ['high', 'old', 'new', undefined])
})

test('SchedulingQueue has a refused pod wait for a change that may help', () => {
  const { queue, incoming, popName, popAndRefuse } = aQueue()
  queue.set(aPodInfo('p'))
  popAndRefuse()
  queue.notice({ type: 'podRemoved', pod: aPodInfo('other'), nodeName: 'n' })
  assert.equal(popName(), undefined)
  queue.notice(nodeAdded)
  assert.equal(popName(), 'p')
  assert.deepEqual(incoming, [
    'active UnschedulablePodAdd',
    'unschedulable ScheduleAttemptFailure',
    'backoff NodeAdd',
    'active PopFromBackoffQ',
  ])
})

test('SchedulingQueue tries others before a pod that backs off, and that pod early when there are none', async () => {
  const { clock, queue, popName, popAndRefuse } = aQueue()
  queue.set(aPodInfo('tried', { priority: 9 }))
  popAndRefuse()
  queue.notice(nodeAdded)
  queue.set(aPodInfo('fresh'))
  assert.deepEqual([popName(), popName()], ['fresh', 'tried'])

  queue.set(aPodInfo('again', { priority: 9 }))
  popAndRefuse()
  queue.notice(nodeAdded)
  queue.set(aPodInfo('fresh-2'))
  await clock.advance(1000)
  assert.deepEqual([popName(), popName()], ['again', 'fresh-2'])
})

test('SchedulingQueue has a pod back off that something went wrong with, longer each time, also when there is no other', async () => {
  const { clock, queue } = aQueue()
  queue.set(aPodInfo('p'))
  for (const backoffMs of [1000, 2000, 4000, 8000, 10_000, 10_000]) {
    queue.retry(queue.pop()!)
    await clock.advance(backoffMs - 1)
    assert.equal(queue.isReady, false)
    await clock.advance(1)
    assert.equal(queue.isReady, true)
  }
})

test('SchedulingQueue counts errors anew after a refusal', async () => {
  const { clock, queue, popAndRefuse } = aQueue()
  queue.set(aPodInfo('p'))
  for (const backoffMs of [1000, 2000]) {
    queue.retry(queue.pop()!)
    await clock.advance(backoffMs)
  }
  popAndRefuse()
  queue.notice(nodeAdded)
  queue.retry(queue.pop()!)
  await clock.advance(1000)
  assert.equal(queue.isReady, true)
})

test('SchedulingQueue heeds what happened while a pod was being tried', () => {
  const { queue, popName } = aQueue()
  queue.set(aPodInfo('missed'))
  queue.notice(nodeAdded)
  const tried = queue.pop()!
  queue.refuse(tried, refusedByIt)
  assert.equal(popName(), undefined, 'a change before the attempt is none after it')

  queue.set(aPodInfo('heard'))
  const other = queue.pop()!
  queue.notice(nodeAdded)
  assert.equal(popName(), 'missed')
  queue.refuse(other, refusedByIt)
  assert.equal(popName(), 'heard')
})

test('SchedulingQueue forgets what happened once a pod is done', () => {
  const { queue, popName } = aQueue()
  queue.set(aPodInfo('p'))
  const bound = queue.pop()!
  queue.done(bound)
  queue.notice(nodeAdded)
  queue.refuse(bound, refusedByIt)
  assert.equal(popName(), undefined)
})

test('SchedulingQueue.activate tries a pod at once, whatever it waits for', async () => {
  const { clock, queue, popName, popAndRefuse } = aQueue()
  queue.set(aPodInfo('refused'))
  popAndRefuse()
  queue.activate('default/refused')
  assert.equal(queue.counts.active, 1)
  assert.equal(popName(), 'refused')

  queue.set(aPodInfo('failed'))
  queue.retry(queue.pop()!)
  queue.activate('default/failed')
  assert.equal(popName(), 'failed')

  queue.set(aPodInfo('tried'))
  const tried = queue.pop()!
  queue.activate('default/tried')
  queue.refuse(tried, refusedByIt)
  assert.equal(popName(), 'tried')
  await clock.advance(0)
})

test('SchedulingQueue keeps a gated pod until nothing gates it', () => {
  const { queue, popName } = aQueue([schedulingGates, wantsNode])
  const gated = aPod('p', { spec: { schedulingGates: [{ name: 'wait' }] } })
  queue.set(podInfo(gated))
  queue.notice(nodeAdded)
  assert.deepEqual([popName(), queue.counts.gated], [undefined, 1])
  assert.deepEqual(
    [...queue.waitingBecauseOf()].map(({ plugin }) => plugin),
    ['SchedulingGates'],
  )
  const { schedulingGates: _, ...spec } = gated.spec!
  queue.set(podInfo({ ...gated, metadata: { ...gated.metadata, generation: 2 }, spec }))
  assert.deepEqual([popName(), queue.counts.gated], ['p', 0])
})

test('SchedulingQueue asks gates again whenever a refused pod is to be tried', () => {
  let isShut = true
  const gate: Plugin = { name: 'Gate', gate: () => (isShut ? 'shut' : undefined) }
  const { queue, popName } = aQueue([gate, wantsNode])
  isShut = false
  queue.set(aPodInfo('p'))
  queue.refuse(queue.pop()!, refusedByIt)
  isShut = true
  queue.notice(nodeAdded)
  assert.deepEqual([popName(), queue.counts.gated], [undefined, 1])
  isShut = false
  queue.notice({ type: 'podRemoved', pod: aPodInfo('other'), nodeName: 'n' })
  assert.equal(popName(), undefined, 'what helps the gate alone does not help')
  queue.notice(nodeAdded)
  assert.equal(popName(), 'p')
})

test('SchedulingQueue takes a pod’s new version without trying it again for its status alone', () => {
  const { queue, popName, popAndRefuse } = aQueue([{ name: 'WantsNode', mayHelp: () => true }])
  const pod = aPod('p')
  queue.set(podInfo(pod))
  popAndRefuse()
  queue.set(podInfo({ ...pod, metadata: { ...pod.metadata, labels: {} }, status: { phase: 'Pending' } }))
  assert.equal(popName(), undefined)
  queue.set(podInfo({ ...pod, metadata: { ...pod.metadata, labels: { app: 'web' } } }))
  assert.equal(popName(), 'p')
})

test('SchedulingQueue tries a pod again after five minutes though nothing happened', async () => {
  const { clock, queue, popAndRefuse } = aQueue()
  queue.set(aPodInfo('p'))
  popAndRefuse()
  await clock.advance(299_999)
  assert.equal(queue.isReady, false)
  await clock.advance(30_001)
  assert.equal(queue.isReady, true)
})
