import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Authorizer } from '../authorization/authorizer.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer, testUser } from '../testing/test-server.ts'

/** Holds requests for secrets until it is told to let them go. */
function holding(): { readonly authorizer: Authorizer; readonly held: () => number; letGo(): void } {
  const waiting: (() => void)[] = []
  return {
    authorizer: {
      name: 'holding',
      async authorize({ resource }) {
        if (resource === 'secrets') await new Promise<void>((resolve) => waiting.push(resolve))
        return { type: 'allow', reason: '' }
      },
    },
    held: () => waiting.length,
    letGo: () => waiting.splice(0).forEach((resolve) => resolve()),
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

test('more requests than may be under way are told to come back, watches and writes not counted among reads', async () => {
  const hold = holding()
  await using testServer = await startTestServer({
    authorizer: hold.authorizer,
    priorityAndFairness: false,
    maxInFlight: { readOnly: 2, mutating: 1 },
    user: { name: 'somebody', groups: ['system:authenticated'] },
  })
  const client = new HttpsClient(testServer)
  const secrets = '/api/v1/namespaces/default/secrets'
  const waiting = [client.send(secrets), client.send(secrets)]
  await until(() => hold.held() === 2)
  const refused = await client.send('/api/v1/namespaces')
  assert.equal(refused.status, 429)
  assert.equal(refused.headers['retry-after'], '1')
  assert.equal(refused.headers['content-type'], 'text/plain; charset=utf-8')
  assert.equal(refused.text, 'Too many requests, please try again later.\n')
  const created = await client.send('/api/v1/namespaces/default/configmaps', {
    method: 'POST',
    body: { metadata: { name: 'a' } },
  })
  assert.equal(created.status, 201)
  const watch = await client.send('/api/v1/namespaces/default/configmaps?watch=1&timeoutSeconds=1')
  assert.equal(watch.status, 200)
  hold.letGo()
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ status }) => status),
    [200, 200],
  )
  const served = await client.send('/metrics')
  assert.match(served.text, /^apiserver_request_terminations_total\{code="429",.*verb="LIST".*\} 1$/m)
  client.close()
})

test('administrators always get an answer', async () => {
  const hold = holding()
  await using testServer = await startTestServer({
    authorizer: hold.authorizer,
    priorityAndFairness: false,
    maxInFlight: { readOnly: 1 },
    user: testUser,
  })
  const client = new HttpsClient(testServer)
  const waiting = client.send('/api/v1/namespaces/default/secrets')
  await until(() => hold.held() === 1)
  assert.equal((await client.send('/api/v1/namespaces')).status, 200)
  hold.letGo()
  await waiting
  client.close()
})
