import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { Answer, Question } from 'dns-packet'
import { createMetrics } from '../machinery/metrics.ts'
import type { ForwardConfiguration } from './configuration.ts'
import { dnsMetrics } from './dns-metrics.ts'
import { createForwarder, type ForwarderContext } from './forwarder.ts'
import { failed, responseCodes, type Resolution } from './response.ts'
import { aContext, serveDns } from './testing/dns-fixtures.ts'

const nobody = { address: '127.0.0.1', port: 9 }

function configuration(changes: Partial<ForwardConfiguration> = {}): ForwardConfiguration {
  return {
    zone: '',
    except: [],
    upstreams: [],
    policy: 'sequential',
    forceTcp: false,
    maxConcurrent: 0,
    maxFails: 2,
    healthCheckMs: 20,
    ...changes,
  }
}

function aForwarder(
  t: TestContext,
  changes: Partial<ForwardConfiguration>,
  context: Partial<ForwarderContext> = {},
) {
  const forwarder = createForwarder(configuration(changes), aContext({ timeoutMs: 200, ...context }))
  t.after(() => forwarder.close())
  return forwarder
}

const addresses = (count: number): Answer[] =>
  Array.from({ length: count }, (_, index) => ({
    type: 'A',
    name: 'a.test',
    ttl: 5,
    data: `10.0.0.${index}`,
  }))

/** A server that answers everything with `count` addresses, and what it was asked. */
async function anUpstream(t: TestContext, count = 1, answer?: () => Promise<void>) {
  const asked: Question[] = []
  const { port } = await serveDns(t, {
    resolve(question): Resolution | Promise<Resolution> {
      asked.push(question)
      const resolution = { ...failed(responseCodes.noError), answers: addresses(count) }
      return answer ? answer().then(() => resolution) : resolution
    },
  })
  return { asked, upstream: { address: '127.0.0.1', port } }
}

const question: Question = { type: 'A', name: 'a.test' }

describe('createForwarder', () => {
  it('moves on from a server that does not answer, and leaves it out until it does', async (t) => {
    const { asked, upstream } = await anUpstream(t)
    const metrics = createMetrics()
    const forwarder = aForwarder(
      t,
      { upstreams: [nobody, upstream], maxFails: 1, healthCheckMs: 60_000 },
      { metrics: dnsMetrics(metrics) },
    )
    assert.equal((await forwarder.resolve(question)).answers.length, 1)
    const startedAt = performance.now()
    await forwarder.resolve({ type: 'A', name: 'b.test' })
    assert.ok(performance.now() - startedAt < 150, 'the dead server was asked again')
    assert.equal(asked.length, 2)
    assert.match(metrics.text(), /coredns_proxy_request_duration_seconds_count\{.*rcode="NOERROR"\} 2/)
  })

  it('says SERVFAIL when nobody answers, REFUSED when there is nobody', async (t) => {
    const unanswered = await aForwarder(t, { upstreams: [nobody] }).resolve(question)
    assert.equal(unanswered.code, responseCodes.serverFailure)
    assert.equal((await aForwarder(t, {}).resolve(question)).code, responseCodes.refused)
  })

  it('takes a cut answer again over TCP', async (t) => {
    const { upstream, asked } = await anUpstream(t, 100)
    const { answers } = await aForwarder(t, { upstreams: [upstream] }).resolve(question)
    assert.deepEqual([answers.length, asked.length], [100, 2])
  })

  it('asks over TCP only with force_tcp', async (t) => {
    const { upstream, asked } = await anUpstream(t, 100)
    const { answers } = await aForwarder(t, { upstreams: [upstream], forceTcp: true }).resolve(question)
    assert.deepEqual([answers.length, asked.length], [100, 1])
  })

  it('takes turns with round_robin', async (t) => {
    const [one, other] = [await anUpstream(t), await anUpstream(t)]
    const forwarder = aForwarder(t, { upstreams: [one.upstream, other.upstream], policy: 'round_robin' })
    for (const name of ['a', 'b', 'c', 'd']) await forwarder.resolve({ type: 'A', name })
    assert.deepEqual([one.asked.length, other.asked.length], [2, 2])
  })

  it('asks the same question once at a time, and refuses more than max_concurrent', async (t) => {
    const gate = Promise.withResolvers<void>()
    const { upstream, asked } = await anUpstream(t, 1, () => gate.promise)
    const forwarder = aForwarder(t, { upstreams: [upstream], maxConcurrent: 1 }, { timeoutMs: 5000 })
    const both = [forwarder.resolve(question), forwarder.resolve({ type: 'A', name: 'A.TEST' })]
    const refused = await forwarder.resolve({ type: 'A', name: 'other.test' })
    gate.resolve()
    const answers = await Promise.all(both)
    assert.equal(refused.code, responseCodes.refused)
    assert.deepEqual([answers.map(({ code }) => code), asked.length], [[0, 0], 1])
  })
})
