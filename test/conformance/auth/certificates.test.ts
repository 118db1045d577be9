import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { CertificateSigningRequest } from '../../../src/api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../../src/api/generated/resources.ts'
import { aCertificateRequest } from '../harness/certificate-request.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

describe('certificate signing requests', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are approved, and given a certificate by whoever signs, each by its own subresource', async () => {
    const { client, api, cluster: whole, namespace: name } = await cluster.scope()
    const request = await aCertificateRequest(name)
    const spec = { request, signerName: 'example.com/none', usages: ['digital signature'] as const }
    const made = await client.create(certificateSigningRequests, { metadata: { name }, spec })
    assert.equal(made.spec.username, 'kubernetes-admin')
    const condition = { type: 'Approved', status: 'True', reason: 'Test', message: 'Set by a test' } as const
    const approved = await client.updateSubresource<CertificateSigningRequest>(
      certificateSigningRequests,
      { name },
      'approval',
      { ...made, status: { conditions: [condition] } } as CertificateSigningRequest,
    )
    assert.equal(approved.status?.conditions?.[0]?.type, 'Approved')

    const certificate = btoa(whole.certificateAuthority)
    const root = `/apis/certificates.k8s.io/v1/certificatesigningrequests/${name}`
    assert.equal((await api('GET', `${root}/approval`)).json.status.conditions.length, 1)
    const patch = { type: 'merge', body: { status: { certificate: certificate } } } as const
    const signed = await client.patch(certificateSigningRequests, { name }, patch, { subresource: 'status' })
    assert.equal(signed.status?.certificate, certificate)
    assert.equal(signed.status?.conditions?.length, 1)
  })
})
