import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import type { Container, Probe } from '../../api/generated/core.v1.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { podEvents } from '../pods/events.ts'
import { aSandbox, anInstance, observation } from '../pods/testing/observed-builder.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { probeHttp } from './http-probe.ts'
import { createPodProber } from './pod-prober.ts'
import { probeTcp } from './tcp-probe.ts'

function setUp(container: Partial<Container>) {
  const clock = fakeClock(0)
  const told: string[] = []
  const runs: string[] = []
  let result: 'success' | 'failure' | 'error' = 'success'
  const pod = aPod('pod', { containers: [aContainer('app', container)] })
  const kindOf = (probe: Probe) =>
    Object.entries(container)
      .find(([, value]) => value === probe)?.[0]
      ?.replace('Probe', '') ?? ''
  const prober = createPodProber({
    clock,
    run: async (probe) => {
      runs.push(kindOf(probe))
      return { result, output: 'words' }
    },
    events: () =>
      podEvents({ event: (_pod, _type, reason, message) => void told.push(`${reason}: ${message}`) }, pod),
    onChange: () => update(),
  })
  const state = { podIP: '10.0.0.2', ending: false, isStarting: () => false }
  const update = (more: Partial<typeof state> = {}) => {
    Object.assign(state, more)
    prober.update(pod, observation([aSandbox('s0')], [anInstance('app', { startedAtMs: 0 })]), state)
  }
  update()
  return { clock, told, runs, prober, update, answer: (next: typeof result) => (result = next) }
}

describe('createPodProber', () => {
  const id = 'app-0'

  it('what has no probe is well', () => {
    const { prober } = setUp({})
    assert.deepEqual(
      [prober.startup(id), prober.liveness(id), prober.readiness(id)],
      ['success', 'success', 'success'],
    )
  })

  it('a container is unready until its probe succeeds, and alive until it fails often', async () => {
    const probe = { periodSeconds: 1 }
    const { clock, prober, answer, told } = setUp({
      readinessProbe: { ...probe },
      livenessProbe: { ...probe, initialDelaySeconds: 5 },
    })
    assert.equal(prober.readiness(id), 'unknown')
    await clock.advance(1)
    assert.equal(prober.readiness(id), 'success')
    answer('failure')
    await clock.advance(7000)
    assert.equal(prober.readiness(id), 'failure')
    assert.equal(prober.liveness(id), 'failure')
    assert.ok(told.includes('Unhealthy: Liveness probe failed: words'))
  })

  it('counts failures and successes in a row', async () => {
    const { clock, prober, answer } = setUp({
      readinessProbe: { periodSeconds: 1, failureThreshold: 2, successThreshold: 2 },
    })
    await clock.advance(1)
    assert.equal(prober.readiness(id), 'unknown')
    await clock.advance(1000)
    assert.equal(prober.readiness(id), 'success')
    answer('failure')
    await clock.advance(1000)
    answer('success')
    await clock.advance(1000)
    answer('failure')
    await clock.advance(1000)
    assert.equal(prober.readiness(id), 'success')
    await clock.advance(1000)
    assert.equal(prober.readiness(id), 'failure')
  })

  it('the startup probe holds the others back, and ends with its success', async () => {
    const { clock, prober, runs, answer } = setUp({
      startupProbe: { periodSeconds: 1, failureThreshold: 9 },
      livenessProbe: { periodSeconds: 1 },
    })
    answer('failure')
    await clock.advance(3500)
    assert.deepEqual(new Set(runs), new Set(['startup']))
    answer('success')
    await clock.advance(1000)
    assert.equal(prober.startup(id), 'success')
    runs.length = 0
    await clock.advance(3000)
    assert.deepEqual(new Set(runs), new Set(['liveness']))
  })

  it('a probe that cannot be run condemns nobody', async () => {
    const { clock, prober, answer } = setUp({ livenessProbe: { periodSeconds: 1, failureThreshold: 1 } })
    answer('error')
    await clock.advance(5000)
    assert.equal(prober.liveness(id), 'success')
  })

  it('only readiness is asked of a pod that ends', async () => {
    const { clock, runs, update } = setUp({
      livenessProbe: { periodSeconds: 1 },
      readinessProbe: { periodSeconds: 1 },
    })
    update({ ending: true })
    runs.length = 0
    await clock.advance(3000)
    assert.deepEqual(new Set(runs), new Set(['readiness']))
  })
})

describe('network probes', () => {
  it('say what upstream says', async () => {
    const server = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(302, { location: '/ok' })
      else if (request.url === '/away') response.writeHead(302, { location: 'http://example.invalid/' })
      else response.writeHead(request.url === '/ok' ? 200 : 500)
      response.end(String(request.headers['user-agent']))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const container = aContainer('app', { ports: [{ name: 'web', containerPort: port }] })
    const http = (path: string) => probeHttp({ path, port: 'web' }, container, '127.0.0.1', 1000)
    assert.deepEqual(await http('/ok'), { result: 'success', output: 'kube-probe/1.36' })
    assert.equal((await http('/moved')).result, 'success')
    assert.equal((await http('/away')).result, 'warning')
    assert.deepEqual(await http('/bad'), {
      result: 'failure',
      output: 'HTTP probe failed with statuscode: 500',
    })
    assert.equal((await probeTcp({ port }, container, '127.0.0.1', 1000)).result, 'success')
    await new Promise((resolve) => server.close(resolve))
    assert.deepEqual(await probeTcp({ port }, container, '127.0.0.1', 1000), {
      result: 'failure',
      output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
    })
    assert.deepEqual(await http('/ok'), {
      result: 'failure',
      output: `Get "http://127.0.0.1:${port}/ok": dial tcp 127.0.0.1:${port}: connect: connection refused`,
    })
  })
})
