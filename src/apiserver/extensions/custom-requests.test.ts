import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AdmissionReview } from '../../api/generated/admission.v1.ts'
import type { CustomResourceSubresources, JSONSchemaProps } from '../../api/generated/apiextensions.v1.ts'
import { systemClock } from '../../machinery/clock.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { createMutatingPolicies, createValidatingPolicies } from '../admission/policy/policy-plugins.ts'
import { WebhookMetrics } from '../admission/webhook/webhook-metrics.ts'
import { createMutatingWebhooks, createValidatingWebhooks } from '../admission/webhook/webhook-plugins.ts'
import { alwaysAllow } from '../authorization/always-allow.ts'
import { aDefinition, define, definitionsPath } from '../testing/custom-definitions.ts'
import { HttpsClient, type TestResponse } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'
import { startWebhookServer, type WebhookServer } from '../webhook/testing/webhook-server.ts'

/*
 * What every kind has, asked of custom resources and their subresources, over HTTP: `widgets.example.com` in two versions
 * with status and scale.
 */

let server: TestServer
let client: HttpsClient
let hooks: WebhookServer

const properties: Readonly<Record<string, JSONSchemaProps>> = {
  spec: {
    type: 'object',
    properties: { replicas: { type: 'integer' }, size: { type: 'string' }, color: { type: 'string' } },
  },
  status: { type: 'object', properties: { replicas: { type: 'integer' }, selector: { type: 'string' } } },
}
const scale = {
  specReplicasPath: '.spec.replicas',
  statusReplicasPath: '.status.replicas',
  labelSelectorPath: '.status.selector',
}
const subresources: CustomResourceSubresources = { status: {}, scale }

before(async () => {
  hooks = await startWebhookServer({ dnsNames: ['hooks.default.svc'] })
  server = await startTestServer({
    admission: (objects, { webhooks, metrics, log, servedKind }) => {
      const shared = { objects, authorizer: alwaysAllow, clock: systemClock, log }
      const hooked = { ...shared, client: webhooks, metrics: new WebhookMetrics(metrics) }
      const decided = { ...shared, servedKind, metrics }
      return [
        createMutatingPolicies(decided),
        createMutatingWebhooks(hooked),
        createValidatingPolicies(decided),
        createValidatingWebhooks(hooked),
      ]
    },
  })
  client = new HttpsClient(server)
  await define(
    client,
    aDefinition({
      v1: {
        properties,
        subresources,
        selectableFields: [{ jsonPath: '.spec.size' }],
        additionalPrinterColumns: [
          { name: 'Size', type: 'string', jsonPath: '.spec.size' },
          { name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas', priority: 1 },
        ],
      },
      v2: {
        properties: { ...properties, extra: { type: 'string' } },
        subresources,
        selectableFields: [{ jsonPath: '.spec.color' }],
      },
      v3: { properties, subresources, served: false },
    }),
  )
})
after(async () => {
  client.close()
  await server[Symbol.asyncDispose]()
  await hooks[Symbol.asyncDispose]()
})

interface Found extends KubernetesObject {
  readonly spec?: Readonly<Record<string, unknown>>
  readonly status?: unknown
}

/** Widgets of a namespace: one for each test. */
function widgetsIn(namespace: string, version = 'v1') {
  const all = `/apis/example.com/${version}/namespaces/${namespace}/widgets`
  const patch = (type: string) => (path: string, body: unknown, query: string) =>
    client.send(`${all}/${path}?${query}`, {
      method: 'PATCH',
      body,
      headers: { 'content-type': `application/${type}` },
    })
  const sendApply = patch('apply-patch+yaml')
  return {
    all,
    create: (name: string, spec: object = {}, query = '', metadata: object = {}) =>
      client.send(`${all}?${query}`, {
        method: 'POST',
        body: aWidget(name, spec, version, metadata),
      }),
    get: (path: string) => client.send(`${all}/${path}`),
    list: (query = '') => client.send(`${all}?${query}`),
    put: (path: string, body: unknown, query = '') =>
      client.send(`${all}/${path}?${query}`, { method: 'PUT', body }),
    merge: (path: string, body: unknown, query = '') => patch('merge-patch+json')(path, body, query),
    apply: (path: string, body: unknown, manager: string, query = '') =>
      sendApply(path, body, `fieldManager=${manager}&${query}`),
    delete: (path: string, body?: unknown, query = '') =>
      client.send(`${all}${path}?${query}`, { method: 'DELETE', ...(body !== undefined && { body }) }),
  }
}

function aWidget(name: string, spec: object = {}, version = 'v1', metadata: object = {}) {
  return {
    apiVersion: `example.com/${version}`,
    kind: 'Widget',
    metadata: { ...(name && { name }), ...metadata },
    spec,
  }
}

function aScale(name: string, spec: object) {
  return { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name }, spec }
}

