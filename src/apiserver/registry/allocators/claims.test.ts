import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import type { Service } from '../../../api/generated/core.v1.ts'
import { silentLogger } from '../../../machinery/log.ts'
import { seededRandom } from '../../../machinery/random.ts'
import { fakeClock } from '../../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../../../store/memory/memory-store.ts'
import { StoreFeed } from '../../storage/store-feed.ts'
import { AddressAllocator, AllocationError } from './address-allocator.ts'
import { Claims } from './claims.ts'
import { addressBand, candidates, portBand } from './number-band.ts'
import { addressesOf, repairClaims } from './repair-claims.ts'

let store: MemoryStore
let claims: Claims

async function claimsOfAnotherServer(): Promise<Claims> {
  return new Claims('servicenodeports', store, await StoreFeed.open(store, fakeClock(), silentLogger))
}
describe('claims', () => {
  beforeEach(async () => {
    store = new MemoryStore({ clock: fakeClock(), log: silentLogger })
    claims = await claimsOfAnotherServer()
  })

  test('Claims: two servers never give one thing to two owners', async () => {
    const others = await claimsOfAnotherServer()
    const outcomes = await Promise.all([claims.claim('x', 'a/one'), others.claim('x', 'a/two')])
    assert.equal(outcomes.filter((outcome) => outcome).length, 1)
    assert.equal(claims.ownerOf('x'), others.ownerOf('x'))
    await claims.release('x', 'nobody')
    const owner = claims.ownerOf('x')!
    await others.release('x', owner)
    assert.equal(claims.ownerOf('x'), undefined)
    assert.equal(await claims.claim('x', 'a/three'), true)
  })

  test('AddressAllocator gives out every address of a small range, and then none', async () => {
    const allocator = new AddressAllocator('10.0.0.0/29', claims, seededRandom(1))
    const given = new Set<string>()
    for (let index = 0; index < 6; index++) given.add(await allocator.claimAny(`n/${index}`, false))
    assert.deepEqual(
      [...given].sort(),
      [1, 2, 3, 4, 5, 6].map((host) => `10.0.0.${host}`),
    )
    await assert.rejects(allocator.claimAny('n/7', false), new AllocationError('range is full'))
    await claims.release('10.0.0.3', 'n/x')
    await assert.rejects(allocator.claimAny('n/7', false), AllocationError)
  })

  test('AddressAllocator refuses the address of the network itself', async () => {
    const allocator = new AddressAllocator('10.0.0.0/29', claims, seededRandom(1))
    await assert.rejects(allocator.claim('10.0.0.0', 'n/a', false), /not in the valid range/)
    assert.equal(allocator.first, '10.0.0.1')
  })

  test('number bands leave the lower part to those who choose', () => {
    assert.deepEqual(addressBand(65_534), { size: 65_534, dynamicFrom: 256 })
    assert.deepEqual(addressBand(254), { size: 254, dynamicFrom: 16 })
    assert.deepEqual(addressBand(6), { size: 6, dynamicFrom: 0 })
    assert.deepEqual(portBand(2768), { size: 2768, dynamicFrom: 86 })
    const order = [...candidates({ size: 10, dynamicFrom: 4 }, seededRandom(3))]
    assert.deepEqual(
      order.slice(0, 6).toSorted((a, b) => a - b),
      [4, 5, 6, 7, 8, 9],
    )
    assert.equal(new Set(order).size, 10)
  })

  test('repairClaims adds what is missing, and releases a leak when it sees it twice', async () => {
    const service: Service = { metadata: { name: 's', namespace: 'n' }, spec: { clusterIPs: ['10.0.0.2'] } }
    await claims.claim('10.0.0.9', 'n/gone')
    const first = await repairClaims(claims, [service], addressesOf, new Set(), silentLogger)
    assert.equal(claims.ownerOf('10.0.0.2'), 'n/s')
    assert.equal(claims.ownerOf('10.0.0.9'), 'n/gone')
    await repairClaims(claims, [service], addressesOf, first, silentLogger)
    assert.equal(claims.ownerOf('10.0.0.9'), undefined)
    assert.equal(claims.ownerOf('10.0.0.2'), 'n/s')
  })
})
