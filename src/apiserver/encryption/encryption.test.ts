import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { secrets } from '../../api/generated/resources.ts'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import { openStore } from '../../store/open.ts'
import type { Store, StoreEvent } from '../../store/store.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer } from '../testing/test-server.ts'
import { decodeEncryptionConfiguration } from './encryption-configuration.ts'
import { Encryption } from './encryption.ts'
import { encryptedStore } from './encrypted-store.ts'
import { openEncryptionFile } from './reloading-encryption.ts'
import { openSecretbox, sealSecretbox } from './secretbox.ts'
import { startKmsPlugin } from './testing/kms-plugin.ts'

const context = { clock: systemClock, log: silentLogger }
const key = (letter: string, bytes = 32) => Buffer.from(letter.repeat(bytes)).toString('base64')

function configuration(providers: string, resources = '[secrets]'): string {
  return `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- resources: ${resources}
  providers: ${providers}
`
}

const aes = (type: string, name: string, letter: string) =>
  `${type}: {keys: [{name: ${name}, secret: ${key(letter)}}]}`

async function open(store: Store, text: string, clock = systemClock) {
  const encryption = await Encryption.open(decodeEncryptionConfiguration(text), clock)
  return { encryption, store: encryptedStore(store, () => encryption) }
}

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'k8ts-encryption-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) }
}

const place = '/registry/core/secrets/default/a'
const value = Buffer.from('{"data":"hidden"}')

test('secretbox is NaCl’s', () => {
  // The test vector of NaCl's own tests/secretbox.c.
  const hex = (text: string) => Buffer.from(text, 'hex')
  const boxKey = hex('1b27556473e985d462cd51197a9a46c76009549eac6474f206c4ee0844f68389')
  const nonce = hex('69696ee955b62b73cd62bda875fc73d68219e0036b7a0b37')
  const message = hex(
    'be075fc53c81f2d5cf141316ebeb0c7b5228c52a4c62cbd44b66849b64244ffce5ecbaaf33bd751a1ac728d45e6c6129' +
      '6cdc3c01233561f41db66cce314adb310e3be8250c46f06dceea3a7fa1348057e2f6556ad6b1318a024a838f21af1fde' +
      '048977eb48f59ffd4924ca1c60902e52f0a089bc76897040e082f937763848645e0705',
  )
  const box = sealSecretbox(boxKey, nonce, message)
  assert.equal(
    box.subarray(0, 48).toString('hex'),
    'f3ffc7703f9400e52a7dfb4b3d3305d98e993b9f48681273c29650ba32fc76ce48332ea7164d96a4476fb8c531a1186a',
  )
  assert.deepEqual(openSecretbox(boxKey, nonce, box), message)
  box[20]! ^= 1
  assert.equal(openSecretbox(boxKey, nonce, box), undefined)
})

for (const type of ['aescbc', 'aesgcm', 'secretbox']) {
  test(`${type} hides what is stored, reads it back, and only in its place where that is bound`, async () => {
    const inner = new MemoryStore(context)
    const { store } = await open(inner, configuration(`[${aes(type, 'key1', 'a')}]`))
    await store.create(place, value)
    const stored = await inner.get(place)
    assert.ok(Buffer.from(stored!.value).toString('latin1').startsWith(`k8s:enc:${type}:v1:key1:`))
    assert.ok(!Buffer.from(stored!.value).includes('hidden'))
    assert.deepEqual((await store.get(place))?.value, value)
    const again = (await open(inner, configuration(`[${aes(type, 'key1', 'a')}]`))).store
    assert.deepEqual((await again.list('/registry/')).entries[0]?.value, value)
    const elsewhere = '/registry/core/secrets/default/b'
    await inner.create(elsewhere, stored!.value)
    if (type === 'aesgcm') assert.match((await again.get(elsewhere))!.fault!.message, /not authentic/)
    const others = (await open(inner, configuration(`[${aes(type, 'key1', 'b')}]`))).store
    if (type !== 'aescbc') assert.ok((await others.get(place))?.fault)
    await store.close()
  })
}

test('aesgcm reads what upstream writes', async () => {
  const inner = new MemoryStore(context)
  const nonce = Buffer.alloc(12, 7)
  const cipher = createCipheriv('aes-256-gcm', Buffer.from('a'.repeat(32)), nonce).setAAD(Buffer.from(place))
  const sealed = Buffer.concat([nonce, cipher.update(value), cipher.final(), cipher.getAuthTag()])
  await inner.create(place, Buffer.concat([Buffer.from('k8s:enc:aesgcm:v1:key1:'), sealed]))
  const { store } = await open(inner, configuration(`[${aes('aesgcm', 'key1', 'a')}]`))
  assert.deepEqual((await store.get(place))?.value, value)
  await store.close()
})

