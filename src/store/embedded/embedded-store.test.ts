import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { storeContract } from '../testing/store-contract.ts'
import { EmbeddedStore } from './embedded-store.ts'

storeContract('EmbeddedStore', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'k8ts-store-'))
  const clock = fakeClock()
  const store = await EmbeddedStore.open({ directory, clock, log: silentLogger })
  return {
    store,
    passTime: (milliseconds) => clock.advance(milliseconds),
    async dispose() {
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
})
