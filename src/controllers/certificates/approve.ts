import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'

/** Says of a request that it is approved, and why. */
export async function approve(
  client: Client,
  request: CertificateSigningRequest,
  message: string,
): Promise<void> {
  const approval = { type: 'Approved', status: 'True', reason: 'AutoApproved', message }
  const conditions = [...(request.status?.conditions ?? []), approval]
  await client.updateSubresource(
    certificateSigningRequests,
    { name: request.metadata?.name ?? '' },
    'approval',
    { ...request, status: { ...request.status, conditions } } as CertificateSigningRequest,
  )
}
