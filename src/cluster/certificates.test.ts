import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { it } from 'node:test'
import type { CertificateSigningRequest } from '../api/generated/certificates.v1.ts'
import { certificateSigningRequests, configMaps, secrets } from '../api/generated/resources.ts'
import type { Client } from '../client/client.ts'
import { createHttpClient } from '../client/http/http-client.ts'
import type { KubernetesObject } from '../machinery/meta.ts'
import { createCertificateRequest } from '../machinery/pki/certificate-request.ts'
import { encodePrivateKey, generateKeyPair } from '../machinery/pki/key-pair.ts'
import type { ObjectName, Resource } from '../machinery/resource.ts'
import { startCluster } from './testing.ts'

/** Waits until an object satisfies, by a watch. */
async function until<T extends KubernetesObject>(
  client: Client,
  resource: Resource<T>,
  { namespace, name }: ObjectName,
  satisfies: (object: T) => boolean,
): Promise<T> {
  const signal = AbortSignal.timeout(20_000)
  const fieldSelector = `metadata.name=${name}`
  const options = { ...(namespace && { namespace }), fieldSelector, resourceVersion: '0', signal }
  for await (const { object } of client.watch(resource, options)) if (satisfies(object)) return object
  throw new Error(`${name} did not become what it should`)
}

const tokenId = 'abcdef'
const tokenSecret = '0123456789abcdef'

it('a node joins by a bootstrap token: finds the cluster, asks for a certificate, and is known by it', async () => {
  await using cluster = await startCluster()
  const tokenData = {
    'token-id': tokenId,
    'token-secret': tokenSecret,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
  }
  await cluster.client.create(secrets, {
    metadata: { namespace: 'kube-system', name: `bootstrap-token-${tokenId}` },
    type: 'bootstrap.kubernetes.io/token',
    data: Object.fromEntries(Object.entries(tokenData).map(([key, text]) => [key, btoa(text)])),
  })
  const { server, certificateAuthority: caData } = cluster
  const info = await until(
    cluster.client,
    configMaps,
    { namespace: 'kube-public', name: 'cluster-info' },
    ({ data }) => data?.[`jws-kubeconfig-${tokenId}`] !== undefined,
  )
  const nobody = createHttpClient({ server, caData })
  const seen = await nobody.get(configMaps, { namespace: 'kube-public', name: 'cluster-info' })
  assert.deepEqual(seen.data, info.data)
  nobody.close()

  const joining = createHttpClient({ server, caData, token: `${tokenId}.${tokenSecret}` })
  const keyPair = generateKeyPair()
  const subject = { commonName: 'system:node:joining', organizations: ['system:nodes'] }
  const request = btoa(createCertificateRequest(keyPair, subject))
  const signerName = 'kubernetes.io/kube-apiserver-client-kubelet'
  await joining.create(certificateSigningRequests, {
    metadata: { name: 'joining' },
    spec: { request, signerName, usages: ['digital signature', 'client auth'], expirationSeconds: 3600 },
  })
  const issued = await until(
    joining,
    certificateSigningRequests,
    { name: 'joining' },
    ({ status }: CertificateSigningRequest) => status?.certificate !== undefined,
  )
  joining.close()
  assert.equal(
    issued.status?.conditions?.[0]?.message,
    'Auto approving kubelet client certificate after SubjectAccessReview.',
  )
  const certificate = atob(issued.status?.certificate ?? '')
  assert.equal(new X509Certificate(certificate).subject, 'O=system:nodes\nCN=system:node:joining')

  const node = createHttpClient({
    server,
    caData,
    certData: certificate,
    keyData: encodePrivateKey(keyPair.privateKey),
  })
  await node.create(certificateSigningRequests, {
    metadata: { name: 'again' },
    spec: { request, signerName, usages: ['digital signature', 'client auth'] },
  })
  const renewed = await until(
    node,
    certificateSigningRequests,
    { name: 'again' },
    ({ status }: CertificateSigningRequest) => status?.certificate !== undefined,
  )
  assert.match(renewed.status?.conditions?.[0]?.message ?? '', /^Auto approving self kubelet/)
  node.close()
})