const found = ({ json }: TestResponse) => json as Found
const told = ({ status, json }: TestResponse) =>
  `${status} ${String(json['reason'])}: ${String(json['message'])}`

function managersOf(response: TestResponse): readonly string[] {
  return (found(response).metadata?.managedFields ?? []).map((entry) => {
    const { manager, operation, apiVersion, subresource = '', fieldsV1 } = entry
    return [manager, operation, apiVersion, subresource, JSON.stringify(fieldsV1)].join(' ')
  })
}

test('a scale is applied, and conflicts with who owns the replicas', async () => {
  const widgets = widgetsIn('apply')
  await widgets.apply('a', aWidget('a', { replicas: 1, size: 's' }), 'one')
  assert.equal(
    told(await widgets.apply('a/scale', aScale('a', { replicas: 3 }), 'two')),
    '409 Conflict: Apply failed with 1 conflict: conflict with "one": .spec.replicas',
  )
  const forced = await widgets.apply('a/scale', aScale('a', { replicas: 3 }), 'two', 'force=true')
  assert.deepEqual([forced.status, found(forced).spec], [200, { replicas: 3 }])
  assert.deepEqual(managersOf(await widgets.get('a')), [
    'two Apply example.com/v1 scale {"f:spec":{"f:replicas":{}}}',
    'one Apply example.com/v1  {"f:spec":{"f:size":{}}}',
  ])
})

test('a scale without replicas is not written as long as there are none', async () => {
  const widgets = widgetsIn('empty')
  await widgets.create('a')
  const empty = '400 BadRequest: the spec replicas field ".spec.replicas" cannot be empty'
  assert.equal(told(await widgets.merge('a/scale', { metadata: { labels: { a: 'b' } } })), empty)
  assert.equal(told(await widgets.apply('a/scale', aScale('a', {}), 'me')), empty)
  assert.equal((await widgets.put('a/scale', aScale('a', {}))).status, 200)
  assert.deepEqual(found(await widgets.get('a')).spec, { replicas: 0 })
  assert.equal((await widgets.merge('a/scale', { metadata: { labels: { a: 'b' } } })).status, 200)
  assert.equal(
    told(await widgets.merge('a/scale', { spec: { replicas: -1 } })),
    '422 Invalid: Widget.example.com "a" is invalid: .spec.replicas: Invalid value: -1: should be a non-negative integer',
  )
})

test('managers of another version give up what they no longer apply there', async () => {
  const [v1, v2] = [widgetsIn('versions'), widgetsIn('versions', 'v2')]
  await v2.apply('a', { ...aWidget('a', { color: 'red', size: 's' }, 'v2'), extra: 'x' }, 'me')
  const moved = await v1.apply('a', aWidget('a', { color: 'red' }), 'me')
  assert.deepEqual(found(moved).spec, { color: 'red' })
  assert.deepEqual(managersOf(moved), ['me Apply example.com/v1  {"f:spec":{"f:color":{}}}'])
})

test('managers keep what they own in a version that is no longer served', async () => {
  const [v1, v3] = [widgetsIn('unserved'), widgetsIn('unserved', 'v3')]
  const definition = `${definitionsPath}/widgets.example.com`
  const serve = async (served: boolean, status: number) => {
    const patch = [{ op: 'replace', path: '/spec/versions/2/served', value: served }]
    const headers = { 'content-type': 'application/json-patch+json' }
    await client.send(definition, { method: 'PATCH', body: patch, headers })
    while ((await v3.list()).status !== status);
  }
  await serve(true, 200)
  await v3.apply('a', aWidget('a', { color: 'red' }, 'v3'), 'me')
  await serve(false, 404)
  assert.deepEqual(
    managersOf(await v1.merge('a', { spec: { size: 's' } }, 'fieldManager=other')).toSorted(),
    [
      'me Apply example.com/v3  {"f:spec":{"f:color":{}}}',
      'other Update example.com/v1  {"f:spec":{"f:size":{}}}',
    ],
  )
})

