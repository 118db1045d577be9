import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PodSpec } from '../../api/generated/core.v1.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { burstableShares, limitsOf } from './pod-limits.ts'

const mebibyte = 2 ** 20
const small = { requests: { cpu: '100m', memory: '10Mi' }, limits: { cpu: '200m', memory: '20Mi' } }
const whole = { requests: { cpu: '1', memory: '100Mi' }, limits: { cpu: '2', memory: '200Mi' } }

test('limitsOf sums over the containers, and what the pod says as a whole holds instead; overhead is on top', () => {
  const overhead = { cpu: '100m', memory: '1Mi' }
  const containers = [aContainer('a', { resources: small }), aContainer('b', { resources: small })]
  const rows: readonly (readonly [Partial<PodSpec>, number, number | undefined, number | undefined])[] = [
    [{ containers }, 204, 40_000, 40],
    [{ containers, overhead }, 307, 50_000, 41],
    [{ containers: [aContainer('a', { resources: small }), aContainer('b')] }, 102, undefined, undefined],
    [{ containers, resources: whole }, 1024, 200_000, 200],
    [{ containers, resources: whole, overhead }, 1126, 210_000, 201],
    [{ containers: [aContainer('a')], resources: whole }, 1024, 200_000, 200],
    // Without a limit of its own, an init container has that of the pod.
    [{ containers, resources: whole, initContainers: [aContainer('first')] }, 1024, 200_000, 200],
    [{ containers, initContainers: [aContainer('first')] }, 204, 40_000, undefined],
  ]
  for (const [index, [spec, shares, quota, memory]] of rows.entries()) {
    const limits = limitsOf(aPod('p', spec))
    assert.deepEqual(
      [limits.shares, limits.quota?.cpuQuota, limits.memoryBytes],
      [shares, quota, memory === undefined ? undefined : memory * mebibyte],
      `row ${index}`,
    )
  }
})

test('burstableShares counts all that burstable pods ask for', () => {
  const asking = (spec: Partial<PodSpec>) => burstableShares([aPod('p', spec)])
  const container = aContainer('a', { resources: { requests: { cpu: '1' } } })
  assert.equal(asking({ containers: [container] }), 1024)
  assert.equal(asking({ containers: [container], overhead: { cpu: '1' } }), 2048)
  const sidecar = aContainer('s', { restartPolicy: 'Always', resources: { requests: { cpu: '1' } } })
  assert.equal(asking({ containers: [container], initContainers: [sidecar] }), 2048)
  assert.equal(asking({ containers: [aContainer('a')], resources: { requests: { cpu: '3' } } }), 3072)
  assert.equal(asking({ containers: [aContainer('a')] }), 2)
})
