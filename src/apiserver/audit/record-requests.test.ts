import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps, pods } from '../../api/generated/resources.ts'
import { alwaysAllow } from '../authorization/always-allow.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { refusal, TestRequests } from '../testing/test-requests.ts'
import { startTestServer, testUser, type TestServerOptions } from '../testing/test-server.ts'
import type { AuditEvent } from './audit-event.ts'
import { decodeAuditPolicy } from './audit-policy.ts'

/** A server that records what `rules` say, and what it has recorded. */
async function recordingServer(rules: string, options: TestServerOptions = {}) {
  const policy = decodeAuditPolicy(
    `apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: ${rules}`,
  )
  const events: AuditEvent[] = []
  const process = (given: readonly AuditEvent[]) => {
    events.push(...given)
    return true
  }
  const audit = { policy, backends: [{ process, close: () => {} }] }
  const server = await startTestServer({ audit, ...options })
  return {
    events,
    server,
    requests: new TestRequests(server.server),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

const onConfigMaps = '[{level: RequestResponse, resources: [{resources: [configmaps]}]}]'
const aConfigMap = { metadata: { name: 'c', namespace: 'default' }, data: { a: 'b' } }

describe('recordRequest', () => {
  it('records requests of components in the process as if they had come over HTTP', async () => {
    await using recording = await recordingServer(onConfigMaps)
    await recording.requests.create(configMaps, aConfigMap)
    const [event, ...more] = recording.events
    assert.equal(more.length, 0)
    const { auditID, requestObject, responseObject, requestReceivedTimestamp, stageTimestamp, ...rest } =
      event!
    assert.match(auditID, /^[0-9a-f-]{36}$/)
    assert.ok(requestReceivedTimestamp <= stageTimestamp)
    assert.deepEqual(rest, {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'RequestResponse',
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/default/configmaps',
      verb: 'create',
      user: { username: testUser.name, groups: testUser.groups },
      sourceIPs: ['127.0.0.1'],
      userAgent: 'test/1.0',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'c', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    })
    assert.deepEqual(requestObject, { kind: 'ConfigMap', apiVersion: 'v1', ...aConfigMap })
    assert.deepEqual([responseObject?.kind, responseObject?.metadata?.name], ['ConfigMap', 'c'])
  })

  it('records where a request went, and what it came to', async () => {
    await using recording = await recordingServer('[{level: Metadata}]')
    const { requests, events } = recording
    await requests.create(configMaps, aConfigMap)
    events.length = 0
    await requests.patch(configMaps, { namespace: 'default', name: 'c' }, { data: { x: 'y' } })
    await requests.names(pods, '', { labelSelector: 'a=b', limit: 5 })
    await refusal(requests.get(configMaps, { namespace: 'default', name: 'none' }))
    await requests.delete(configMaps, { namespace: 'default', name: 'c' })
    assert.deepEqual(
      events.map(({ verb, requestURI, responseStatus }) => `${verb} ${requestURI} ${responseStatus?.code}`),
      [
        'patch /api/v1/namespaces/default/configmaps/c 200',
        'list /api/v1/pods?labelSelector=a%3Db&limit=5 200',
        'get /api/v1/namespaces/default/configmaps/none 404',
        'delete /api/v1/namespaces/default/configmaps/c 200',
      ],
    )
    assert.equal(events[2]?.responseStatus?.reason, 'NotFound')
  })

  it('records integers to the last digit', async () => {
    await using recording = await recordingServer(onConfigMaps)
    const client = new HttpsClient(recording.server)
    const path = '/api/v1/namespaces/default/configmaps/c'
    const headers = { 'content-type': 'application/merge-patch+json' }
    await client.send(path, { method: 'PATCH', headers, body: Buffer.from('{"data":9007199254740993}') })
    client.close()
    assert.deepEqual(recording.events[0]?.requestObject, { data: 9_007_199_254_740_993n })
  })

  it('records what is forbidden', async () => {
    await using recording = await recordingServer('[{level: Metadata}]', {
      authorizer: {
        ...alwaysAllow,
        authorize: ({ resource }) =>
          resource === 'pods' ? { type: 'noOpinion', reason: 'no' } : { type: 'allow', reason: '' },
      },
    })
    await refusal(recording.requests.names(pods))
    const [event] = recording.events
    assert.equal(event?.responseStatus?.code, 403)
    assert.equal(event.annotations?.['authorization.k8s.io/decision'], 'forbid')
  })

  it('records a watch when it begins and when it is over', async () => {
    await using recording = await recordingServer('[{level: Metadata}]')
    const answer = await recording.requests.send(configMaps, {}, { verb: 'watch', options: {} })
    assert.equal(answer.type, 'watch')
    assert.deepEqual(
      recording.events.map(({ stage, requestURI }) => `${stage} ${requestURI}`),
      ['ResponseStarted /api/v1/configmaps?watch=true'],
    )
    if (answer.type === 'watch') answer.watcher.close()
    assert.deepEqual(
      recording.events.map(({ stage }) => stage),
      ['ResponseStarted', 'ResponseComplete'],
    )
  })

  it('does not let a request go on that must be recorded and cannot be', async () => {
    const policy = decodeAuditPolicy('apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: Metadata}]')
    const audit = { policy, backends: [{ process: () => false, close: () => {} }] }
    await using server = await startTestServer({ audit })
    const created = new TestRequests(server.server).create(configMaps, aConfigMap)
    assert.equal(
      await refusal(created),
      '500 InternalError: Internal error occurred: failed to store audit event',
    )
  })

  it('records what is read of a path', async () => {
    await using recording = await recordingServer('[{level: Metadata}]')
    await recording.server.server.raw(testUser, '/version')
    assert.deepEqual(
      recording.events.map(({ requestURI, user }) => `${user.username} ${requestURI}`),
      [`${testUser.name} /version`],
    )
  })
})

describe('AuditRecord', () => {
  it('keeps notes that need a level off lower ones', async () => {
    const levels = ['Metadata', 'Request'] as const
    const noted = await Promise.all(
      levels.map(async (level) => {
        await using recording = await recordingServer(`[{level: ${level}}]`, {
          admission: () => [
            {
              name: 'Noting',
              handles: () => true,
              validate(request) {
                request.annotate?.('all', 'x')
                request.annotate?.('more', 'x', 'Request')
              },
            },
          ],
        })
        await recording.requests.create(configMaps, aConfigMap)
        const annotations = recording.events.find(({ verb }) => verb === 'create')?.annotations ?? {}
        return [annotations['all'], annotations['more']]
      }),
    )
    assert.deepEqual(noted, [
      ['x', undefined],
      ['x', 'x'],
    ])
  })

  it('shows tables without managed fields', async () => {
    await using recording = await recordingServer(
      onConfigMaps.replace('level:', 'omitManagedFields: true, level:'),
    )
    await recording.requests.create(configMaps, aConfigMap)
    const client = new HttpsClient(recording.server)
    await client.send('/api/v1/namespaces/default/configmaps', {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    })
    client.close()
    const table = recording.events.at(-1)?.responseObject
    assert.equal(table?.kind, 'Table')
    assert.ok(!JSON.stringify(table).includes('managedFields'))
  })
})
