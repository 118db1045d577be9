import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type { AdmissionReview } from '../../../api/generated/admission.v1.ts'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import {
  configMaps,
  deployments,
  mutatingWebhookConfigurations,
  namespaces,
  pods,
  validatingWebhookConfigurations,
} from '../../../api/generated/resources.ts'
import type { JsonValue, ObjectMeta } from '../../../machinery/meta.ts'
import { refusal, TestRequests } from '../../testing/test-requests.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { startWebhookServer, type WebhookServer } from '../../webhook/testing/webhook-server.ts'
import { alwaysAllow } from '../../authorization/always-allow.ts'
import { systemClock } from '../../../machinery/clock.ts'
import { WebhookMetrics } from './webhook-metrics.ts'
import { createMutatingWebhooks, createValidatingWebhooks } from './webhook-plugins.ts'
import type { Webhook } from './webhook-source.ts'

let hooks: WebhookServer
let testServer: TestServer
let requests: TestRequests
let client: HttpsClient
describe('webhooks', () => {
  before(async () => {
    hooks = await startWebhookServer({ dnsNames: ['hooks.default.svc'] })
    testServer = await startTestServer({
      admission: (objects, { webhooks, metrics, log }) => {
        const context = {
          objects,
          authorizer: alwaysAllow,
          client: webhooks,
          metrics: new WebhookMetrics(metrics),
          clock: systemClock,
          log,
        }
        return [createMutatingWebhooks(context), createValidatingWebhooks(context)]
      },
    })
    client = new HttpsClient(testServer)
  })
  after(async () => {
    client.close()
    await testServer[Symbol.asyncDispose]()
    await hooks[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    requests = new TestRequests(testServer.server)
    hooks.calls.length = 0
    hooks.respond = allow
  })
  afterEach(async () => {
    for (const resource of [mutatingWebhookConfigurations, validatingWebhookConfigurations]) {
      for (const name of await requests.names(resource)) await requests.delete(resource, { name })
    }
    for (const name of await requests.names(configMaps, 'default')) {
      await requests.delete(configMaps, { namespace: 'default', name })
    }
  })

  const allow = ({ request }: AdmissionReview) => respond(request?.uid, { allowed: true })

  function respond(uid: string | undefined, response: object) {
    return { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response: { uid, ...response } }
  }

  const deny =
    (status?: object) =>
    ({ request }: AdmissionReview) =>
      respond(request?.uid, { allowed: false, ...(status && { status }) })

  const patchWith =
    (...operations: JsonValue[]) =>
    ({ request }: AdmissionReview) =>
      respond(request?.uid, {
        allowed: true,
        patchType: 'JSONPatch',
        patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
      })

  const onConfigMaps = [
    { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] },
  ] as const

  function webhook(fields: Partial<Webhook> & { readonly path?: string } = {}): Webhook {
    const { path = '/', ...rest } = fields
    return {
      name: 'check.example.com',
      clientConfig: hooks.target(path),
      rules: onConfigMaps,
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
      ...rest,
    }
  }

  const validating = (name: string, ...webhooks: Webhook[]) =>
    requests.create(validatingWebhookConfigurations, { metadata: { name }, webhooks })
  const mutating = (name: string, ...webhooks: Webhook[]) =>
    requests.create(mutatingWebhookConfigurations, { metadata: { name }, webhooks })
  const configMap = (metadata: ObjectMeta = {}, data?: Record<string, string>): ConfigMap => ({
    metadata: { name: 'c', namespace: 'default', ...metadata },
    ...(data && { data }),
  })
  const reviews = () => hooks.calls.map(({ body }) => (body as AdmissionReview).request!)

  test('validating webhooks are asked with the whole request', async () => {
    await validating('v', webhook({ path: '/validate' }))
    await requests.create(configMaps, configMap({}, { a: 'b' }))
    assert.equal(hooks.calls[0]?.path, '/validate?timeout=10s')
    const [review] = reviews()
    assert.match(review?.uid ?? '', /^[0-9a-f-]{36}$/)
    const { uid: _uid, object, ...rest } = review!
    assert.deepEqual(rest, {
      kind: { group: '', version: 'v1', kind: 'ConfigMap' },
      resource: { group: '', version: 'v1', resource: 'configmaps' },
      requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
      requestResource: { group: '', version: 'v1', resource: 'configmaps' },
      name: 'c',
      namespace: 'default',
      operation: 'CREATE',
      userInfo: { username: 'tester', groups: ['system:masters', 'system:authenticated'] },
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
    })
    const shown = object as ConfigMap
    assert.deepEqual([shown.kind, shown.apiVersion, shown.data], ['ConfigMap', 'v1', { a: 'b' }])
  })

  test('updates and deletions show what stands there', async () => {
    const created = await requests.create(configMaps, configMap({}, { a: '1' }))
    await validating('v', webhook())
    await requests.update(configMaps, { ...created, data: { a: '2' } })
    await requests.delete(configMaps, { namespace: 'default', name: 'c' })
    const [update, deletion] = reviews()
    assert.deepEqual((update!.oldObject as ConfigMap).data, { a: '1' })
    assert.deepEqual((update!.object as ConfigMap).data, { a: '2' })
    assert.equal(deletion?.operation, 'DELETE')
    assert.equal(deletion.object, null)
    assert.deepEqual((deletion.oldObject as ConfigMap).data, { a: '2' })
    assert.equal((deletion.options as { kind: string }).kind, 'DeleteOptions')
  })

  test('each object of a collection is asked for', async () => {
    await requests.create(configMaps, configMap({ name: 'a' }))
    await requests.create(configMaps, configMap({ name: 'b' }))
    await validating('v', webhook())
    await requests.send(
      configMaps,
      { namespace: 'default' },
      { verb: 'deletecollection', options: {}, listOptions: {} },
    )
    assert.deepEqual(new Set(reviews().map(({ name }) => name)), new Set(['a', 'b']))
  })

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
      await validating('v', webhook())
      hooks.respond = deny(status)
      assert.equal(await refusal(requests.create(configMaps, configMap())), expected)
    })
  }

  test('warnings reach the client', async () => {
    await validating('v', webhook())
    hooks.respond = ({ request }: AdmissionReview) =>
      respond(request?.uid, { allowed: true, warnings: ['careful'] })
    await requests.create(configMaps, configMap())
    assert.deepEqual(requests.warnings, ['careful'])
  })

  test('a failure is fatal or ignored, as the policy says', async () => {
    await validating('v', webhook({ clientConfig: { url: 'https://127.0.0.1:1/x' } }))
    assert.equal(
      await refusal(requests.create(configMaps, configMap())),
      '500 InternalError: Internal error occurred: failed calling webhook "check.example.com": failed to call webhook: ' +
        'Post "https://127.0.0.1:1/x?timeout=10s": dial tcp 127.0.0.1:1: connect: connection refused',
    )
    await requests.patch(
      validatingWebhookConfigurations,
      { name: 'v' },
      [{ op: 'replace', path: '/webhooks/0/failurePolicy', value: 'Ignore' }],
      'json',
    )
    await requests.create(configMaps, configMap())
  })

  for (const failurePolicy of ['Fail', 'Ignore'] as const) {
    test(`a webhook that does not answer delays only what it guards, and no longer than the request may take: ${failurePolicy}`, async () => {
      for (const configure of [mutating, validating]) {
        const path = `/${configure === mutating ? 'm' : 'v'}`
        await configure(`slow-${failurePolicy}`.toLowerCase(), webhook({ path, failurePolicy }))
      }
      const gate = Promise.withResolvers<void>()
      hooks.respond = async (review) => {
        await gate.promise
        return allow(review)
      }
      const configMapsPath = '/api/v1/namespaces/default/configmaps'
      const slow = client.send(`${configMapsPath}?timeout=1s`, { method: 'POST', body: configMap() })
      const secret = { metadata: { name: `beside-${failurePolicy.toLowerCase()}` } }
      const beside = await client.send('/api/v1/namespaces/default/secrets', { method: 'POST', body: secret })
      assert.equal(beside.status, 201)
      assert.equal((await client.send(configMapsPath)).status, 200)
      const { status, json } = await slow
      assert.equal(status, 504)
      assert.equal(
        json['message'],
        'Timeout: request did not complete within requested timeout - context deadline exceeded',
      )
      gate.resolve()
      // It was told how long it may take, and nothing goes on that nobody waits for.
      assert.deepEqual(
        hooks.calls.map(({ path }) => path),
        ['/m?timeout=1s'],
      )
      assert.deepEqual(await requests.names(configMaps, 'default'), [])
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
      () => respond('other', { allowed: true }),
      'expected response.uid="<uid>", got "other"',
    ],
    [
      'in another version',
      ({ request }) => ({
        ...respond(request?.uid, { allowed: true }),
        apiVersion: 'admission.k8s.io/v1beta1',
      }),
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1beta1, Kind=AdmissionReview',
    ],
    [
      'with a patch',
      ({ request }) => respond(request?.uid, { allowed: true, patch: 'W10=', patchType: 'JSONPatch' }),
      'validating webhook may not return response.patch',
    ],
  ]
  for (const [name, answer, detail] of badAnswers) {
    test(`an answer to ${name} counts as none`, async () => {
      await validating('v', webhook())
      hooks.respond = answer
      const text = await refusal(requests.create(configMaps, configMap()))
      const uid = reviews()[0]?.uid ?? ''
      assert.equal(
        text.replace(uid, '<uid>'),
        `500 InternalError: Internal error occurred: failed calling webhook "check.example.com": received invalid webhook response: ${detail}`,
      )
    })
  }

  test('v1beta1 is spoken to those who want it', async () => {
    await mutating('m', webhook({ admissionReviewVersions: ['v2', 'v1beta1', 'v1'] }))
    hooks.respond = ({ apiVersion }: AdmissionReview) => ({
      response: {
        allowed: true,
        patch: Buffer.from('[{"op":"add","path":"/data","value":{"version":"x"}}]').toString('base64'),
      },
      apiVersion,
    })
    const { data } = await requests.create(configMaps, configMap())
    assert.equal((hooks.calls[0]!.body as AdmissionReview).apiVersion, 'admission.k8s.io/v1beta1')
    assert.deepEqual(data, { version: 'x' })
  })

  test('mutating webhooks are asked by name, each with what the one before made', async () => {
    await mutating('b', webhook({ path: '/b' }))
    await mutating('a', webhook({ path: '/a1', name: 'one.example.com' }), webhook({ path: '/a2' }))
    hooks.respond = (review: AdmissionReview) => {
      const { data = {} } = review.request!.object as ConfigMap
      const key = `k${Object.keys(data).length}`
      return patchWith({ op: 'add', path: '/data', value: { ...data, [key]: 'x' } })(review)
    }
    const { data } = await requests.create(configMaps, configMap())
    assert.deepEqual(Object.keys(data ?? {}), ['k0', 'k1', 'k2'])
    assert.deepEqual(
      hooks.calls.map(({ path }) => path.split('?')[0]),
      ['/a1', '/a2', '/b'],
    )
  })

  test('a webhook is asked again when the object changes after it, if it wants to', async () => {
    const patched = new Set<string>()
    await mutating(
      'm',
      webhook({ path: '/first', name: 'first.example.com', reinvocationPolicy: 'IfNeeded' }),
      webhook({ path: '/second', name: 'second.example.com' }),
    )
    hooks.respond = (review: AdmissionReview) => {
      const path = hooks.calls.at(-1)!.path.split('?')[0]!
      if (path !== '/second' || patched.has(path)) return allow(review)
      patched.add(path)
      return patchWith({ op: 'add', path: '/metadata/labels', value: { by: 'second' } })(review)
    }
    await requests.create(configMaps, configMap())
    assert.deepEqual(
      hooks.calls.map(({ path }) => path.split('?')[0]),
      ['/first', '/second', '/first'],
    )
    assert.deepEqual((reviews()[2]!.object as ConfigMap).metadata?.labels, { by: 'second' })
  })

  const badPatches: readonly (readonly [string, JsonValue[], RegExp])[] = [
    ['does not apply', [{ op: 'remove', path: '/data/x' }], /^500 InternalError: Internal error occurred: /],
    ['is no patch', ['x'], /received undecodable patch in webhook response: json: cannot unmarshal string/],
    [
      'makes no object',
      [{ op: 'add', path: '/data', value: 5 }],
      /^500 InternalError: Internal error occurred: .*data/,
    ],
  ]
  for (const [name, patch, expected] of badPatches) {
    test(`a patch that ${name} is an internal error`, async () => {
      await mutating('m', webhook())
      hooks.respond = patchWith(...patch)
      assert.match(await refusal(requests.create(configMaps, configMap())), expected)
    })
  }

  test('what a webhook adds is defaulted, validated, and belongs to nobody', async () => {
    await mutating('m', webhook())
    hooks.respond = patchWith({ op: 'add', path: '/data', value: { 'not a key': 'x' } })
    assert.match(await refusal(requests.create(configMaps, configMap())), /^422 Invalid: .*not a key/)
    hooks.respond = patchWith({ op: 'add', path: '/data/added', value: 'x' })
    const applied = await requests.patch(
      configMaps,
      { namespace: 'default', name: 'c' },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { mine: 'x' } },
      'apply',
      { fieldManager: 'm' },
    )
    assert.deepEqual(applied.data, { mine: 'x', added: 'x' })
    assert.deepEqual(applied.metadata?.managedFields?.[0]?.fieldsV1, { 'f:data': { 'f:mine': {} } })
  })

  test('a deletion cannot be patched', async () => {
    await requests.create(configMaps, configMap())
    await mutating('m', webhook())
    hooks.respond = patchWith({ op: 'add', path: '/data', value: {} })
    assert.match(
      await refusal(requests.delete(configMaps, { namespace: 'default', name: 'c' })),
      /attempted to modify the object, which is not supported for this operation$/,
    )
    hooks.respond = allow
  })

  test('dry runs are shown to those who leave no traces only', async () => {
    await validating('v', webhook())
    const dryRun = { dryRun: ['All'] }
    await requests.create(configMaps, configMap(), dryRun)
    assert.equal(reviews()[0]?.dryRun, true)
    // As an old cluster may hold it: a new one would be refused.
    assert.match(
      await refusal(validating('w', webhook({ sideEffects: 'Some' }))),
      /webhooks\[0\].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"/,
    )
  })

  const selections: readonly (readonly [string, Partial<Webhook>, boolean])[] = [
    [
      'its namespace’s labels',
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'default' } } },
      true,
    ],
    ['other namespaces’ labels', { namespaceSelector: { matchLabels: { team: 'x' } } }, false],
    ['its labels', { objectSelector: { matchLabels: { app: 'a' } } }, true],
    ['other labels', { objectSelector: { matchLabels: { app: 'b' } } }, false],
    ['namespaced objects', { rules: [{ ...onConfigMaps[0], scope: 'Namespaced' }] }, true],
    ['cluster-scoped objects', { rules: [{ ...onConfigMaps[0], scope: 'Cluster' }] }, false],
    ['another operation', { rules: [{ ...onConfigMaps[0], operations: ['UPDATE'] }] }, false],
    [
      'everything',
      { rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }] },
      true,
    ],
    ['a subresource', { rules: [{ ...onConfigMaps[0], resources: ['configmaps/status'] }] }, false],
  ]
  for (const [name, fields, isAsked] of selections) {
    test(`a webhook for ${name} is ${isAsked ? '' : 'not '}asked`, async () => {
      await validating('v', webhook(fields))
      await requests.create(configMaps, configMap({ labels: { app: 'a' } }))
      assert.equal(hooks.calls.length, isAsked ? 1 : 0)
    })
  }

  test('an object is selected by the labels that it had, too', async () => {
    await requests.create(configMaps, configMap({ labels: { app: 'a' } }))
    await validating('v', webhook({ objectSelector: { matchLabels: { app: 'a' } } }))
    const patch = { metadata: { labels: { app: 'b' } } }
    const name = { namespace: 'default', name: 'c' }
    await requests.patch(configMaps, name, patch, 'merge')
    assert.equal(hooks.calls.length, 1)
    await requests.patch(configMaps, name, { data: { a: 'b' } }, 'merge')
    assert.equal(hooks.calls.length, 1)
  })

  test('namespaces are selected by the labels that they are to have', async () => {
    const rules = [{ ...onConfigMaps[0], resources: ['namespaces'] }]
    await validating('v', webhook({ rules, namespaceSelector: { matchLabels: { team: 'x' } } }))
    await requests.create(namespaces, { metadata: { name: 'one', labels: { team: 'x' } } })
    await requests.create(namespaces, { metadata: { name: 'two' } })
    assert.deepEqual(
      reviews().map(({ name, namespace }) => [name, namespace]),
      [['one', 'one']],
    )
  })

  test('webhooks see a Scale where the body is one, and may change it', async () => {
    const selector = { matchLabels: { app: 'a' } }
    const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
    await requests.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector, template },
    })
    const rules = [
      { operations: ['UPDATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments/scale'] },
    ] as const
    await mutating('m', webhook({ rules }))
    hooks.respond = patchWith({ op: 'replace', path: '/spec/replicas', value: 2 })
    const scaled = await client.send('/apis/apps/v1/namespaces/default/deployments/d/scale', {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { spec: { replicas: 5 } },
    })
    assert.deepEqual((scaled.json['spec'] as { replicas: number }).replicas, 2)
    const [review] = reviews()
    assert.deepEqual(review?.kind, { group: 'autoscaling', version: 'v1', kind: 'Scale' })
    assert.equal(review.subResource, 'scale')
    assert.deepEqual((review.object as { spec: object }).spec, { replicas: 5 })
    assert.deepEqual((review.oldObject as { spec: object }).spec, { replicas: 1 })
  })

  test('connections are asked for with their options', async () => {
    await requests.create(pods, {
      metadata: { name: 'p', namespace: 'default' },
      spec: { containers: [{ name: 'c', image: 'i' }] },
    })
    const rules = [
      { operations: ['CONNECT'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods/attach'] },
    ] as const
    await validating('v', webhook({ rules }))
    hooks.respond = deny({ message: 'no attaching' })
    const answer = await client.send('/api/v1/namespaces/default/pods/p/attach?stdin=true', {
      method: 'POST',
    })
    assert.equal(
      answer.json['message'],
      'admission webhook "check.example.com" denied the request: no attaching',
    )
    const [review] = reviews()
    assert.equal(review?.kind?.kind, 'PodAttachOptions')
    assert.deepEqual(review.object, { kind: 'PodAttachOptions', apiVersion: 'v1', stdin: true })
    assert.equal(review.options, null)
  })

  test('a webhook is asked under the version that it is for', async () => {
    const autoscalers = '/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers'
    const rules = [
      {
        operations: ['*'],
        apiGroups: ['autoscaling'],
        apiVersions: ['v2'],
        resources: ['horizontalpodautoscalers'],
      },
    ] as const
    const body = {
      metadata: { name: 'h' },
      spec: {
        maxReplicas: 3,
        targetCPUUtilizationPercentage: 50,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      },
    }
    await mutating('m', webhook({ rules, matchPolicy: 'Exact' }))
    const first = await client.send(autoscalers, { method: 'POST', body })
    assert.equal(first.status, 201, first.text)
    assert.equal(hooks.calls.length, 0)
    await requests.delete(mutatingWebhookConfigurations, { name: 'm' })
    await mutating('m', webhook({ rules, matchPolicy: 'Equivalent' }))
    hooks.respond = patchWith({ op: 'replace', path: '/spec/maxReplicas', value: 4 })
    const second = await client.send(autoscalers, {
      method: 'POST',
      body: { ...body, metadata: { name: 'i' } },
    })
    assert.equal((second.json['spec'] as { maxReplicas: number }).maxReplicas, 4)
    const [review] = reviews()
    assert.deepEqual(
      [review?.kind?.version, review?.requestKind?.version, review?.resource?.version],
      ['v2', 'v1', 'v2'],
    )
    assert.equal((review!.object as { spec: { metrics: unknown[] } }).spec.metrics.length, 1)
  })

  test('nobody is asked about webhooks themselves', async () => {
    const everything = [
      { operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] },
    ] as const
    await validating('v', webhook({ rules: everything, clientConfig: { url: 'https://127.0.0.1:1/' } }))
    assert.match(await refusal(requests.create(configMaps, configMap())), /^500/)
    await requests.delete(validatingWebhookConfigurations, { name: 'v' })
    await requests.create(configMaps, configMap())
  })

  test('calls are counted under upstream’s names', async () => {
    const { text } = await client.send('/metrics')
    assert.match(
      text,
      /apiserver_admission_webhook_request_total\{name="check\.example\.com",type="validating",operation="CREATE",code="200",rejected="false"\} \d+/,
    )
    assert.match(
      text,
      /apiserver_admission_webhook_rejection_count\{name="check\.example\.com",type="validating",operation="CREATE",error_type="calling_webhook_error",rejection_code="503"\} \d+/,
    )
    assert.match(
      text,
      /apiserver_admission_webhook_fail_open_count\{name="check\.example\.com",type="validating"\} 1/,
    )
  })
})
