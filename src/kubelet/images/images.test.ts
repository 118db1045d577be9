import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Secret } from '../../api/generated/core.v1.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { podEvents } from '../pods/events.ts'
import { createSimulatedRuntime } from '../runtime/simulated/simulated-runtime.ts'
import type { SandboxConfig } from '../runtime/runtime.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { credentialsFor } from './credentials.ts'
import { createImagePuller, ImageError, type ImagePullerOptions } from './image-puller.ts'
import { withDefaultTag } from '../../machinery/image-reference.ts'

describe('withDefaultTag', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['busybox', 'busybox:latest'],
    ['busybox:1', 'busybox:1'],
    ['localhost:5000/a/b', 'localhost:5000/a/b:latest'],
    ['registry.example/a', 'registry.example/a:latest'],
    [`busybox@${digest}`, `busybox@${digest}`],
    [`busybox:1@${digest}`, `busybox:1@${digest}`],
    ['UPPER/case', 'UPPER/case:latest'],
    ['registry.example/Upper', undefined],
    ['Upper.example/case', 'Upper.example/case:latest'],
    ['a//b', undefined],
    ['', undefined],
    ['busybox:', undefined],
  ]
  for (const [image, expected] of rows) {
    it(JSON.stringify(image), () => assert.equal(withDefaultTag(image), expected))
  }
})

describe('credentialsFor', () => {
  const secret = (auths: object): Secret => ({
    data: { '.dockerconfigjson': Buffer.from(JSON.stringify({ auths })).toString('base64') },
  })
  const auth = (text: string) => ({ auth: Buffer.from(text).toString('base64') })
  const secrets = [
    secret({
      'https://index.docker.io/v1/': auth('hub:h'),
      'registry.example': auth('all:a'),
      'registry.example/team': auth('team:t:with-colon'),
      '*.cloud.example': { username: 'star', password: 's' },
    }),
  ]
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['busybox', ['hub']],
    ['registry.example/team/app:1', ['team', 'all']],
    ['registry.example/teams/app', ['all']],
    ['eu.cloud.example/app', ['star']],
    ['deep.eu.cloud.example/app', []],
    ['other.example/app', []],
  ]
  for (const [image, expected] of rows) {
    it(image, () =>
      assert.deepEqual(
        credentialsFor(image, secrets).map(({ auth }) => auth.username),
        expected,
      ),
    )
  }

  it('keeps colons in passwords', () => {
    assert.equal(credentialsFor('registry.example/team/app', secrets)[0]?.auth.password, 't:with-colon')
  })
})

describe('createImagePuller', () => {
  function setUp(options: Pick<ImagePullerOptions, 'rate'> = {}) {
    const clock = fakeClock()
    const told: string[] = []
    let problem: string | undefined = 'not found'
    const runtime = createSimulatedRuntime({ clock, pullError: () => problem })
    const puller = createImagePuller({ runtime, clock, ...options })
    const pod = aPod('pod', {}, { uid: 'uid' })
    const events = podEvents({ event: (_pod, _type, reason) => void told.push(reason) }, pod)
    const ensure = (imagePullPolicy: 'Always' | 'IfNotPresent' | 'Never') =>
      puller.ensure({
        podUID: 'uid',
        image: 'app',
        pullPolicy: imagePullPolicy,
        named: { container: aContainer('app', { image: 'app', imagePullPolicy }), kind: 'main' },
        events,
        pullSecrets: async () => [],
        sandbox: {} as SandboxConfig,
      })
    return { clock, told, ensure, heal: () => (problem = undefined) }
  }

  it('backs off further with each failure, and begins anew after a success', async () => {
    const { clock, ensure, heal } = setUp()
    const delays: number[] = []
    for (let tries = 0; tries < 7; tries++) {
      const error = await ensure('Always').catch((error: unknown) => error)
      assert.ok(error instanceof ImageError)
      assert.equal(error.reason, 'ErrImagePull')
      assert.equal(error.backoff?.reason, 'ImagePullBackOff')
      delays.push(((error.retryAtMs ?? 0) - clock.now()) / 1000)
    }
    assert.deepEqual(delays, [10, 20, 40, 80, 160, 300, 300])
    heal()
    await ensure('Always')
  })

  it('pulls what is missing once, and what must always be each time', async () => {
    const { told, ensure, heal } = setUp()
    heal()
    await ensure('IfNotPresent')
    await ensure('IfNotPresent')
    await ensure('Always')
    assert.deepEqual(told, ['Pulling', 'Pulled', 'Pulled', 'Pulling', 'Pulled'])
  })

  it('fails when more is pulled than may be', async () => {
    const { clock, ensure, heal } = setUp({ rate: { qps: 1, burst: 2 } })
    heal()
    await ensure('Always')
    await ensure('Always')
    await assert.rejects(ensure('Always'), { reason: 'ErrImagePull', message: 'pull QPS exceeded' })
    await clock.advance(1000)
    await ensure('Always')
  })

  it('never pulls with policy Never', async () => {
    const { told, ensure } = setUp()
    await assert.rejects(ensure('Never'), { reason: 'ErrImageNeverPull' })
    assert.deepEqual(told, ['ErrImageNeverPull', 'Failed'])
  })
})