test('the most exact entry counts: a resource, its group, everything', async () => {
  const text = `apiVersion: apiserver.config.k8s.io/v1
kind: EncryptionConfiguration
resources:
- {resources: [events], providers: [{identity: {}}]}
- {resources: [pandas.bears.example], providers: [{${aes('aescbc', 'bears', 'a')}}]}
- {resources: ['*.apps'], providers: [{${aes('aescbc', 'apps', 'b')}}]}
- {resources: ['*.*'], providers: [{${aes('aescbc', 'all', 'c')}}]}
`
  const encryption = await Encryption.open(decodeEncryptionConfiguration(text), systemClock)
  const writer = (group: string, resource: string) => encryption.of(group, resource).writer.split(':')[4]
  assert.equal(writer('', 'events'), undefined)
  assert.equal(writer('bears.example', 'pandas'), 'bears')
  assert.equal(writer('apps', 'deployments'), 'apps')
  assert.equal(writer('other.example', 'things'), 'all')
})

const refused: readonly (readonly [string, RegExp])[] = [
  [
    configuration(`[{aescbc: {keys: [{name: a, secret: ${key('k', 5)}}]}}]`),
    /REDACTED.*got 5, expected one of/,
  ],
  [configuration('[{aescbc: {keys: [{name: a, secret: "%%"}]}}]'), /REDACTED.*base64/],
  [configuration('[]'), /at least one provider/],
  [configuration('[{identity: {}}]', "['*']"), /use '\*\.'/],
  [configuration('[{identity: {}}]', "[secrets, '*.']"), /masked/],
  [configuration('[{kms: {apiVersion: v2, name: "a:b", endpoint: "unix:///x"}}]'), /must not contain ':'/],
  [configuration('[{kms: {apiVersion: v2, name: a, endpoint: "http://x"}}]'), /only unix is supported/],
  [configuration('[{identity: {}, unknown: {}}]'), /unknown field/],
]

test('decodeEncryptionConfiguration says what is wrong, and tells no key', () => {
  for (const [text, message] of refused) {
    assert.throws(() => decodeEncryptionConfiguration(text), message)
  }
})

test('KMS: one call for many values, readable by another server, with another seed after another key', async () => {
  await using folder = await temporaryFolder()
  const socket = join(folder.path, 'kms.sock')
  await using plugin = await startKmsPlugin(socket)
  const clock = fakeClock()
  const text = configuration(`[{kms: {apiVersion: v2, name: vault, endpoint: "unix://${socket}"}}]`)
  const inner = new MemoryStore(context)
  const first = await open(inner, text, clock)
  for (const name of ['a', 'b', 'c'])
    await first.store.create(`/registry/core/secrets/default/${name}`, value)
  assert.deepEqual(plugin.calls, { status: 1, encrypt: 1, decrypt: 0 })
  const stored = Buffer.from((await inner.get(place))!.value)
  assert.ok(stored.toString('latin1').startsWith('k8s:enc:kms:v2:vault:') && !stored.includes('hidden'))

  const second = await open(inner, text, clock)
  const events: StoreEvent[] = []
  const seen: (bigint | string)[] = []
  const watch = second.store.watch('/registry/', 0n, {
    onEvents(batch) {
      events.push(...batch)
      seen.push('events')
    },
    onProgress: (revision) => void seen.push(revision),
    onEnd: () => {},
  })
  const { entries } = await second.store.list('/registry/')
  assert.ok(entries.every((entry) => Buffer.from(entry.value).equals(value)))
  while (events.length < 3) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(seen[0], 'events')
  watch.close()

  const entry = (await first.store.get(place))!
  assert.equal(first.store.isStale?.(place, entry.value), false)
  plugin.keyId = 'key-2'
  await clock.advance(60_000)
  while (plugin.calls.encrypt < 3) await new Promise((resolve) => setImmediate(resolve))
  const isStale = () => first.store.isStale?.(place, entry.value) ?? false
  while (!isStale()) await new Promise((resolve) => setImmediate(resolve))
  await first.store.update(place, Buffer.from(value), entry.revision)
  assert.ok(Buffer.from((await inner.get(place))!.value).includes('key-2'))

  plugin.isHealthy = false
  await clock.advance(60_000)
  while (first.encryption.fault === undefined) await new Promise((resolve) => setImmediate(resolve))
  assert.match(first.encryption.fault, /the vault is closed/)
  await first.store.create('/registry/core/secrets/default/d', value)
  await clock.advance(200_000)
  await assert.rejects(first.store.create('/registry/core/secrets/default/e', value), /has expired/)
  first.encryption.close()
  second.encryption.close()
  await inner.close()
})

