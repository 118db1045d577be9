import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import type { CertificateAuthority } from '../../machinery/pki/certificate.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { hasCondition, isApproved, isIssued } from './request-state.ts'
import { isBuiltInSigner, signRequest, type Signing } from './sign-request.ts'

/**
 * Signs approved requests to the built-in signers, for `longestMs` at most (default a year); what a signer refuses gets the
 * condition Failed.
 */
export function csrSigningReconciler(authority: CertificateAuthority, longestMs?: number): Reconciler {
  return {
    name: 'csrsigning',
    watches: [on(certificateSigningRequests, (request) => [keyOf(request)])],

    async reconcile(key, { client, cache, clock }) {
      const request = cache(certificateSigningRequests).get(key)
      if (!request || isIssued(request)) return done
      if (!isApproved(request) || hasCondition(request, 'Failed')) return done
      if (!isBuiltInSigner(request.spec.signerName)) return done
      const now = clock.now()
      const status = statusOf(request, signRequest(request, authority, now, longestMs), formatTime(now))
      await client.update(certificateSigningRequests, { ...request, status }, { subresource: 'status' })
      return done
    },
  }
}

type Status = NonNullable<CertificateSigningRequest['status']>

function statusOf({ status }: CertificateSigningRequest, signing: Signing, now: string): Status {
  switch (signing.type) {
    case 'signed':
      return { ...status, certificate: Buffer.from(signing.certificatePem).toString('base64') }
    case 'refused': {
      const failed = {
        type: 'Failed',
        status: 'True',
        reason: 'SignerValidationFailure',
        message: signing.message,
        lastUpdateTime: now,
      }
      return { ...status, conditions: [...(status?.conditions ?? []), failed] }
    }
  }
}
