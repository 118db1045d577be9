import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import { TestRequests } from '../testing/test-requests.ts'
import { startTestServer } from '../testing/test-server.ts'
import { defaultsSince } from './defaults-mark.ts'

const key = '/registry/core/pods/default/old'

/** As a version would have written it that knew fewer defaults. */
const old = {
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'old', namespace: 'default', uid: 'u' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
}

test('defaultsSince is the revision of the first server with these defaults', async () => {
  const store = new MemoryStore({ clock: fakeClock(), log: silentLogger })
  await store.create(key, Buffer.from(JSON.stringify(old)))
  const since = await defaultsSince(store)
  assert.ok(since > 1n)
  await store.create(`${key}er`, Buffer.from(JSON.stringify(old)))
  assert.equal(await defaultsSince(store), since)
})

test('an object stored without a default that came later is read with it', async () => {
  const store = new MemoryStore({ clock: fakeClock(), log: silentLogger })
  await store.create(key, Buffer.from(JSON.stringify(old)))
  const started = await startTestServer({ store })
  try {
    const requests = new TestRequests(started.server)
    const pod = await requests.get<Pod>(pods, { namespace: 'default', name: 'old' })
    assert.equal(pod.spec?.restartPolicy, 'Always')
    assert.equal(pod.spec?.containers[0]?.terminationMessagePolicy, 'File')
    assert.equal(pod.spec?.dnsPolicy, 'ClusterFirst')
    const selected = await requests.names(pods, 'default', { fieldSelector: 'spec.restartPolicy=Always' })
    assert.deepEqual(selected, ['old'])
  } finally {
    await started[Symbol.asyncDispose]()
  }
})
