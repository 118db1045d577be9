import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Attributes } from '../authorization/authorizer.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testUser } from '../testing/test-server.ts'
import type { AuditEvent } from './audit-event.ts'
import { AuditLog } from './audit-log.ts'
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
  for (const rules of ['rules: []', 'rules: [{level: Much}]', 'rules: [{level: None, unknown: 1}]']) {
    assert.throws(() => decodeAuditPolicy(policyOf(rules)))
  }
})

/** Everything that is recorded. */
function recorder() {
  const events: AuditEvent[] = []
  return { events, sink: { write: (event: AuditEvent) => void events.push(event), close: () => {} } }
}

test('requests are recorded at their levels and stages, secrets without their values', async () => {
  const { events, sink } = recorder()
  const policy = decodeAuditPolicy(
    policyOf(`omitManagedFields: true
rules:
- {level: Metadata, resources: [{group: "", resources: [secrets]}]}
- {level: RequestResponse, resources: [{group: "", resources: [configmaps]}]}
- {level: None}
`),
  )
  await using testServer = await startTestServer({ audit: { policy, sinks: [sink] } })
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
  const { events, sink } = recorder()
  const policy = decodeAuditPolicy(policyOf('omitStages: [RequestReceived]\nrules: [{level: Metadata}]'))
  await using testServer = await startTestServer({ audit: { policy, sinks: [sink] } })
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

test('AuditLog begins another file when one is full, and removes what is too old or too many', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'k8ts-audit-'))
  const clock = fakeClock()
  const path = join(folder, 'audit.log')
  const options = { path, maxSizeMegabytes: 1, maxBackups: 2, maxAgeDays: 30 }
  const log = new AuditLog(options, { clock, log: silentLogger })
  const event = { auditID: 'x', requestURI: 'y'.repeat(300_000) } as unknown as AuditEvent
  for (let count = 0; count < 15; count++) {
    log.write(event)
    await clock.advance(1000)
  }
  log.close()
  const names = await readdir(folder)
  assert.equal(names.length, 3)
  assert.ok(names.filter((name) => /^audit-2026-01-01T00-00-\d\d\.\d{3}\.log$/.test(name)).length === 2)
  const lines = (await readFile(path, 'utf8')).trim().split('\n')
  assert.equal(lines.length, 3)
  await rm(folder, { recursive: true })
})
