import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { storeContract } from '../testing/store-contract.ts'
import { MemoryStore } from './memory-store.ts'

storeContract('MemoryStore', async () => {
  const clock = fakeClock()
  const store = new MemoryStore({ clock, log: silentLogger })
  return { store, passTime: (milliseconds) => clock.advance(milliseconds), dispose: () => store.close() }
})
