import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { silentLogger } from '../machinery/log.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { EmbeddedStore } from './embedded/embedded-store.ts'
import { EtcdStore } from './etcd/etcd-store.ts'
import { MemoryStore } from './memory/memory-store.ts'
import { openStore } from './open.ts'
import { temporaryDirectory } from './testing/temporary-directory.ts'

const context = { clock: fakeClock(), log: silentLogger }

test('openStore opens the store of the type that it is told', async () => {
  await using directory = await temporaryDirectory()
  const stores = [
    [await openStore({ type: 'memory' }, context), MemoryStore],
    [await openStore({ type: 'embedded', directory: directory.path }, context), EmbeddedStore],
    [await openStore({ type: 'etcd', endpoints: ['http://127.0.0.1:1'] }, context), EtcdStore],
  ] as const
  for (const [store, type] of stores) {
    assert.ok(store instanceof type)
    await store.close()
  }
})

test('openStore refuses an endpoint that is not a URL of HTTP', async () => {
  const opening = openStore({ type: 'etcd', endpoints: ['ftp://127.0.0.1:1'] }, context)
  await assert.rejects(opening, /must begin with https:/)
  await assert.rejects(openStore({ type: 'etcd', endpoints: [] }, context), /at least one endpoint/)
})

test('openStore of memory loads no package', async () => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    const { openStore } = await import(${JSON.stringify(new URL('open.ts', import.meta.url).href)})
    await openStore({ type: 'memory' }, { clock: { after() {}, monotonic: () => 0 }, log: {} })
    console.log(loaded.filter((url) => url.includes('node_modules')).length, loaded.length > 0)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
    cwd: fileURLToPath(new URL('.', import.meta.url)),
  })
  assert.equal(stdout, '0 true\n')
})