test('each version selects by its own fields', async () => {
  await widgetsIn('select').create('a', { size: 'l', color: 'red' })
  const rows = [
    ['v1', 'spec.size=l', 1],
    ['v1', 'spec.size!=l', 0],
    ['v1', 'spec.color=red', 'field label not supported: spec.color'],
    ['v2', 'spec.color=red', 1],
    ['v2', 'spec.color=red,metadata.name=a,metadata.namespace=select', 1],
    ['v2', 'spec.color=blue', 0],
    ['v2', 'spec.size=l', 'field label not supported: spec.size'],
  ] as const
  for (const [version, selector, expected] of rows) {
    const { json } = await widgetsIn('select', version).list(`fieldSelector=${encodeURIComponent(selector)}`)
    const { items, message } = json as { readonly items?: readonly unknown[]; readonly message?: string }
    assert.equal(items?.length ?? message, expected, `${version} ${selector}`)
  }
})

test('faults of fields are told in order', async () => {
  const { all } = widgetsIn('strict')
  const body =
    '{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"b","foo":"x"},"zzz":1,' +
    '"spec":{"nope":1,"size":"a","size":"b","abc":2},"aaa":2}'
  const faults = [
    'duplicate field "spec.size"',
    'unknown field "metadata.foo"',
    ...['aaa', 'spec.abc', 'spec.nope', 'zzz'].map((field) => `unknown field "${field}"`),
  ]
  const send = (mode: string) =>
    client.send(`${all}?dryRun=All&fieldValidation=${mode}`, { method: 'POST', body })
  assert.equal(
    told(await send('Strict')),
    `400 BadRequest: Widget in version "v1" cannot be handled as a Widget: strict decoding error: ${faults.join(', ')}`,
  )
  const warned = String((await send('Warn')).headers['warning'])
  const order = faults.map((fault) => warned.indexOf(JSON.stringify(fault)))
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
  assert.ok(!order.includes(-1))
  assert.equal((await send('Ignore')).headers['warning'], undefined)
})

test('names are generated', async () => {
  const created = await widgetsIn('generate').create('', {}, '', { generateName: 'w-' })
  assert.match(found(created).metadata?.name ?? '', /^w-[a-z0-9]{5}$/)
})

test('dry runs change nothing, of the object, its status and its scale', async () => {
  const widgets = widgetsIn('dry')
  assert.equal((await widgets.create('a', {}, 'dryRun=All')).status, 201)
  assert.equal((await widgets.get('a')).status, 404)
  const before = found(await widgets.create('a', { replicas: 1 }))
  const query = 'dryRun=All'
  const tried = [
    await widgets.merge('a', { spec: { size: 'l' } }, query),
    await widgets.merge('a/status', { status: { replicas: 2 } }, query),
    await widgets.merge('a/scale', { spec: { replicas: 7 } }, query),
    await widgets.put('a/scale', aScale('a', { replicas: 7 }), query),
    await widgets.delete('/a', undefined, query),
  ]
  assert.deepEqual(
    tried.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  )
  assert.deepEqual(found(tried[2]!).spec, { replicas: 7 })
  assert.deepEqual(found(await widgets.get('a')), before)
})

test('preconditions hold for writes and deletions', async () => {
  const widgets = widgetsIn('conditions')
  const { metadata } = found(await widgets.create('a', { replicas: 1 }))
  const stale = { ...aScale('a', { replicas: 2 }), metadata: { name: 'a', resourceVersion: '1' } }
  assert.match(
    told(await widgets.put('a/scale', stale)),
    /^409 Conflict: Operation cannot be fulfilled on widgets/,
  )
  const other = { ...aScale('a', { replicas: 2 }), metadata: { name: 'a', uid: 'other' } }
  assert.match(told(await widgets.put('a/scale', other)), /^409 Conflict: .*UID in precondition: other/)
  const deletion = (preconditions: object) =>
    widgets.delete('/a', { apiVersion: 'v1', kind: 'DeleteOptions', preconditions })
  assert.match(told(await deletion({ uid: 'other' })), /^409 Conflict/)
  assert.match(told(await deletion({ resourceVersion: '1' })), /^409 Conflict/)
  assert.equal(
    (await deletion({ uid: metadata?.uid, resourceVersion: metadata?.resourceVersion })).status,
    200,
  )
  assert.match(told(await widgets.put('a', aWidget('a'))), /^404 NotFound: widgets.example.com "a" not found/)
})

