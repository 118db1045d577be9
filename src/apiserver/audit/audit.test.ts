import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Attributes } from '../authorization/authorizer.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testUser } from '../testing/test-server.ts'
import type { AuditEvent } from './audit-event.ts'
import { AuditLog } from './audit-log.ts'
import { Auditor } from './auditor.ts'
import { createAuditMetrics } from './audit-metrics.ts'
import { decodeAuditPolicy, recordingOf } from './audit-policy.ts'

const policyOf = (rules: string) => `apiVersion: audit.k8s.io/v1\nkind: Policy\n${rules}`

const getPod: Attributes = {
  user: testUser,
  verb: 'get',
  isResourceRequest: true,
  group: '',
  version: 'v1',
  resource: 'pods',
  subresource: 'log',
  namespace: 'default',
  name: 'a',
  path: '/api/v1/namespaces/default/pods/a/log',
}

const matching: readonly (readonly [string, boolean])[] = [
  ['{level: Metadata}', true],
  ['{level: Metadata, users: [tester]}', true],
  ['{level: Metadata, users: [other]}', false],
  ['{level: Metadata, userGroups: [system:masters]}', true],
  ['{level: Metadata, verbs: [list]}', false],
  ['{level: Metadata, resources: [{group: "", resources: [pods]}]}', false],
  ['{level: Metadata, resources: [{group: "", resources: [pods/log]}]}', true],
  ['{level: Metadata, resources: [{group: "", resources: ["pods/*"]}]}', true],
  ['{level: Metadata, resources: [{group: "", resources: ["*/log"]}]}', true],
  ['{level: Metadata, resources: [{group: apps}]}', false],
  ['{level: Metadata, resources: [{group: "", resources: ["*"], resourceNames: [b]}]}', false],
  ['{level: Metadata, namespaces: [default]}', true],
  ['{level: Metadata, namespaces: [""]}', false],
  ['{level: Metadata, nonResourceURLs: ["/api*"]}', false],
]

test('recordingOf goes by the first rule that matches', () => {
  for (const [rule, expected] of matching) {
    const policy = decodeAuditPolicy(policyOf(`rules: [${rule}, {level: None}]`))
    assert.equal(recordingOf(policy, getPod).level, expected ? 'Metadata' : 'None', rule)
  }
  const policy = decodeAuditPolicy(
    policyOf(
      'omitStages: [RequestReceived]\nrules: [{level: Request, omitStages: [Panic], omitManagedFields: true}]',
    ),
  )
  assert.deepEqual(recordingOf(policy, getPod), {
    level: 'Request',
    omitStages: ['RequestReceived', 'Panic'],
    omitManagedFields: true,
  })
})

test('decodeAuditPolicy refuses what it cannot do', () => {
  for (const rules of ['rules: []', 'rules: [{level: Much}]']) {
    assert.throws(() => decodeAuditPolicy(policyOf(rules)))
  }
})

test('decodeAuditPolicy tells of fields that it does not know', () => {
  const warnings: string[] = []
  const policy = decodeAuditPolicy(policyOf('rules: [{level: None, unknown: 1}]'), (text) =>
    warnings.push(text),
  )
  assert.deepEqual(policy.rules, [{ level: 'None' }])
  assert.deepEqual(warnings, ['strict decoding error: unknown field "rules[0].unknown"'])
})

/** Everything that is recorded. */
function recorder() {
  const events: AuditEvent[] = []
  const process = (given: readonly AuditEvent[]) => {
    events.push(...given)
    return true
  }
  return { events, backend: { process, close: () => {} } }
}

test('requests are recorded at their levels and stages, secrets without their values', async () => {
  const { events, backend } = recorder()
  const policy = decodeAuditPolicy(
    policyOf(`omitManagedFields: true
rules:
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}]}
- {level: None}
`),
  )
  await using testServer = await startTestServer({ audit: { policy, backends: [backend] } })
  const client = new HttpsClient(testServer)
  const post = (resource: string, body: object) =>
    client.send(`/api/v1/namespaces/default/${resource}`, { method: 'POST', body })
  const answer = await post('secrets', { metadata: { name: 's' }, stringData: { key: 'hidden-value' } })
  await post('configmaps', { metadata: { name: 'c' }, data: { key: 'shown-value' } })
  await client.send('/api/v1/namespaces/default/configmaps/missing')
  await client.send('/api/v1/nodes')
  const told = events.map(({ stage, verb, objectRef }) => `${stage} ${verb} ${objectRef?.resource}`)
  assert.deepEqual(told, [
    'RequestReceived create secrets',
    'ResponseComplete create secrets',
    'RequestReceived create configmaps',
    'ResponseComplete create configmaps',
    'RequestReceived get configmaps',
    'ResponseComplete get configmaps',
  ])
  const [, secret, , configMap, , missing] = events
  assert.equal(secret?.auditID, answer.headers['audit-id'])
  assert.equal(secret?.responseStatus?.code, 201)
  assert.equal(secret?.annotations?.['authorization.k8s.io/decision'], 'allow')
  assert.deepEqual(secret?.user, { username: testUser.name, groups: testUser.groups })
  assert.ok(!JSON.stringify([events[0], secret]).includes(Buffer.from('hidden-value').toString('base64')))
  assert.ok(!JSON.stringify([events[0], secret]).includes('hidden-value'))
  assert.deepEqual((configMap!.requestObject as { data?: object }).data, { key: 'shown-value' })
  assert.ok(configMap!.responseObject?.metadata?.uid)
  assert.equal(configMap!.responseObject?.metadata?.managedFields, undefined)
  assert.deepEqual([missing?.responseStatus?.code, missing?.responseStatus?.reason], [404, 'NotFound'])
  client.close()
})

