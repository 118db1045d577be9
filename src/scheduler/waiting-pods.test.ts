import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { aPodInfo } from './testing/builders.ts'
import { WaitingPods } from './waiting-pods.ts'

const pod = aPodInfo('p')
const both = new Map([
  ['One', 1000],
  ['Two', 2000],
])

test('WaitingPods lets a pod go when every plugin has allowed it', async () => {
  const waiting = new WaitingPods(fakeClock())
  const result = waiting.wait(pod, 'a', both)
  waiting.get(pod.key)!.allow('One')
  assert.deepEqual([...waiting.get(pod.key)!.pending], ['Two'])
  waiting.get(pod.key)!.allow('Two')
  assert.deepEqual(await result, { type: 'allowed' })
  assert.equal(waiting.get(pod.key), undefined)
})

test('WaitingPods refuses a pod when one plugin does, or when one’s time is over', async () => {
  const clock = fakeClock()
  const waiting = new WaitingPods(clock)
  const refused = waiting.wait(pod, 'a', both)
  waiting.get(pod.key)!.refuse('Two', 'no')
  assert.deepEqual(await refused, { type: 'refused', plugin: 'Two', reason: 'no' })

  const late = waiting.wait(pod, 'a', both)
  await clock.advance(1000)
  const reason = 'rejected due to timeout after waiting 1000ms at plugin One'
  assert.deepEqual(await late, { type: 'refused', plugin: 'One', reason })
})
