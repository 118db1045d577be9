import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, resourceQuotas } from '../../../api/generated/resources.ts'
import { systemClock } from '../../../machinery/clock.ts'
import { silentLogger } from '../../../machinery/log.ts'
import { MemoryStore } from '../../../store/memory/memory-store.ts'
import type { Objects } from '../../objects.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { startTestServer } from '../../testing/test-server.ts'
import { createResourceQuota } from './resource-quota.ts'

test('64 creators at once, at two servers, make no more than their quota allows, and what failed is given back', async () => {
  const store = new MemoryStore({ clock: systemClock, log: silentLogger })
  const options = {
    store,
    admission: (objects: Objects) => [createResourceQuota(objects, systemClock)],
  }
  const one = await startTestServer({ ...options, advertiseAddress: '10.0.0.1' })
  const two = await startTestServer({ ...options, advertiseAddress: '10.0.0.2' })
  const clients = [new HttpsClient(one), new HttpsClient(two)]
  const hard = { 'count/configmaps': '20' }
  const { objects } = one.server
  const name = { namespace: 'default', name: 'q' }
  await objects.create(resourceQuotas, { metadata: name, spec: { hard } })
  await objects.change(
    resourceQuotas,
    name,
    (quota) => void (quota.status = { hard: { ...hard }, used: { 'count/configmaps': '0' } }),
    { subresource: 'status' },
  )
  assert.ok((await two.server.objects.getLatest(resourceQuotas, name))?.status?.used)
  // What has been written at one server reaches the other with the next list.
  await clients[1]!.send('/api/v1/namespaces/default/resourcequotas')
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, index) =>
      clients[index % 2]!.send('/api/v1/namespaces/default/configmaps', {
        method: 'POST',
        // Every eighth is there already, and fails when it has been charged.
        body: { metadata: { name: index % 8 === 7 ? 'same' : `c-${index}` } },
      }),
    ),
  )
  const count = (status: number) => answers.filter((answer) => answer.status === status).length
  const made = count(201)
  assert.equal(made + count(403) + count(409), 64)
  assert.ok(made <= 20, `${made} were made`)
  const refused = answers.find(({ status }) => status === 403)!
  assert.match(
    String(refused.json['message']),
    /^configmaps "[^"]+" is forbidden: exceeded quota: q, requested: count\/configmaps=1, used: count\/configmaps=20, limited: count\/configmaps=20$/,
  )
  const quota = await objects.getLatest(resourceQuotas, name)
  assert.equal(quota?.status?.used?.['count/configmaps'], String(made))
  assert.equal(objects.list(configMaps, 'default').length, made)
  for (const client of clients) client.close()
  for (const { server } of [one, two]) await server.stop()
  await store.close()
})