test('finalizers keep an object until the last one is gone', async () => {
  const widgets = widgetsIn('finalize')
  await widgets.create('a', {}, '', { finalizers: ['example.com/hold'] })
  const deleted = found(await widgets.delete('/a'))
  assert.ok(deleted.metadata?.deletionTimestamp)
  assert.equal(deleted.metadata.deletionGracePeriodSeconds, 0)
  assert.equal((await widgets.merge('a/status', { status: { replicas: 1 } })).status, 200)
  assert.match(
    told(await widgets.merge('a', { metadata: { finalizers: ['example.com/hold', 'example.com/more'] } })),
    /^422 Invalid: .*no new finalizers can be added if the object is being deleted/,
  )
  await widgets.merge('a', { metadata: { finalizers: null } })
  assert.equal((await widgets.get('a')).status, 404)
})

test('a collection is deleted by label and by field', async () => {
  const widgets = widgetsIn('collection')
  await widgets.create('a', { size: 's' }, '', { labels: { keep: 'no' } })
  await widgets.create('b', { size: 'l' }, '', { labels: { keep: 'yes' } })
  await widgets.create('c', { size: 'm' }, '', { labels: { keep: 'yes' } })
  const names = async () =>
    ((await widgets.list()).json['items'] as readonly Found[]).map(({ metadata }) => metadata?.name)
  await widgets.delete('', undefined, 'labelSelector=keep%3Dno&dryRun=All')
  assert.deepEqual(await names(), ['a', 'b', 'c'])
  await widgets.delete('', undefined, 'labelSelector=keep%3Dno')
  await widgets.delete('', undefined, `fieldSelector=${encodeURIComponent('spec.size=l')}`)
  assert.deepEqual(await names(), ['c'])
})

test('tables have the columns of the version, and those of a scale its own', async () => {
  const widgets = widgetsIn('table')
  await widgets.create('a', { size: 'l', replicas: 2 })
  const table = async (path: string) => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
    const { json } = await client.send(path, { headers: { accept } })
    const { columnDefinitions, rows } = json as {
      readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[]
      readonly rows: readonly { readonly cells: readonly unknown[] }[]
    }
    return [
      columnDefinitions.map(({ name, priority }) => `${name} ${priority}`),
      rows.map(({ cells }) => cells),
    ]
  }
  const expected = [['Name 0', 'Size 0', 'Replicas 1'], [['a', 'l', 2]]]
  assert.deepEqual(await table(widgets.all), expected)
  assert.deepEqual(await table(`${widgets.all}/a`), expected)
  assert.deepEqual((await table(widgetsIn('table', 'v2').all))[0], ['Name 0', 'Age 0'])
})

test('a watch begins with what there is, says so, and goes on', async () => {
  const widgets = widgetsIn('watch')
  await widgets.create('a', { size: 's' })
  const query = 'watch=1&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan'
  const watching = client.send(`${widgetsIn('watch', 'v2').all}?${query}&timeoutSeconds=1`)
  await widgets.create('b', { size: 's' })
  await widgets.merge('b/scale', { spec: { replicas: 1 } })
  const events = (await watching).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string; readonly object: Found })
  const marked = events.findIndex(({ type }) => type === 'BOOKMARK')
  const { annotations } = events[marked]!.object.metadata!
  assert.deepEqual(annotations, { 'k8s.io/initial-events-end': 'true' })
  assert.ok(events.slice(0, marked).every(({ type }) => type === 'ADDED'))
  assert.ok(events.every(({ object }) => object.apiVersion === 'example.com/v2'))
  assert.deepEqual(
    events
      .filter(({ type }) => type !== 'BOOKMARK')
      .map(({ type, object }) => `${type} ${object.metadata?.name}`),
    ['ADDED a', 'ADDED b', 'MODIFIED b'],
  )
})

