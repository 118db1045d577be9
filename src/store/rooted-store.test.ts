import assert from 'node:assert/strict'
import { test } from 'node:test'
import { silentLogger } from '../machinery/log.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { MemoryStore } from './memory/memory-store.ts'
import { rootedStore } from './rooted-store.ts'
import { storeContract } from './testing/store-contract.ts'
import { bytes } from './testing/store-fixture.ts'

storeContract('rootedStore', () => {
  const clock = fakeClock()
  const whole = new MemoryStore({ clock, log: silentLogger })
  const store = rootedStore(whole, { from: '', to: '/elsewhere' })
  return Promise.resolve({
    store,
    passTime: (milliseconds) => clock.advance(milliseconds),
    dispose: () => store.close(),
  })
})

test('rootedStore keeps apart what has other roots', async () => {
  const whole = new MemoryStore({ clock: fakeClock(), log: silentLogger })
  const [one, other] = ['/one', '/other'].map((to) => rootedStore(whole, { from: '/registry', to }))
  await one!.create('/registry/a', bytes('a'))
  assert.equal(await other!.get('/registry/a'), undefined)
  assert.deepEqual(
    (await whole.list('/')).entries.map(({ key }) => key),
    ['/one/a'],
  )
  await assert.rejects(one!.get('/a'), TypeError)
})
