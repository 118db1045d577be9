import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { afterEach, describe, it } from 'node:test'
import type { ServiceAccount } from '../../api/generated/core.v1.ts'
import { secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { parseToken, verifyToken } from '../../machinery/pki/json-web-token.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { legacyTokenSigner, tokenSecretsReconciler } from './token-secrets.ts'

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const sign = legacyTokenSigner(privateKey.export({ type: 'pkcs8', format: 'pem' }))
const account = { metadata: { namespace: 'default', name: 'robot', uid: 'robot-uid' } }
const aSecret = (annotations: Readonly<Record<string, string>> = {}) => ({
  metadata: {
    namespace: 'default',
    name: 's',
    annotations: { 'kubernetes.io/service-account.name': 'robot', ...annotations },
  },
  type: 'kubernetes.io/service-account-token',
})
const text = (value: string | undefined) => Buffer.from(value ?? '', 'base64').toString()

void describe('tokenSecretsReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())
  const start = async (secret = aSecret(), accounts: readonly ServiceAccount[] = [account]) => {
    harness = await runReconcilers([tokenSecretsReconciler(sign, 'the authority')], ({ client }) => {
      for (const each of accounts) client.seed(serviceAccounts, each)
      client.seed(secrets, secret)
    })
  }

  void it('fills a secret with token, namespace and authority', async () => {
    await start()
    const { data, metadata } = await harness.one(secrets, 'default/s')
    assert.equal(metadata!.annotations!['kubernetes.io/service-account.uid'], 'robot-uid')
    assert.equal(text(data!['ca.crt']), 'the authority')
    assert.equal(text(data!['namespace']), 'default')
    const token = parseToken(text(data!['token']))!
    assert.ok(verifyToken(token, publicKey))
    assert.deepEqual(token.claims, {
      iss: 'kubernetes/serviceaccount',
      'kubernetes.io/serviceaccount/namespace': 'default',
      'kubernetes.io/serviceaccount/secret.name': 's',
      'kubernetes.io/serviceaccount/service-account.name': 'robot',
      'kubernetes.io/serviceaccount/service-account.uid': 'robot-uid',
      sub: 'system:serviceaccount:default:robot',
    })
  })

  void it('keeps a token that is there, and renews what is not the authority', async () => {
    await start()
    const before = (await harness.one(secrets, 'default/s')).data!['token']
    const old = Buffer.from('old').toString('base64')
    await harness.edit(secrets, 'default/s', (secret) => ({
      ...secret,
      data: { ...secret.data, 'ca.crt': old },
    }))
    await harness.settle()
    const { data } = await harness.one(secrets, 'default/s')
    assert.equal(data!['token'], before)
    assert.equal(text(data!['ca.crt']), 'the authority')
  })

  void it('takes a secret that is gone off the list of its account, and no other', async () => {
    const listed = { ...account, secrets: [{ name: 'other' }, { name: 's' }] }
    const stranger = { metadata: { namespace: 'default', name: 'stranger' }, secrets: [{ name: 's' }] }
    await start(aSecret(), [listed, stranger])
    await harness.client.delete(secrets, { namespace: 'default', name: 's' })
    await harness.settle()
    const secretsOf = async (name: string) => (await harness.one(serviceAccounts, `default/${name}`)).secrets
    assert.deepEqual(await secretsOf('robot'), [{ name: 'other' }])
    assert.deepEqual(await secretsOf('stranger'), [{ name: 's' }])
  })

  void it('deletes a secret with its account', async () => {
    await start()
    await harness.client.delete(serviceAccounts, { namespace: 'default', name: 'robot' })
    await harness.settle()
    assert.deepEqual(keys(await harness.all(secrets)), [])
  })

  void it('deletes a secret of another account of that name', async () => {
    await start(aSecret({ 'kubernetes.io/service-account.uid': 'former' }))
    assert.deepEqual(keys(await harness.all(secrets)), [])
  })

  void it('deletes a secret of no account', async () => {
    await start(aSecret(), [])
    assert.deepEqual(keys(await harness.all(secrets)), [])
  })
})
