import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AdmissionReview } from '../../../api/generated/admission.v1.ts'
import { configMaps, validatingWebhookConfigurations } from '../../../api/generated/resources.ts'
import { refusal } from '../../testing/test-requests.ts'
import { allow, answerTo, configMap, deny, useHookedServer } from '../testing/hooked-server.ts'

describe('answers of webhooks', () => {
  const server = useHookedServer()

  const refusals: readonly (readonly [string, object | undefined, string])[] = [
    [
      'without a word',
      undefined,
      '400 : admission webhook "check.example.com" denied the request without explanation',
    ],
    [
      'with a message and a code',
      { message: 'no', code: 418, reason: 'Teapot' },
      '418 Teapot: admission webhook "check.example.com" denied the request: no',
    ],
    [
      'with a reason only',
      { reason: 'Forbidden', code: 403 },
      '403 Forbidden: admission webhook "check.example.com" denied the request: Forbidden',
    ],
    [
      'with a code of success',
      { message: 'x', code: 200 },
      '400 : admission webhook "check.example.com" denied the request: x',
    ],
  ]
  for (const [name, status, expected] of refusals) {
    test(`a webhook refuses ${name}`, async () => {
      await server.validating('v', server.webhook())
      server.hooks.respond = deny(status)
      assert.equal(await refusal(server.requests.create(configMaps, configMap())), expected)
    })
  }

  test('warnings reach the client', async () => {
    await server.validating('v', server.webhook())
    server.hooks.respond = ({ request }: AdmissionReview) =>
      answerTo(request?.uid, { allowed: true, warnings: ['careful'] })
    await server.requests.create(configMaps, configMap())
    assert.deepEqual(server.requests.warnings, ['careful'])
  })

  test('a failure is fatal or ignored, as the policy says', async () => {
    await server.validating('v', server.webhook({ clientConfig: { url: 'https://127.0.0.1:1/x' } }))
    assert.equal(
      await refusal(server.requests.create(configMaps, configMap())),
      '500 InternalError: Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: ' +
        'Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
    )
    await server.requests.patch(
      validatingWebhookConfigurations,
      { name: 'v' },
      [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
      'json',
    )
    await server.requests.create(configMaps, configMap())
  })

  for (const failurePolicy of ['Fail', 'Ignore'] as const) {
    test(`a webhook that does not answer delays only what it guards, and no longer than the request may take: ${failurePolicy}`, async () => {
      for (const step of ['mutating', 'validating'] as const) {
        const path = `/${step === 'mutating' ? 'm' : 'v'}`
        await server[step](`slow-${failurePolicy}`.toLowerCase(), server.webhook({ path, failurePolicy }))
      }
      const gate = Promise.withResolvers<void>()
      server.hooks.respond = async (review) => {
        await gate.promise
        return allow(review)
      }
      const configMapsPath = '/api/v1/namespaces/default/configmaps'
      const slow = server.client.send(`${configMapsPath}?timeout=1s`, { method: 'POST', body: configMap() })
      const secret = { metadata: { name: `beside-${failurePolicy.toLowerCase()}` } }
      const beside = await server.client.send('/api/v1/namespaces/default/secrets', {
        method: 'POST',
        body: secret,
      })
      assert.equal(beside.status, 201)
      assert.equal((await server.client.send(configMapsPath)).status, 200)
      const { status, json } = await slow
      assert.equal(status, 504)
      assert.equal(
        json['message'],
        'Timeout: request did not complete within requested timeout - context deadline exceeded',
      )
      gate.resolve()
      // It was told how long it may take, and nothing goes on that nobody waits for.
      assert.deepEqual(
        server.hooks.calls.map(({ path }) => path),
        ['/m?timeout=1s'],
      )
      assert.deepEqual(await server.requests.names(configMaps, 'default'), [])
    })
  }

  const badAnswers: readonly (readonly [string, (review: AdmissionReview) => unknown, string])[] = [
    [
      'nothing',
      () => ({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1' }),
      'webhook response was absent',
    ],
    [
      'another question',
      () => answerTo('other', { allowed: true }),
      'expected response.uid="<uid>", got "other"',
    ],
    [
      'in another version',
      ({ request }) => ({
        ...answerTo(request?.uid, { allowed: true }),
        apiVersion: 'admission.k8s.io/v1beta1',
      }),
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
    ],
    [
      'with a patch',
      ({ request }) => answerTo(request?.uid, { allowed: true, patch: 'W10=', patchType: 'JSONPatch' }),
      'validating webhook may not return response.patch',
    ],
  ]
  for (const [name, answer, detail] of badAnswers) {
    test(`an answer to ${name} counts as none`, async () => {
      await server.validating('v', server.webhook())
      server.hooks.respond = answer
      const text = await refusal(server.requests.create(configMaps, configMap()))
      const uid = server.reviews()[0]?.uid ?? ''
      assert.equal(
        text.replace(uid, '<uid>'),
        `500 InternalError: Internal error occurred: failed calling webhook "check.example.com": received invalid webhook response: ${detail}`,
      )
    })
  }

  test('v1beta1 is spoken to those who want it', async () => {
    await server.mutating('m', server.webhook({ admissionReviewVersions: ['v2', 'v1beta1', 'v1'] }))
    server.hooks.respond = ({ apiVersion }: AdmissionReview) => ({
      response: {
        allowed: true,
        patch: Buffer.from('[{"op":"add","path":"/data","value":{"version":"x"}}]').toString('base64'),
      },
      apiVersion,
    })
    const { data } = await server.requests.create(configMaps, configMap())
    assert.equal((server.hooks.calls[0]!.body as AdmissionReview).apiVersion, 'admission.k8s.io/v1beta1')
    assert.deepEqual(data, { version: 'x' })
  })

  test('calls are counted under upstream’s names', async () => {
    const name = 'counted.example.com'
    const unreachable = { name, clientConfig: { url: 'https://127.0.0.1:1/' } }
    await server.validating('v', server.webhook({ name }))
    await server.requests.create(configMaps, configMap())
    await server.requests.delete(validatingWebhookConfigurations, { name: 'v' })
    await server.validating('v', server.webhook({ ...unreachable, failurePolicy: 'Ignore' }))
    await server.requests.create(configMaps, configMap({ name: 'd' }))
    await server.requests.delete(validatingWebhookConfigurations, { name: 'v' })
    await server.validating('v', server.webhook(unreachable))
    assert.match(await refusal(server.requests.create(configMaps, configMap({ name: 'e' }))), /^500 /)
    const { text } = await server.client.send('/metrics')
    const counts = text
      .split('\n')
      .filter((line) => line.includes(name) && !line.includes('_duration_seconds'))
      .map((line) =>
        line.replace('apiserver_admission_webhook_', '').replace(`name="${name}",type="validating"`, ''),
      )
    const create = ',operation="CREATE"'
    assert.deepEqual(counts.sort(), [
      'fail_open_count{} 1',
      `rejection_count{${create},error_type="calling_webhook_error",rejection_code="503"} 1`,
      `request_total{${create},code="200",rejected="false"} 1`,
      `request_total{${create},code="503",rejected="false"} 1`,
      `request_total{${create},code="503",rejected="true"} 1`,
    ])
  })
})
