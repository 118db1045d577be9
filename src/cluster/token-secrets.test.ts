import assert from 'node:assert/strict'
import { it } from 'node:test'
import { secrets, serviceAccounts, tokenReviews } from '../api/generated/resources.ts'
import { isNotFound } from '../machinery/status-errors.ts'
import { startCluster } from './testing.ts'

void it('a secret of a service account is given a token that the API server believes, and goes with the account', async () => {
  await using cluster = await startCluster()
  const { client } = cluster
  const namespace = 'default'
  await client.create(serviceAccounts, { metadata: { namespace, name: 'robot' } })
  await client.create(secrets, {
    metadata: {
      namespace,
      name: 'robot-token',
      annotations: { 'kubernetes.io/service-account.name': 'robot' },
    },
    type: 'kubernetes.io/service-account-token',
  })
  const named = { namespace, name: 'robot-token' }
  const watch = new AbortController()
  const options = { namespace, sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan' } as const
  let token: string | undefined
  for await (const { object } of client.watch(secrets, {
    ...options,
    allowWatchBookmarks: true,
    signal: watch.signal,
  })) {
    token = object.data?.['token']
    if (token) watch.abort()
  }
  const { status } = await client.create(tokenReviews, {
    metadata: {},
    spec: { token: Buffer.from(token!, 'base64').toString() },
  })
  assert.equal(status!.user!.username, 'system:serviceaccount:default:robot')
  await client.delete(serviceAccounts, { namespace, name: 'robot' })
  for (;;) {
    try {
      await client.get(secrets, named)
      await new Promise((resolve) => setImmediate(resolve))
    } catch (error) {
      assert.ok(isNotFound(error))
      return
    }
  }
})
