import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { ClusterTrustBundle } from '../../src/api/generated/certificates.v1beta1.ts'
import type { VolumeProjection } from '../../src/api/generated/core.v1.ts'
import { systemClock } from '../../src/machinery/clock.ts'
import { createCertificateAuthority } from '../../src/machinery/pki/certificate.ts'
import { withoutContainers } from './harness/machine.ts'
import { aPod, shell, sleepScript } from './harness/objects.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'
import { until } from './harness/until.ts'

const anAuthority = (commonName: string) =>
  createCertificateAuthority({ commonName, now: systemClock.now() }).certificatePem

function aBundle(name: string, trustBundle: string, signerName?: string): ClusterTrustBundle {
  return {
    apiVersion: 'certificates.k8s.io/v1beta1',
    kind: 'ClusterTrustBundle',
    metadata: { name, labels: { bundle: name.replaceAll(/[/:]/g, '.') } },
    spec: { trustBundle, ...(signerName !== undefined && { signerName }) },
  }
}

const serving = 'kubernetes.io/kube-apiserver-serving'
const signerName = 'e2e.k8ts.test/signer'
const sources: readonly VolumeProjection[] = [
  { clusterTrustBundle: { name: 'named', path: 'named.pem' } },
  { clusterTrustBundle: { signerName, labelSelector: {}, path: 'signed.pem' } },
  { clusterTrustBundle: { signerName: serving, labelSelector: {}, path: 'serving.pem' } },
  { clusterTrustBundle: { name: 'later', optional: true, path: 'later.pem' } },
]

describe('ClusterTrustBundles in pods', { skip: withoutContainers }, () => {
  let cluster: TestCluster
  before(async () => {
    cluster = aCluster('trust')
    await cluster.up(
      '--feature-gates=ClusterTrustBundle=true,ClusterTrustBundleProjection=true',
      '--runtime-config=certificates.k8s.io/v1beta1/clustertrustbundles=true',
    )
    await cluster.loadTestImage()
  })
  after(() => cluster.delete())

  const read = async (file: string) =>
    (await cluster.kubectl.result(['exec', 'reader', '--', 'cat', `/trust/${file}`])).stdout

  it('holds the certificates that it asks for, and follows them', async () => {
    const [one, two, three] = ['one', 'two', 'three'].map(anAuthority) as [string, string, string]
    await cluster.kubectl.apply(
      aBundle('named', `the first: ${one}${two}`),
      aBundle('e2e.k8ts.test:signer:a', one, signerName),
      aBundle('e2e.k8ts.test:signer:b', one + three, signerName),
    )
    const container = shell(sleepScript, { volumeMounts: [{ name: 'trust', mountPath: '/trust' }] })
    const volumes = [{ name: 'trust', projected: { sources } }]
    await cluster.kubectl.apply(aPod('reader', container, { volumes }))
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/reader', '--timeout=60s'])

    const certificatesIn = async (file: string) =>
      (await read(file)).split(/(?<=-----END CERTIFICATE-----\n)/).filter(Boolean)
    assert.deepEqual((await certificatesIn('named.pem')).sort(), [one, two].sort())
    assert.deepEqual((await certificatesIn('signed.pem')).sort(), [one, three].sort())
    assert.equal(await read('later.pem'), '')
    const authority = await cluster.kubectl(
      'get configmap kube-root-ca.crt -o'.split(' ').concat('jsonpath={.data.ca\\.crt}'),
    )
    assert.equal((await read('serving.pem')).trim(), authority.trim())

    await cluster.kubectl.apply(aBundle('named', three), aBundle('later', two))
    await cluster.kubectl(['delete', 'clustertrustbundle', 'e2e.k8ts.test:signer:b'])
    const shows = (file: string, expected: string) =>
      until(`${file} has changed`, async () => (await read(file)) === expected, 60_000)
    await shows('named.pem', three)
    await shows('later.pem', two)
    await shows('signed.pem', one)
  })
})
