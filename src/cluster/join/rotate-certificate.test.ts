import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import { testContext, until, type TestContext } from '../../client/testing/test-context.ts'
import { signRequest } from '../../controllers/certificates/sign-request.ts'
import { createCertificateAuthority } from '../../machinery/pki/certificate.ts'
import { serviceUnavailable } from '../../machinery/status-errors.ts'
import { memoryPemStore, type PemStore } from '../pki/pem-store.ts'
import { issueFromSigner, keptCertificate, kubeletServing } from './node-certificates.ts'
import { rotateCertificate } from './rotate-certificate.ts'

const [minuteMs, dayMs] = [60_000, 86_400_000]
const wanted = kubeletServing('a', ['10.0.0.1'])

describe('certificates of a node', () => {
  let context: TestContext
  let store: PemStore
  let lifetimeMs: number
  let issued: number
  let stop: (() => Promise<void>) | undefined
  beforeEach(() => {
    context = testContext()
    store = memoryPemStore()
    lifetimeMs = 10 * dayMs
    issued = 0
  })
  afterEach(async () => {
    await stop?.()
    stop = undefined
  })

  /** What the controllers of a cluster do: signs what is asked for. */
  async function sign(): Promise<void> {
    const { client, clock } = context
    const authority = createCertificateAuthority({ commonName: 'kubernetes', now: clock.now(), days: 400 })
    const { items } = await client.list(certificateSigningRequests)
    for (const request of items.filter(({ status }) => !status?.certificate)) {
      const signing = signRequest(request, authority, clock.now(), lifetimeMs)
      assert.ok(signing.type === 'signed')
      const certificate = Buffer.from(signing.certificatePem).toString('base64')
      await client.update(
        certificateSigningRequests,
        { ...request, status: { certificate } },
        { subresource: 'status' },
      )
    }
  }
  async function requests(): Promise<number> {
    return (await context.client.list(certificateSigningRequests)).items.length
  }
  async function issueFirst(): Promise<void> {
    const issuing = issueFromSigner(context.client, store, 'serving', wanted, new AbortController().signal)
    while ((await requests()) === 0) await new Promise((resolve) => setImmediate(resolve))
    await sign()
    await issuing
  }
  async function start(): Promise<void> {
    await issueFirst()
    stop = rotateCertificate({ ...context, store, file: 'serving', wanted, onIssued: () => (issued += 1) })
  }
  const read = () => store.read('serving.crt')
  const isKept = (what = wanted) => keptCertificate(store, 'serving', context.clock.now(), what) !== undefined

  it('are replaced between 70 % and 90 % of their life, again and again', async () => {
    await start()
    for (let round = 1; round <= 3; round++) {
      const before = read()
      await context.clock.advance(6.9 * dayMs)
      assert.equal(await requests(), round)
      await context.clock.advance(2.1 * dayMs)
      assert.equal(await requests(), round + 1)
      await sign()
      await until(() => issued === round)
      assert.notEqual(read(), before)
      assert.ok(isKept())
    }
  })

  it('are not asked for at once, where a signer dates back by more than they live', async () => {
    lifetimeMs = minuteMs
    await start()
    // The first one was kept from before, as far as can be told: it is due.
    await context.clock.advance(0)
    await sign()
    await until(() => issued === 1)
    const before = await requests()
    await context.clock.advance(0.6 * minuteMs)
    assert.equal(await requests(), before)
    await context.clock.advance(0.4 * minuteMs)
    assert.equal(await requests(), before + 1)
  })

  it('are asked for until there is one', async () => {
    lifetimeMs = 20 * minuteMs
    await start()
    context.client.onWrite = ({ verb }) => {
      if (verb === 'create') throw serviceUnavailable('down')
    }
    await context.clock.advance(19 * minuteMs)
    assert.ok(context.complaints.length > 1)
    delete context.client.onWrite
    await context.clock.advance(minuteMs)
    await sign()
    await until(() => issued === 1)
    assert.ok(isKept())
  })

  it('are kept while they are good, for what is wanted, and with their own key', async () => {
    await issueFirst()
    assert.ok(isKept())
    assert.ok(!isKept(kubeletServing('a', ['10.0.0.2'])), 'another address')
    assert.ok(!isKept(kubeletServing('b', ['10.0.0.1'])), 'another node')
    const [key] = [store.read('serving.key')!]
    const other = memoryPemStore()
    await Promise.all([
      issueFromSigner(context.client, other, 'serving', wanted, new AbortController().signal),
      (async () => {
        while ((await requests()) < 2) await new Promise((resolve) => setImmediate(resolve))
        await sign()
      })(),
    ])
    store.write('serving.key', other.read('serving.key')!)
    assert.ok(!isKept(), 'the key of another certificate')
    store.write('serving.key', key)
    await context.clock.advance(10 * dayMs)
    assert.ok(!isKept(), 'expired')
  })
})
