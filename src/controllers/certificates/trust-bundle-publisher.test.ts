import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../../api/generated/certificates.v1beta1.ts'
import { clusterTrustBundles } from '../../api/generated/resources.ts'
import { testContext, until } from '../../client/testing/test-context.ts'
import { startTrustBundlePublisher } from './trust-bundle-publisher.ts'

const signerName = 'kubernetes.io/kube-apiserver-serving'
const prefix = 'kubernetes.io:kube-apiserver-serving:'
const nameOf = (text: string) => prefix + createHash('sha256').update(text).digest('hex').slice(0, 24)

function aBundle(name: string, trustBundle: string, signer = signerName): ClusterTrustBundle {
  return { metadata: { name }, spec: { signerName: signer, trustBundle } }
}

function bundlesContext(...seeded: readonly ClusterTrustBundle[]) {
  const context = testContext()
  const list = { kind: 'APIResourceList', resources: [{ name: 'clustertrustbundles' }] }
  context.client.served.set('/apis/certificates.k8s.io/v1beta1', JSON.stringify(list))
  context.client.seed(clusterTrustBundles, ...seeded)
  const bundles = async () =>
    Object.fromEntries(
      (await context.client.list(clusterTrustBundles)).items.map(({ metadata, spec }) => [
        metadata?.name,
        spec.trustBundle,
      ]),
    )
  return { ...context, bundles }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
}

describe('startTrustBundlePublisher', () => {
  it('publishes the authority, and takes away what else is of its signer', async () => {
    const context = bundlesContext(aBundle(`${prefix}old`, 'old'), aBundle('e.org:s:v1', 'theirs', 'e.org/s'))
    const publisher = startTrustBundlePublisher(context, 'authority')
    await publisher.ready
    await settled()
    assert.deepEqual(await context.bundles(), { 'e.org:s:v1': 'theirs', [nameOf('authority')]: 'authority' })
    await publisher.stop()
  })

  it('puts right what others write into it, and makes it anew', async () => {
    const context = bundlesContext(aBundle(nameOf('authority'), 'wrong'))
    const publisher = startTrustBundlePublisher(context, 'authority')
    await publisher.ready
    await settled()
    assert.deepEqual(await context.bundles(), { [nameOf('authority')]: 'authority' })
    await context.client.delete(clusterTrustBundles, { name: nameOf('authority') })
    await settled()
    assert.deepEqual(await context.bundles(), { [nameOf('authority')]: 'authority' })
    await publisher.stop()
  })

  it('does nothing where no version of them is served, and asks again where it cannot ask', async () => {
    const context = bundlesContext()
    context.client.served.clear()
    const idle = startTrustBundlePublisher(context, 'authority')
    await idle.ready
    await settled()
    assert.deepEqual(await context.bundles(), {})
    await idle.stop()

    context.client.served.set('/apis/certificates.k8s.io/v1beta1', 'no JSON')
    const publisher = startTrustBundlePublisher(context, 'authority')
    await until(() => context.complaints.length > 0)
    const list = { kind: 'APIResourceList', resources: [{ name: 'clustertrustbundles' }] }
    context.client.served.set('/apis/certificates.k8s.io/v1beta1', JSON.stringify(list))
    await context.clock.advance(1000)
    await publisher.ready
    await settled()
    assert.deepEqual(Object.keys(await context.bundles()), [nameOf('authority')])
    await publisher.stop()
  })
})
