import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '../../../api/generated/resources.ts'
import { startTestServer } from '../../testing/test-server.ts'
import { ensureTokenTracking } from './token-tracking.ts'

const name = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' }
const nowMs = Date.parse('2026-03-04T05:06:07Z')

test('ensureTokenTracking keeps the first date, and repairs one that is none', async () => {
  await using testServer = await startTestServer()
  const { objects } = testServer.server
  const since = () => objects.getLatest(configMaps, name).then((found) => found?.data?.['since'])
  const first = await since()
  assert.match(first!, /^\d{4}-\d\d-\d\d$/)
  await ensureTokenTracking(objects, nowMs)
  assert.equal(await since(), first)
  await objects.change(configMaps, name, (configMap) => {
    configMap.data = { since: 'once' }
  })
  await ensureTokenTracking(objects, nowMs)
  assert.equal(await since(), '2026-03-04')
  await objects.delete(configMaps, name)
  await ensureTokenTracking(objects, nowMs)
  assert.equal(await since(), '2026-03-04')
})
