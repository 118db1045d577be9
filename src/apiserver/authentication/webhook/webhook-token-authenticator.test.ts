import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonValue } from '../../../machinery/meta.ts'
import { createMetrics } from '../../../machinery/metrics.ts'
import { seededRandom } from '../../../machinery/random.ts'
import { StatusError } from '../../../machinery/status.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import { createWebhookTokenAuthenticator } from './webhook-token-authenticator.ts'

function aSetup(answer: (call: number) => JsonValue) {
  const clock = fakeClock()
  const metrics = createMetrics()
  const bodies: unknown[] = []
  const { authenticateToken } = createWebhookTokenAuthenticator({
    post: (body) => {
      bodies.push(body)
      return Promise.resolve().then(() => answer(bodies.length))
    },
    version: 'v1',
    cacheTtlMs: 60_000,
    apiAudiences: ['api'],
    clock,
    random: seededRandom(1),
    metrics,
  })
  const counts = (name: string) =>
    metrics
      .text()
      .match(new RegExp(`authentication_token_cache_${name} \\d+`))?.[0]
      ?.split(' ')[1]
  return { clock, bodies, counts, ask: (token: string) => authenticateToken(token, ['api']) }
}
const review = (status: JsonValue) => ({ kind: 'TokenReview', status })

describe('createWebhookTokenAuthenticator', () => {
  it('sends what upstream sends, and asks once for all that come with a token at once', async () => {
    const { bodies, counts, ask } = aSetup(() => review({ authenticated: true, user: { username: 'joe' } }))
    const all = await Promise.all([ask('t'), ask('t'), ask('t')])
    for (const one of all) assert.equal(one?.user.name, 'joe')
    await ask('t')
    assert.equal(
      JSON.stringify(bodies),
      '[{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","metadata":{},"spec":{"token":"t","audiences":["api"]},"status":{"user":{}}}]',
    )
    assert.equal(counts('request_total\\{status="miss"\\}'), '3')
    assert.equal(counts('request_total\\{status="hit"\\}'), '1')
    assert.equal(counts('fetch_total\\{status="ok"\\}'), '1')
    assert.equal(counts('active_fetch_count\\{status="blocked"\\}'), '0')
  })

  it('remembers that a token is unknown, but not that it could not be told', async () => {
    const unknown = aSetup(() => review({ authenticated: false }))
    for (let i = 0; i < 2; i++) assert.equal(await unknown.ask('t'), undefined)
    assert.equal(unknown.bodies.length, 1)
    const unclear = aSetup(() => review({ authenticated: false, error: 'the directory is down' }))
    for (let i = 0; i < 2; i++) {
      await assert.rejects(unclear.ask('t'), { message: 'the directory is down' })
    }
    assert.equal(unclear.bodies.length, 2)
    assert.equal(unclear.counts('fetch_total\\{status="error"\\}'), '2')
  })

  it('tries again what asks for it by Retry-After', async () => {
    const { clock, bodies, ask } = aSetup((call) => {
      if (call > 1) return review({ authenticated: true, user: { username: 'joe' } })
      throw new StatusError(503, 'ServiceUnavailable', 'later', { retryAfterSeconds: 1 })
    })
    const answer = ask('t')
    await clock.advance(1_000)
    assert.equal((await answer)?.user.name, 'joe')
    assert.equal(bodies.length, 2)
  })
})
