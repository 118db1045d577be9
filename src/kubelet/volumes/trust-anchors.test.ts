import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../../api/generated/certificates.v1beta1.ts'
import { clusterTrustBundles } from '../../api/generated/resources.ts'
import { testContext, until, type TestContext } from '../../client/testing/test-context.ts'
import { seededRandom } from '../../machinery/random.ts'
import { encodePem } from '../../machinery/pki/pem.ts'
import { createTrustAnchors } from './trust-anchors.ts'

const certificate = (content: string) => encodePem('CERTIFICATE', Buffer.from(content))
const signerName = 'e.org/s'

function aBundle(
  name: string,
  contents: readonly string[],
  rest: { readonly signerName?: string; readonly labels?: Readonly<Record<string, string>> } = {},
): ClusterTrustBundle {
  const { labels, ...spec } = rest
  return {
    metadata: { name, ...(labels && { labels }) },
    spec: {
      ...spec,
      trustBundle: contents.map((content) => `about ${content}\n${certificate(content)}`).join(''),
    },
  }
}

function serve({ client }: TestContext): void {
  const list = { kind: 'APIResourceList', resources: [{ name: 'clustertrustbundles' }] }
  client.served.set('/apis/certificates.k8s.io/v1beta1', JSON.stringify(list))
}

function anchorsIn(
  context: TestContext,
  options: { readonly isEnabled?: boolean; readonly seed?: number } = {},
) {
  const { isEnabled = true, seed = 1 } = options
  const told: string[] = []
  const onChange = (pod: string) => void told.push(pod)
  const anchors = createTrustAnchors({ ...context, random: seededRandom(seed), isEnabled, onChange })
  return { anchors, told }
}

const sorted = (pem: string) => pem.split(/(?<=-----END CERTIFICATE-----\n)/).sort()

describe('createTrustAnchors', () => {
  it('reads a bundle by its name: the certificates alone, each once', async () => {
    const context = testContext()
    serve(context)
    context.client.seed(clusterTrustBundles, aBundle('b', ['one', 'two', 'one']))
    const { anchors } = anchorsIn(context)
    const pem = await anchors.read({ name: 'b', path: 'ca' })
    assert.deepEqual(sorted(pem), [certificate('one'), certificate('two')].sort())
    assert.equal(await anchors.read({ name: 'c', path: 'ca', optional: true }), '')
    await assert.rejects(anchors.read({ name: 'c', path: 'ca' }), {
      message: 'while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "c" not found',
    })
    anchors.stop()
  })

  it('reads those of a signer that a selector chooses; none where there is no selector', async () => {
    const context = testContext()
    serve(context)
    context.client.seed(
      clusterTrustBundles,
      aBundle('e.org:s:a', ['one'], { signerName, labels: { live: 'yes' } }),
      aBundle('e.org:s:b', ['one', 'two'], { signerName }),
      aBundle('other', ['three'], { labels: { live: 'yes' } }),
    )
    const { anchors } = anchorsIn(context)
    const read = (rest: object) => anchors.read({ signerName, path: 'ca', ...rest }).then(sorted)
    assert.deepEqual(await read({ labelSelector: {} }), [certificate('one'), certificate('two')].sort())
    assert.deepEqual(await read({ labelSelector: { matchLabels: { live: 'yes' } } }), [certificate('one')])
    const none = 'combination of signerName and labelSelector matched zero ClusterTrustBundles'
    await assert.rejects(read({}), { message: none })
    await assert.rejects(read({ labelSelector: { matchLabels: { live: 'no' } } }), { message: none })
    assert.deepEqual(await read({ optional: true }), [''])
    anchors.stop()
  })

  it('gives them in an order that stays, and is another one for another kubelet', async () => {
    const context = testContext()
    serve(context)
    const contents = Array.from({ length: 20 }, (_, index) => `certificate ${index}`)
    context.client.seed(clusterTrustBundles, aBundle('b', contents))
    const orders = await Promise.all(
      [1, 1, 2].map((seed) => anchorsIn(context, { seed }).anchors.read({ name: 'b', path: 'ca' })),
    )
    assert.equal(orders[0], orders[1])
    assert.notEqual(orders[0], orders[2])
    assert.deepEqual(sorted(orders[0] ?? ''), sorted(orders[2] ?? ''))
  })

  it('tells pods that have bundles of changes, while they do', async () => {
    const context = testContext()
    serve(context)
    const { anchors, told } = anchorsIn(context)
    anchors.track('one', true)
    anchors.track('two', true)
    await anchors.read({ name: 'b', path: 'ca', optional: true })
    await context.client.create(clusterTrustBundles, aBundle('b', ['one']))
    await until(() => told.length === 2)
    anchors.track('one', false)
    await context.client.delete(clusterTrustBundles, { name: 'b' })
    await until(() => told.length === 3)
    assert.deepEqual(told, ['one', 'two', 'two'])
    anchors.stop()
  })

  it('has none while the feature is off, and none before the API server serves them', async () => {
    const context = testContext()
    const { anchors } = anchorsIn(context)
    const message = 'ClusterTrustBundle projection is not supported in static kubelet mode'
    await assert.rejects(anchors.read({ name: 'b', path: 'ca' }), { message })
    serve(context)
    context.client.seed(clusterTrustBundles, aBundle('b', ['one']))
    assert.equal(await anchors.read({ name: 'b', path: 'ca' }), certificate('one'))
    const off = anchorsIn(context, { isEnabled: false }).anchors
    await assert.rejects(off.read({ name: 'b', path: 'ca' }), { message })
    anchors.stop()
  })
})
