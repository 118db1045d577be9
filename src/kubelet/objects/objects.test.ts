import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { TokenRequest } from '../../api/generated/authentication.v1.ts'
import type { ConfigMap } from '../../api/generated/core.v1.ts'
import { configMaps } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { testContext, until } from '../../client/testing/test-context.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { formatTime } from '../../machinery/time.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { createTokenSource } from '../volumes/token-source.ts'
import { createObjectTracker } from './object-tracker.ts'
import { referencesOf } from './references.ts'

const map = (value: string): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'map', namespace: 'default' },
  data: { value },
})

describe('createObjectTracker', () => {
  it('tells pods of changes in what they refer to, while they do', async () => {
    const context = testContext()
    const told: string[] = []
    const tracker = createObjectTracker({
      ...context,
      resource: configMaps,
      onChange: (pod) => void told.push(pod),
    })
    await assert.rejects(tracker.get('default', 'map'), /not found/)
    tracker.track('pod-1', ['default/map'])
    tracker.track('pod-2', ['default/map', 'default/other'])
    await assert.rejects(tracker.get('default', 'map'), /not found/)
    await context.client.create(configMaps, map('one'))
    await until(() => told.includes('pod-1') && told.includes('pod-2'))
    assert.equal((await tracker.get('default', 'map')).data?.value, 'one')

    tracker.track('pod-1', [])
    told.length = 0
    await context.client.patch(
      configMaps,
      { namespace: 'default', name: 'map' },
      { type: 'merge', body: { data: { value: 'two' } } },
    )
    await until(() => told.length > 0)
    assert.deepEqual(told, ['pod-2'])
    assert.equal((await tracker.get('default', 'map')).data?.value, 'two')

    await context.client.delete(configMaps, { namespace: 'default', name: 'map' })
    await until(() => told.length > 1)
    await assert.rejects(tracker.get('default', 'map'), /not found/)
    tracker.stop()
  })

  it('goes on after its watch broke', async () => {
    const context = testContext()
    context.client.seed(configMaps, map('one'))
    let changes = 0
    const tracker = createObjectTracker({ ...context, resource: configMaps, onChange: () => void changes++ })
    tracker.track('pod', ['default/map'])
    assert.equal((await tracker.get('default', 'map')).data?.value, 'one')
    context.client.dropWatches(new Error('broken'))
    await context.clock.advance(2000)
    await context.client.patch(
      configMaps,
      { namespace: 'default', name: 'map' },
      { type: 'merge', body: { data: { value: 'two' } } },
    )
    await until(() => changes > 0)
    assert.equal((await tracker.get('default', 'map')).data?.value, 'two')
    tracker.stop()
  })
})

describe('referencesOf', () => {
  it('finds every ConfigMap and Secret a pod names', () => {
    const pod = aPod('pod', {
      initContainers: [aContainer('init', { envFrom: [{ configMapRef: { name: 'c1' } }] })],
      containers: [
        aContainer('app', {
          env: [
            { name: 'A', valueFrom: { configMapKeyRef: { name: 'c2', key: 'k' } } },
            { name: 'B', valueFrom: { secretKeyRef: { name: 's1', key: 'k' } } },
          ],
        }),
      ],
      volumes: [
        { name: 'a', configMap: { name: 'c3' } },
        { name: 'b', secret: { secretName: 's2' } },
        { name: 'c', projected: { sources: [{ configMap: { name: 'c4' } }, { secret: { name: 's3' } }] } },
      ],
      imagePullSecrets: [{ name: 's4' }],
    })
    const { configMaps, secrets } = referencesOf(pod)
    assert.deepEqual([...configMaps], ['default/c1', 'default/c2', 'default/c3', 'default/c4'])
    assert.deepEqual([...secrets], ['default/s1', 'default/s2', 'default/s3', 'default/s4'])
  })
})

describe('createTokenSource', () => {
  it('asks again when four fifths of a token’s life are over', async () => {
    const clock = fakeClock()
    let asked = 0
    const client = {
      async createSubresource(_resource: unknown, _name: unknown, _subresource: string, body: TokenRequest) {
        const seconds = body.spec?.expirationSeconds ?? 0
        return {
          status: { token: `t${++asked}`, expirationTimestamp: formatTime(clock.now() + seconds * 1000) },
        }
      },
    } as unknown as Client
    const tokens = createTokenSource({ client, clock, random: seededRandom(1) })
    const pod = aPod('pod', {}, { uid: 'uid' })
    assert.equal(tokens.refreshAtMs('uid'), Infinity)
    assert.equal(await tokens.token(pod, { expirationSeconds: 1000 }), 't1')
    await clock.advance(700_000)
    assert.equal(await tokens.token(pod, { expirationSeconds: 1000 }), 't1')
    assert.ok(tokens.refreshAtMs('uid') > clock.now())
    await clock.advance(100_000)
    assert.equal(await tokens.token(pod, { expirationSeconds: 1000 }), 't2')
    assert.equal(await tokens.token(pod, { expirationSeconds: 1000, audience: 'other' }), 't3')
    tokens.forget('uid')
    assert.equal(tokens.refreshAtMs('uid'), Infinity)
  })
})