test('a watch is recorded when it begins and when it is over; impersonation tells both', async () => {
  const { events, backend } = recorder()
  const policy = decodeAuditPolicy(policyOf('omitStages: [RequestReceived]\nrules: [{level: Metadata}]'))
  await using testServer = await startTestServer({ audit: { policy, backends: [backend] } })
  const client = new HttpsClient(testServer)
  await client.send('/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1', {
    headers: { 'impersonate-user': 'ann' },
  })
  assert.deepEqual(
    events.map(({ stage, verb }) => `${stage} ${verb}`),
    ['ResponseStarted watch', 'ResponseComplete watch'],
  )
  assert.equal(events[0]?.user.username, testUser.name)
  assert.equal(events[0]?.impersonatedUser?.username, 'ann')
  client.close()
})

const everything = decodeAuditPolicy(policyOf('rules: [{level: Metadata}]'))
const told = (events: readonly AuditEvent[]) =>
  events.map(({ stage, responseStatus }) => `${stage} ${responseStatus?.code ?? ''}`.trim())

test('requests that nobody sent, and those whose time makes no sense, are recorded as they are refused', async () => {
  const { events, backend } = recorder()
  await using testServer = await startTestServer({ audit: { policy: everything, backends: [backend] } })
  const client = new HttpsClient(testServer)
  const wrong = await client.send('/api/v1/pods', { headers: { authorization: 'Bearer wrong-secret-token' } })
  assert.equal(wrong.status, 401)
  assert.deepEqual(told(events), ['ResponseStarted 401'])
  const [event] = events
  assert.deepEqual(event?.user, {})
  assert.equal(event?.auditID, wrong.headers['audit-id'])
  assert.equal(event?.responseStatus?.reason, 'Unauthorized')
  assert.ok(!JSON.stringify(event).includes('wrong-secret-token'))
  assert.equal((await client.send('/api/v1/pods?timeout=never')).status, 400)
  assert.deepEqual(told(events.slice(1)), ['ResponseStarted 400'])
  client.close()
})

test('requests that are too many are recorded, and what the server does wrong is a panic', async () => {
  const { events, backend } = recorder()
  const gate = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  await using testServer = await startTestServer({
    audit: { policy: everything, backends: [backend] },
    priorityAndFairness: false,
    maxInFlight: { readOnly: 1 },
    user: { name: 'ann', groups: ['system:authenticated'] },
    authorizer: {
      name: 'test',
      async authorize({ resource }) {
        if (resource === 'secrets') begun.resolve()
        if (resource === 'secrets') await gate.promise
        if (resource === 'nodes') throw new TypeError('cannot read it')
        return { type: 'allow', reason: '' }
      },
    },
  })
  const client = new HttpsClient(testServer)
  const waiting = client.send('/api/v1/secrets')
  await begun.promise
  assert.equal((await client.send('/api/v1/pods')).status, 429)
  assert.deepEqual(told(events), ['RequestReceived', 'RequestReceived', 'ResponseComplete 429'])
  gate.resolve()
  await waiting
  events.length = 0
  assert.equal((await client.send('/api/v1/nodes')).status, 500)
  assert.deepEqual(told(events), ['RequestReceived', 'Panic 500'])
  assert.equal(events[1]?.responseStatus?.message, "APIServer panic'd: cannot read it")
  client.close()
})

test('a request that must be recorded and cannot be is refused before anything is done; metrics tell', async () => {
  let works = false
  const strict = { process: () => Promise.resolve(works), close: () => {} }
  await using testServer = await startTestServer({ audit: { policy: everything, backends: [strict] } })
  const client = new HttpsClient(testServer)
  const path = '/api/v1/namespaces/default/configmaps'
  const body = { metadata: { name: 'a' } }
  const refused = await client.send(`${path}?a=1&b=2`, { method: 'POST', body })
  assert.equal(refused.status, 500)
  assert.equal(refused.text, `Internal Server Error: "${path}?a=1&amp;b=2": failed to store audit event\n`)
  works = true
  assert.equal((await client.send(path, { method: 'POST', body })).status, 201)
  const { text } = await client.send('/metrics')
  assert.match(text, /^apiserver_audit_requests_rejected_total 1$/m)
  assert.match(text, /^apiserver_audit_level_total{level="Metadata"} 3$/m)
  assert.match(text, /^apiserver_audit_event_total 4$/m)
  client.close()
})

