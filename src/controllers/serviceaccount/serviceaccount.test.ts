import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { configMaps, namespaces, serviceAccounts } from '../../api/generated/resources.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { rootCaPublisher } from './root-ca-publisher.ts'
import { serviceAccountReconciler } from './serviceaccount.ts'

const active = (name: string) => ({ metadata: { name }, status: { phase: 'Active' as const } })
const terminating = (name: string) => ({ metadata: { name }, status: { phase: 'Terminating' as const } })

void describe('serviceAccountReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('keeps a default account in every active namespace', async () => {
    harness = await runReconcilers([serviceAccountReconciler], ({ client }) =>
      client.seed(namespaces, active('a'), terminating('b')),
    )
    await harness.client.create(namespaces, active('c'))
    await harness.settle()
    assert.deepEqual(keys(await harness.all(serviceAccounts)), ['a/default', 'c/default'])
    await harness.client.delete(serviceAccounts, { namespace: 'a', name: 'default' })
    await harness.settle()
    assert.deepEqual(keys(await harness.all(serviceAccounts)), ['a/default', 'c/default'])
  })
})

void describe('rootCaPublisher', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('publishes the certificate in every active namespace and repairs it', async () => {
    harness = await runReconcilers([rootCaPublisher('PEM')], ({ client }) =>
      client.seed(namespaces, active('a'), terminating('b')),
    )
    const published = () => harness.one(configMaps, 'a/kube-root-ca.crt')
    assert.deepEqual(keys(await harness.all(configMaps)), ['a/kube-root-ca.crt'])
    assert.deepEqual((await published()).data, { 'ca.crt': 'PEM' })
    await harness.edit(configMaps, 'a/kube-root-ca.crt', (map) => ({
      ...map,
      data: { 'ca.crt': 'X', more: 'Y' },
    }))
    await harness.settle()
    assert.deepEqual((await published()).data, { 'ca.crt': 'PEM' })
    await harness.client.delete(configMaps, { namespace: 'a', name: 'kube-root-ca.crt' })
    await harness.settle()
    assert.deepEqual((await published()).data, { 'ca.crt': 'PEM' })
    assert.match((await published()).metadata!.annotations!['kubernetes.io/description']!, /CA bundle/)
    assert.match(harness.metrics.text(), /^root_ca_cert_publisher_sync_total\{code="200"\} \d/m)
  })
})