test('webhooks see and change objects, their status and their scale', async () => {
  const widgets = widgetsIn('hooked')
  await widgets.create('a', { replicas: 1 })
  const configurations = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations'
  const body = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'widgets' },
    webhooks: [
      {
        name: 'check.example.com',
        clientConfig: hooks.target('/'),
        rules: [
          {
            operations: ['*'],
            apiGroups: ['example.com'],
            apiVersions: ['v1'],
            resources: ['widgets', 'widgets/*'],
          },
        ],
        matchPolicy: 'Equivalent',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
      },
    ],
  }
  const seen: string[] = []
  hooks.respond = ({ request }: AdmissionReview) => {
    const { operation, subResource = '', object, requestKind } = request!
    const { kind, apiVersion } = (object ?? {}) as Found
    seen.push([operation, subResource, apiVersion, kind, requestKind?.version].join(' '))
    const size = [{ op: 'add', path: '/spec/size', value: 'hooked' }]
    const five = [{ op: 'replace', path: '/spec/replicas', value: 5 }]
    const patch = subResource === 'scale' ? five : size
    return {
      kind: 'AdmissionReview',
      apiVersion: 'admission.k8s.io/v1',
      response: {
        uid: request?.uid,
        allowed: operation !== 'DELETE',
        ...(operation !== 'DELETE' &&
          subResource !== 'status' && {
            patchType: 'JSONPatch',
            patch: Buffer.from(JSON.stringify(patch)).toString('base64'),
          }),
      },
    }
  }
  assert.equal((await client.send(configurations, { method: 'POST', body })).status, 201)
  try {
    assert.equal(found(await widgets.merge('a', { spec: { color: 'red' } })).spec?.['size'], 'hooked')
    await widgets.merge('a/status', { status: { replicas: 1 } })
    const scaled = await widgets.merge('a/scale', { spec: { replicas: 2 } })
    assert.equal(found(scaled).spec?.['replicas'], 5)
    const inV2 = widgetsIn('hooked', 'v2')
    assert.equal(found(await inV2.create('b', {})).spec?.['size'], 'hooked')
    assert.match(told(await widgets.delete('/a')), /denied the request/)
    assert.deepEqual(seen, [
      'UPDATE  example.com/v1 Widget v1',
      'UPDATE status example.com/v1 Widget v1',
      'UPDATE scale autoscaling/v1 Scale v1',
      'CREATE  example.com/v1 Widget v2',
      'DELETE    v1',
    ])
  } finally {
    await client.send(`${configurations}/widgets`, { method: 'DELETE' })
  }
})

test('policies are held against objects and their scale', async () => {
  const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'policies' } }
  await client.send('/api/v1/namespaces', { method: 'POST', body: namespace })
  const widgets = widgetsIn('policies')
  await widgets.create('a', { replicas: 1 })
  const root = '/apis/admissionregistration.k8s.io/v1'
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: 'widgets' },
    spec: {
      matchConstraints: {
        resourceRules: [
          {
            operations: ['CREATE', 'UPDATE'],
            apiGroups: ['example.com'],
            apiVersions: ['*'],
            resources: ['widgets', 'widgets/scale'],
          },
        ],
      },
      validations: [
        { expression: '!has(object.spec.replicas) || object.spec.replicas < 5', message: 'too many' },
      ],
    },
  }
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: 'widgets' },
    spec: { policyName: 'widgets', validationActions: ['Deny'] },
  }
  await client.send(`${root}/validatingadmissionpolicies`, { method: 'POST', body: policy })
  await client.send(`${root}/validatingadmissionpolicybindings`, { method: 'POST', body: binding })
  const denied =
    /^422 Invalid: .*ValidatingAdmissionPolicy 'widgets' with binding 'widgets' denied request: too many/
  assert.match(told(await widgets.merge('a', { spec: { replicas: 6 } })), denied)
  assert.match(told(await widgets.merge('a/scale', { spec: { replicas: 6 } })), denied)
  assert.match(told(await widgets.apply('a/scale', aScale('a', { replicas: 6 }), 'me', 'force=true')), denied)
  assert.equal((await widgets.merge('a/scale', { spec: { replicas: 4 } })).status, 200)
})
