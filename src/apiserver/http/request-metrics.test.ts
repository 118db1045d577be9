import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

const path = '/api/v1/namespaces/default/limitranges'

let testServer: TestServer
let client: HttpsClient

before(async () => {
  testServer = await startTestServer()
  client = new HttpsClient(testServer)
})
after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

/** The sample with these labels, in whatever order they are written. */
function sample(text: string, name: string, labels: Readonly<Record<string, string>>): number | undefined {
  const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
  const line = text.split('\n').find((candidate) => {
    return candidate.startsWith(`${name}{`) && wanted.every((label) => candidate.includes(label))
  })
  return line === undefined ? undefined : Number(line.slice(line.lastIndexOf(' ') + 1))
}

const core = { component: 'apiserver', group: '', version: 'v1', resource: 'limitranges', subresource: '' }

test('requests are counted by upstream’s verbs and scopes', async () => {
  const body = { metadata: { name: 'a' } }
  const apply = { 'content-type': 'application/apply-patch+yaml' }
  const merge = { 'content-type': 'application/merge-patch+json' }
  const applied = { apiVersion: 'v1', kind: 'LimitRange', metadata: { name: 'a' } }
  await client.send(path, { method: 'POST', body })
  await client.send(`${path}?dryRun=All`, { method: 'POST', body: { metadata: { name: 'b' } } })
  await client.send(`${path}/a`)
  await client.send(`${path}/a`, { method: 'PUT', body })
  await client.send(`${path}/a`, { method: 'PATCH', headers: merge, body: {} })
  await client.send(`${path}/a?fieldManager=x`, { method: 'PATCH', headers: apply, body: applied })
  await client.send('/api/v1/limitranges')
  await client.send(`${path}?watch=1&timeoutSeconds=1`)
  await client.send(`${path}/a`, { method: 'DELETE' })
  await client.send(path, { method: 'DELETE' })
  const { text } = await client.send('/metrics')
  const rows = [
    ['POST', 'resource', '201', ''],
    ['POST', 'resource', '201', 'All'],
    ['GET', 'resource', '200', ''],
    ['PUT', 'resource', '200', ''],
    ['PATCH', 'resource', '200', ''],
    ['APPLY', 'resource', '200', ''],
    ['LIST', 'cluster', '200', ''],
    ['WATCH', 'namespace', '200', ''],
    ['DELETE', 'resource', '200', ''],
    ['DELETE', 'namespace', '200', ''],
  ] as const
  for (const [verb, scope, code, dryRun] of rows) {
    const labels = { ...core, verb, scope }
    const total = sample(text, 'apiserver_request_total', { ...labels, code, dry_run: dryRun })
    assert.equal(total, 1, `${verb} ${scope} ${dryRun}`)
    const withDryRun = { ...labels, dry_run: dryRun }
    assert.equal(sample(text, 'apiserver_request_duration_seconds_count', withDryRun), 1, verb)
    assert.equal(sample(text, 'apiserver_request_sli_duration_seconds_count', labels), 1, verb)
  }
  assert.equal(sample(text, 'apiserver_response_sizes_count', { ...core, verb: 'LIST', scope: 'cluster' }), 1)
  assert.equal(sample(text, 'apiserver_longrunning_requests', { ...core, verb: 'WATCH' }), 0)
  const watchSum = sample(text, 'apiserver_request_duration_seconds_sum', { ...core, verb: 'WATCH' })!
  assert.ok(watchSum >= 0.9, 'a watch counts when it is over, with all its time')
})

test('names that clients make up are no labels', async () => {
  await client.send('/api/v1/namespaces/default/inventions/a')
  await client.send(`${path}/a/invention`)
  await client.send('/apis/invention.example/v1/things')
  const { text } = await client.send('/metrics')
  assert.doesNotMatch(text, /invention/)
})

test('the store, the caches and the process are told of', async () => {
  await client.send(path, { method: 'POST', body: { metadata: { name: 'told' } } })
  await client.send(path)
  const { text, headers } = await client.send('/metrics')
  assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
  const place = { group: '', resource: 'limitranges' }
  assert.ok(sample(text, 'etcd_request_duration_seconds_count', { ...place, operation: 'create' })! >= 1)
  assert.ok(sample(text, 'etcd_requests_total', { ...place, operation: 'create' })! >= 1)
  assert.equal(sample(text, 'apiserver_storage_objects', { resource: 'limitranges' }), 1)
  assert.equal(sample(text, 'apiserver_resource_objects', place), 1)
  assert.ok(sample(text, 'apiserver_watch_cache_events_received_total', place)! >= 1)
  assert.ok(sample(text, 'apiserver_watch_cache_resource_version', place)! >= 1)
  assert.ok(sample(text, 'apiserver_cache_list_total', place)! >= 1)
  assert.equal(sample(text, 'apiserver_current_inflight_requests', { request_kind: 'readOnly' }), 1)
  for (const name of ['start_time_seconds', 'cpu_seconds_total', 'resident_memory_bytes', 'open_fds']) {
    assert.match(text, new RegExp(`^process_${name} [0-9.]+$`, 'm'))
  }
})
