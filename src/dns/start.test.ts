import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createInformers } from '../client/informers/informers.ts'
import { testContext } from '../client/testing/test-context.ts'
import { serviceUnavailable } from '../machinery/status-errors.ts'
import { startDns } from './start.ts'

const options = { address: '127.0.0.1', port: 0, upstreams: [] }

describe('startDns', () => {
  it('stops while the API server has never answered', async () => {
    const context = testContext()
    const away = () => Promise.reject(serviceUnavailable('away'))
    const client = { ...context.client, list: away, watch: () => failing() }
    const informers = createInformers({ ...context, client })
    const dns = await startDns({ ...context, client, informers }, options)
    assert.equal(dns.health(), 'not listening yet')
    await dns.stop()
    await informers.stop()
  })

  it('listens once its caches are full, until it is stopped', async () => {
    const context = testContext()
    const dns = await startDns(context, options)
    await dns.ready
    assert.equal(dns.health(), undefined)
    await dns.stop()
    await context.informers.stop()
  })
})

// oxlint-disable-next-line require-yield
async function* failing(): AsyncGenerator<never> {
  await Promise.reject(serviceUnavailable('away'))
}
