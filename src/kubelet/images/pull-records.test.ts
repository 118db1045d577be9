import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Image } from '../runtime/runtime.ts'
import { openPullRecords, type PullRecords, type PullSecret } from './pull-records.ts'
import { verificationPolicy, type VerificationPolicyName } from './verification-policy.ts'

const image = 'registry.example/team/app:1'
const id = 'sha256:1'
const aSecret = (name: string, credentialHash = `hash of ${name}`): PullSecret => ({
  uid: `uid of ${name}`,
  namespace: 'default',
  name,
  credentialHash,
})

describe('records of pulled images', () => {
  let rootDirectory = ''
  const clock = fakeClock()
  beforeEach(async () => {
    rootDirectory = await mkdtemp(join(tmpdir(), 'pull-records-'))
  })
  afterEach(() => rm(rootDirectory, { recursive: true }))

  const open = (name: VerificationPolicyName = 'NeverVerifyPreloadedImages', images: readonly Image[] = []) =>
    openPullRecords({
      rootDirectory,
      policy: verificationPolicy(name),
      images: async () => images,
      clock,
      log: silentLogger,
    })
  const pulled = () => join(rootDirectory, 'image_manager', 'pulled')
  const pulling = () => join(rootDirectory, 'image_manager', 'pulling')
  const may = (records: PullRecords, ...secrets: PullSecret[]) =>
    records.mayUse(image, id, async () => secrets)
  async function pull(records: PullRecords, secret: PullSecret | undefined, name = image) {
    await records.begin(name)
    await records.succeeded(name, id, secret ? { type: 'secret', secret } : { type: 'nothing' })
  }

  it('let everybody have what was here before, unless all must be verified', async () => {
    assert.equal(await may(await open()), true)
    assert.equal(await may(await open('AlwaysVerify'), aSecret('a')), false)
  })

  it('let those have a private image who have the secret, or one that says the same', async () => {
    const records = await open()
    await pull(records, aSecret('a'))
    assert.equal(await may(records), false)
    assert.equal(await may(records, aSecret('b')), false)
    assert.equal(await may(records, aSecret('b'), aSecret('a')), true)
    assert.equal(await may(records, aSecret('b', 'hash of a')), true)
    assert.equal(await may(records, aSecret('a', 'changed')), true)
    assert.equal(await may(await open('NeverVerify')), true)
    assert.deepEqual(await readdir(pulling()), [])
  })

  it('let everybody have what anybody could pull', async () => {
    const records = await open()
    await pull(records, aSecret('a'))
    await pull(records, undefined)
    assert.equal(await may(records), true)
    await pull(records, aSecret('a'))
    assert.equal(await may(records), true)
  })

  it('are kept by the name of the image, too: one registry does not speak for another', async () => {
    const records = await open()
    await pull(records, undefined, 'mirror.example/app:1')
    assert.equal(await may(records, aSecret('a')), false)
  })

  it('outlive the kubelet, in the files of upstream', async () => {
    await pull(await open(), aSecret('a'))
    assert.equal(await may(await open()), false)
    assert.equal(await may(await open(), aSecret('a')), true)
    const [name = ''] = await readdir(pulled())
    assert.match(name, /^sha256-[0-9a-f]{64}$/)
    assert.deepEqual(JSON.parse(await readFile(join(pulled(), name), 'utf8')), {
      kind: 'ImagePulledRecord',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      lastUpdatedTime: '2026-01-01T00:00:00Z',
      imageRef: id,
      credentialMapping: { 'registry.example/team/app': { kubernetesSecretCoordinates: [aSecret('a')] } },
    })
  })

  it('allow nobody what a kubelet was pulling when it ended', async () => {
    await (await open()).begin(image)
    const here = { id, repoTags: [image], repoDigests: [], sizeBytes: 1, username: '', pinned: false }
    const records = await open('NeverVerifyPreloadedImages', [here])
    assert.deepEqual(await readdir(pulling()), [])
    assert.equal(await may(records, aSecret('a')), false)
  })

  it('allow nobody what could not be written down', async () => {
    const records = await open()
    await records.begin(image)
    await writeFile(pulled(), 'no directory')
    await records.succeeded(image, id, { type: 'nothing' })
    assert.equal(await may(records), false)
    await rm(pulled())
    assert.equal(await may(records), false)
  })

  it('refuse a pull that cannot be written down, and end with the last of several', async () => {
    const records = await open()
    await records.begin(image)
    await records.begin(image)
    await records.failed(image)
    assert.equal((await readdir(pulling())).length, 1)
    await records.failed(image)
    assert.deepEqual(await readdir(pulling()), [])
    await rm(pulling(), { recursive: true })
    await writeFile(pulling(), 'no directory')
    await assert.rejects(records.begin(image), { code: 'EEXIST' })
  })

  it('allow nobody what cannot be read', async () => {
    const records = await open()
    await pull(records, undefined)
    const [name = ''] = await readdir(pulled())
    await writeFile(join(pulled(), name), '{')
    assert.equal(await may(records), false)
    await pull(records, undefined)
    assert.equal(await may(records), true)
  })

  it('are forgotten with their image', async () => {
    const records = await open()
    await pull(records, aSecret('a'))
    await records.prune(new Set(), clock.now())
    assert.equal((await readdir(pulled())).length, 1)
    await clock.advance(60_000)
    await records.prune(new Set([id]), clock.now())
    assert.equal((await readdir(pulled())).length, 1)
    await records.prune(new Set(), clock.now())
    assert.deepEqual(await readdir(pulled()), [])
    await mkdir(join(pulled(), 'other'))
    await records.prune(new Set(), clock.now())
  })
})
