import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { aPod } from '../../testing/pod-builder.ts'
import { aSandbox, observation } from '../testing/observed-builder.ts'
import { emptyMemory } from './memory.ts'
import { planPod } from './plan-pod.ts'

const now = 10_000

describe('planStart', () => {
  it('shows an error before its back-off', () => {
    const failure = {
      reason: 'ErrImagePull',
      message: 'no such image',
      failedAtMs: now,
      retryAtMs: now + 10_000,
      backoff: { reason: 'ImagePullBackOff', message: 'Back-off' },
    }
    const reasonAt = (time: number) =>
      planPod({
        pod: aPod('pod'),
        observed: observation([aSandbox('s0')]),
        probes: { startup: () => 'success', liveness: () => 'success', readiness: () => 'success' },
        memory: { ...emptyMemory, failures: new Map([['app', failure]]) },
        now: time,
      }).waiting.get('app')?.reason
    assert.equal(reasonAt(now), 'ErrImagePull')
    assert.equal(reasonAt(now + 2000), 'ImagePullBackOff')
  })
})