test('an object that is created is named at level Metadata, too; a patch names nothing', async () => {
  const { events, backend } = recorder()
  const policy = decodeAuditPolicy(policyOf('omitStages: [RequestReceived]\nrules: [{level: Metadata}]'))
  await using testServer = await startTestServer({ audit: { policy, backends: [backend] } })
  const client = new HttpsClient(testServer)
  const path = '/api/v1/namespaces/default/configmaps'
  await client.send(path, { method: 'POST', body: { metadata: { name: 'a' }, data: { key: 'value' } } })
  await client.send(`${path}/a`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: { metadata: { uid: 'other', labels: { a: 'b' } } },
  })
  const references = events.map(({ objectRef }) => objectRef)
  const reference = { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' }
  assert.deepEqual(references, [reference, reference])
  assert.ok(events.every(({ requestObject }) => requestObject === undefined))
  client.close()
})

test('lists are recorded whole, also those that are streamed and packed', async () => {
  const { events, backend } = recorder()
  const policy = decodeAuditPolicy(
    policyOf(
      'rules: [{level: RequestResponse, verbs: [list], resources: [{group: "", resources: [configmaps]}]}]',
    ),
  )
  await using testServer = await startTestServer({ audit: { policy, backends: [backend] } })
  const client = new HttpsClient(testServer)
  const path = '/api/v1/namespaces/default/configmaps'
  for (const name of ['a', 'b', 'c']) {
    await client.send(path, { method: 'POST', body: { metadata: { name }, data: { k: 'v'.repeat(60_000) } } })
  }
  await client.send(path)
  await client.send(path, { headers: { 'accept-encoding': 'gzip' } })
  const lists = events.flatMap(({ responseObject }) => (responseObject ? [responseObject] : []))
  assert.deepEqual(
    lists.map((list) => (list as { items?: readonly unknown[] }).items?.length),
    [3, 3],
  )
  client.close()
})

test('AuditLog begins another file when one is full, and removes what is too old or too many', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-audit-'))
  const clock = fakeClock()
  const path = join(folder, 'audit.log')
  const options = { path, maxSizeMegabytes: 1, maxBackups: 2, maxAgeDays: 30 }
  const metrics = createAuditMetrics(createMetrics())
  const log = new AuditLog(options, { clock, metrics, log: silentLogger })
  const event = { auditID: 'x', requestURI: 'y'.repeat(300_000) } as unknown as AuditEvent
  for (let count = 0; count < 15; count++) {
    log.process([event])
    await clock.advance(1000)
  }
  await log.close()
  const names = await readdir(folder)
  assert.equal(names.length, 3)
  assert.ok(names.filter((name) => /^audit-2026-01-01T00-00-\d\d\.\d{3}\.log$/.test(name)).length === 2)
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  assert.equal(lines.length, 3)
  await rm(folder, { recursive: true })
})

test('Auditor records what took so long, of requests that took long', async () => {
  const clock = fakeClock()
  const events: AuditEvent[] = []
  const backend = {
    process(batch: readonly AuditEvent[]) {
      events.push(...batch)
      return true
    },
    close: () => Promise.resolve(),
  }
  const policy = decodeAuditPolicy(policyOf('omitStages: [RequestReceived]\nrules: [{level: Metadata}]'))
  const auditor = new Auditor({ policy, backends: [backend] }, clock, createAuditMetrics(createMetrics()))
  const origin = { requestURI: '/', userAgent: 'test', sourceIPs: [], sent: () => undefined }
  const annotationsAfter = async (milliseconds: number, attributes: Attributes) => {
    const record = await auditor.beginFrom(origin, attributes, 'id')
    assert.ok(typeof record === 'object')
    const { took } = record.annotations
    took?.('authentication', 0)
    for (const part of ['mutating-webhook', 'validating-webhook'] as const) {
      took?.(part, 200)
      took?.(part, 100)
    }
    await clock.advance(milliseconds)
    await record.ended({ code: 200, object: () => undefined })
    return events.at(-1)?.annotations
  }
  assert.equal(await annotationsAfter(500, getPod), undefined)
  assert.equal(await annotationsAfter(2000, { ...getPod, verb: 'watch' }), undefined)
  assert.deepEqual(await annotationsAfter(1501, getPod), {
    'apiserver.latency.k8s.io/mutating-webhook': '300ms',
    'apiserver.latency.k8s.io/validating-webhook': '200ms',
    'apiserver.latency.k8s.io/total': '1.501s',
  })
})