test('no file of the store holds a secret; another key replaces the first when objects are replaced', async () => {
  await using folder = await temporaryFolder()
  const file = join(folder.path, 'encryption.yaml')
  const old = `{${aes('aescbc', 'old', 'o')}}`
  await writeFile(file, configuration(`[${old}, {identity: {}}]`))
  const encryption = await openEncryptionFile({ path: file, reloads: true }, context)
  const data = join(folder.path, 'data')
  const inner = await openStore({ type: 'embedded', directory: data }, context)
  {
    await using testServer = await startTestServer({
      store: encryptedStore(inner, () => encryption.current()),
    })
    const client = new HttpsClient(testServer)
    const path = '/api/v1/namespaces/default/secrets'
    const body = { metadata: { name: 'a' }, stringData: { password: 'correct-horse-battery' } }
    assert.equal((await client.send(path, { method: 'POST', body })).status, 201)
    assert.equal((await client.send(`${path}/a`)).status, 200)
    const stored = async () => Buffer.from((await inner.get('/registry/core/secrets/default/a'))!.value)
    assert.ok((await stored()).toString('latin1').startsWith('k8s:enc:aescbc:v1:old:'))
    await writeFile(file, configuration(`[{${aes('secretbox', 'new', 'n')}}, ${old}]`))
    await encryption.reload()
    const existing = JSON.parse((await client.send(`${path}/a`)).text) as object
    assert.equal((await client.send(`${path}/a`, { method: 'PUT', body: existing })).status, 200)
    assert.ok((await stored()).toString('latin1').startsWith('k8s:enc:secretbox:v1:new:'))
    const { revision } = (await inner.get('/registry/core/secrets/default/a'))!
    const rewritten = JSON.parse((await client.send(`${path}/a`)).text) as object
    await client.send(`${path}/a`, { method: 'PUT', body: rewritten })
    assert.equal((await inner.get('/registry/core/secrets/default/a'))!.revision, revision)
    assert.ok(testServer.server.objects.get(secrets, { namespace: 'default', name: 'a' }))
    client.close()
  }
  encryption.close()
  const hidden = [Buffer.from('correct-horse'), Buffer.from(Buffer.from('correct-horse').toString('base64'))]
  for (const name of await readdir(data, { recursive: true, withFileTypes: true })) {
    if (!name.isFile()) continue
    const content = await readFile(join(name.parentPath, name.name))
    assert.ok(!hidden.some((text) => content.includes(text)), name.name)
  }
})

test('a value that cannot be read is told, and everything beside it is served; it is served when its key is back', async () => {
  const inner = new MemoryStore(context)
  const old = `{${aes('aescbc', 'old', 'o')}}`
  const withOld = await open(inner, configuration(`[${old}]`))
  const secretOf = (namespace: string, name: string) =>
    Buffer.from(
      `{"kind":"Secret","apiVersion":"v1","metadata":{"name":"${name}","namespace":"${namespace}","uid":"u-${name}"}}`,
    )
  const write = (store: Store, namespace: string, name: string) =>
    store.create(`/registry/core/secrets/${namespace}/${name}`, secretOf(namespace, name))
  await write(withOld.store, 'default', 'lost')
  let current = (await open(inner, configuration(`[{${aes('aescbc', 'new', 'n')}}]`))).encryption
  const store = encryptedStore(inner, () => current)
  await write(store, 'default', 'good')
  await write(store, 'other', 'good')

  await using testServer = await startTestServer({ store })
  const client = new HttpsClient(testServer)
  const secretsOf = (namespace: string) => `/api/v1/namespaces/${namespace}/secrets`
  const told = async (path: string, request?: Parameters<HttpsClient['send']>[1]) => {
    const { status, json } = await client.send(path, request)
    return status < 300 ? status : `${status} ${String(json['message'])}`
  }
  const lost = `${secretsOf('default')}/lost`
  const listFault =
    '500 Internal error occurred: unable to transform key "/registry/secrets/default/lost": no matching prefix found'
  assert.equal(await told(lost), '500 Internal error occurred: no matching prefix found')
  assert.equal(await told('/api/v1/secrets'), listFault)
  assert.equal(await told(secretsOf('default')), listFault)
  assert.equal(await told(`${secretsOf('default')}?watch=1`), '429 storage is (re)initializing')
  assert.equal(await told(`${secretsOf('default')}/good`), 200)
  assert.equal(await told(secretsOf('other')), 200)
  assert.equal(await told('/api/v1/configmaps'), 200)
  assert.equal(
    await told(lost, { method: 'DELETE' }),
    '500 Internal error occurred: no matching prefix found',
  )
  const body = { metadata: { name: 'lost' } }
  assert.equal(
    await told(secretsOf('default'), { method: 'POST', body }),
    '409 secrets "lost" already exists',
  )
  // One that comes while the server runs ends the watches that may see it, and no others.
  const watches = ['default', 'other'].map((namespace) =>
    client.send(
      `${secretsOf(namespace)}?watch=1&timeoutSeconds=2&resourceVersion=0&fieldSelector=metadata.name=later`,
    ),
  )
  await client.send('/readyz')
  await write(withOld.store, 'default', 'later')
  const [cut, whole] = await Promise.all(watches)
  assert.match(cut!.text, /"type":"ERROR".*no matching prefix found/)
  assert.equal(whole!.text, '')

  current = (await open(inner, configuration(`[{${aes('aescbc', 'new', 'n')}}, ${old}]`))).encryption
  assert.equal(await told(lost), 200)
  assert.equal(await told('/api/v1/secrets'), 200)
  assert.equal(testServer.server.objects.list(secrets).length, 4)
  assert.equal(await told(lost, { method: 'DELETE' }), 200)
  client.close()
})
