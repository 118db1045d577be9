import { describe, test } from 'node:test'
import { seededRandom } from '../../machinery/random.ts'
import type { Store } from '../store.ts'
import { closing } from './contract/closing.ts'
import { compacting } from './contract/compacting.ts'
import { expiring } from './contract/expiring.ts'
import { listing } from './contract/listing.ts'
import { readingAndWriting } from './contract/reading-and-writing.ts'
import { watching } from './contract/watching.ts'
import { checkRandomHistory } from './random-history.ts'
import type { StoreFixture } from './store-fixture.ts'

export interface StoreContractOptions {
  /** Why the suite cannot run here. */
  readonly skip?: string | undefined
  /** How many operations each client of a random history makes. */
  readonly operationsPerClient?: number
}

/** What every Store must do, as tests on stores that `open` makes; each is given an empty one. */
export function storeContract(
  name: string,
  open: () => Promise<StoreFixture>,
  { skip, operationsPerClient = 60 }: StoreContractOptions = {},
): void {
  function criterion(title: string, run: (store: Store, fixture: StoreFixture) => Promise<void>): void {
    test(title, { skip }, async () => {
      const fixture = await open()
      try {
        await run(fixture.store, fixture)
      } finally {
        await fixture.dispose()
      }
    })
  }

  describe(`${name} keeps the contract of Store`, () => {
    describe('reading and writing', () => readingAndWriting(criterion))
    describe('listing', () => listing(criterion))
    describe('watching', () => watching(criterion))
    describe('compacting', () => compacting(criterion))
    describe('expiring', () => expiring(criterion))
    describe('closing', () => closing(criterion))
    describe('random histories of concurrent clients', () => {
      for (const seed of [1, 2, 3]) {
        criterion(`agree with the model, seed ${seed}`, async (store) => {
          const random = seededRandom(seed)
          await checkRandomHistory(store, { random, clients: 6, operationsPerClient, prefix: '/registry/' })
        })
      }
    })
  })
}
