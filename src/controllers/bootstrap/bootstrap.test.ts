import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { Secret } from '../../api/generated/core.v1.ts'
import { configMaps, secrets } from '../../api/generated/resources.ts'
import { formatTime } from '../../machinery/time.ts'
import { keys, runReconcilers } from '../testing/run-reconciler.ts'
import { bootstrapSignerReconciler, detachedSignature } from './bootstrap-signer.ts'
import { tokenCleanerReconciler } from './token-cleaner.ts'

function aToken(id: string, data: Readonly<Record<string, string>> = {}): Secret {
  const all = {
    'token-id': id,
    'token-secret': '0123456789abcdef',
    'usage-bootstrap-signing': 'true',
    ...data,
  }
  return {
    metadata: { namespace: 'kube-system', name: `bootstrap-token-${id}` },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(all).map(([key, text]) => [key, btoa(text)])),
  }
}

it('detachedSignature is a JSON Web Signature without its payload', () => {
  assert.equal(
    detachedSignature('payload', 'joshua', 'my-secret').split('.')[0],
    'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9',
  )
  assert.match(detachedSignature('payload', 'joshua', 'my-secret'), /^[\w-]+\.\.[\w-]{43}$/)
})

it('bootstrapSignerReconciler signs with the tokens that are for signing, while they last', async () => {
  const harness = await runReconcilers([bootstrapSignerReconciler], ({ client, clock }) => {
    client.seed(configMaps, {
      metadata: { namespace: 'kube-public', name: 'cluster-info' },
      data: { kubeconfig: 'content', 'jws-kubeconfig-gone00': 'old' },
    })
    client.seed(
      secrets,
      aToken('aaaaaa'),
      aToken('bbbbbb', { expiration: formatTime(clock.now() + 60_000) }),
      aToken('cccccc', { 'usage-bootstrap-signing': 'false' }),
      aToken('dddddd', { expiration: 'soon' }),
    )
  })
  const data = async () => (await harness.one(configMaps, 'kube-public/cluster-info')).data
  const signatureOf = (id: string) => detachedSignature('content', id, '0123456789abcdef')
  assert.deepEqual(await data(), {
    kubeconfig: 'content',
    'jws-kubeconfig-aaaaaa': signatureOf('aaaaaa'),
    'jws-kubeconfig-bbbbbb': signatureOf('bbbbbb'),
  })
  await harness.pass(60_000)
  assert.deepEqual(Object.keys((await data()) ?? {}).sort(), ['jws-kubeconfig-aaaaaa', 'kubeconfig'])
  await harness.stop()
})

it('tokenCleanerReconciler deletes tokens at their time', async () => {
  const harness = await runReconcilers([tokenCleanerReconciler], ({ client, clock }) =>
    client.seed(
      secrets,
      aToken('aaaaaa'),
      aToken('bbbbbb', { expiration: formatTime(clock.now() + 60_000) }),
      aToken('cccccc', { expiration: 'soon' }),
      { ...aToken('dddddd', { expiration: '2000-01-01T00:00:00Z' }), type: 'Opaque' },
    ),
  )
  const left = async () => keys(await harness.all(secrets)).map((key) => key.slice(-6))
  assert.deepEqual(await left(), ['aaaaaa', 'bbbbbb', 'dddddd'])
  await harness.pass(60_000)
  assert.deepEqual(await left(), ['aaaaaa', 'dddddd'])
  await harness.stop()
})
