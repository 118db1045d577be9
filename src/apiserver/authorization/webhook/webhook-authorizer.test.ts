import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { systemClock } from '../../../machinery/clock.ts'
import { createMetrics } from '../../../machinery/metrics.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import { seededRandom } from '../../../machinery/random.ts'
import type { Attributes } from '../authorizer.ts'
import { noOpinion } from '../decisions.ts'
import { createUnionAuthorizer } from '../union.ts'
import { createWebhookAuthorizer, type WebhookAuthorizerOptions } from './webhook-authorizer.ts'

const attributes: Attributes = {
  user: { name: 'jane', groups: [] },
  verb: 'get',
  isResourceRequest: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: '',
  namespace: 'a',
  name: 'b',
  path: '',
}

function authorizerWith(
  answer: () => JsonValue | Promise<JsonValue>,
  options: Partial<WebhookAuthorizerOptions> = {},
) {
  return createWebhookAuthorizer({
    name: 'guard',
    post: () => Promise.resolve().then(answer),
    version: 'v1',
    timeoutMs: 1000,
    authorizedTtlMs: 60_000,
    unauthorizedTtlMs: 0,
    failurePolicy: 'NoOpinion',
    matchConditions: [],
    clock: systemClock,
    metrics: createMetrics(),
    random: seededRandom(1),
    ...options,
  })
}
const review = (status: JsonValue) => ({ kind: 'SubjectAccessReview', status })

describe('createWebhookAuthorizer', () => {
  it('remembers what it was told for as long as it may', async () => {
    let calls = 0
    const allows = authorizerWith(() => (calls++, review({ allowed: true, reason: 'fine' })))
    for (let i = 0; i < 3; i++) {
      assert.deepEqual(await allows.authorize(attributes), { type: 'allow', reason: 'fine' })
    }
    assert.equal(calls, 1)
    const refuses = authorizerWith(() => (calls++, review({ allowed: false })))
    for (let i = 0; i < 3; i++) assert.deepEqual(await refuses.authorize(attributes), noOpinion)
    assert.equal(calls, 4)
  })

  const failing = () => Promise.reject(new Error('gone'))
  const rows = [
    ['NoOpinion', 'noOpinion'],
    ['Deny', 'deny'],
  ] as const
  for (const [failurePolicy, type] of rows) {
    it(`answers ${type}, and why, when it cannot ask under ${failurePolicy}`, async () => {
      const union = createUnionAuthorizer([authorizerWith(failing, { failurePolicy })])
      const decision = await union.authorize(attributes)
      if (decision.type === 'allow') assert.fail('it was allowed')
      assert.deepEqual([decision.type, decision.error?.message], [type, 'gone'])
    })
  }

  it('lets the others decide where a condition is false, and fails where one cannot be told', async () => {
    const skipped = authorizerWith(failing, { matchConditions: ["request.user == 'joe'"] })
    assert.deepEqual(await skipped.authorize(attributes), noOpinion)
    const unclear = authorizerWith(failing, {
      failurePolicy: 'Deny',
      matchConditions: ["request.nonResourceAttributes.path == '/x'"],
    })
    const decision = await unclear.authorize(attributes)
    assert.equal(decision.type, 'deny')
  })

  it('counts calls, and requests that conditions keep from it, under the names of upstream', async () => {
    const metrics = createMetrics()
    await authorizerWith(failing, { metrics }).authorize(attributes)
    await authorizerWith(() => review({ allowed: true }), { metrics }).authorize(attributes)
    const late = () => Promise.reject(new Error('Post "https://a": context deadline exceeded'))
    await authorizerWith(late, { metrics, failurePolicy: 'Deny' }).authorize(attributes)
    const excluding = { metrics, matchConditions: ["request.user == 'joe'"] }
    await authorizerWith(failing, excluding).authorize(attributes)
    const text = metrics.text()
    const prefix = 'apiserver_authorization'
    for (const line of [
      `${prefix}_webhook_evaluations_total{name="guard",result="success"} 1`,
      `${prefix}_webhook_evaluations_total{name="guard",result="timeout"} 1`,
      `${prefix}_webhook_duration_seconds_count{name="guard",result="error"} 1`,
      `${prefix}_webhook_evaluations_fail_open_total{name="guard",result="error"} 1`,
      `${prefix}_match_condition_exclusions_total{type="Webhook",name="guard"} 1`,
      `${prefix}_match_condition_evaluation_seconds_count{type="Webhook",name="guard"} 1`,
    ]) {
      assert.ok(text.includes(`${line}\n`), line)
    }
  })

  it('takes an answer that both allows and denies for a refusal', async () => {
    const torn = authorizerWith(() => review({ allowed: true, denied: true }))
    assert.equal((await torn.authorize(attributes)).type, 'deny')
  })
})
