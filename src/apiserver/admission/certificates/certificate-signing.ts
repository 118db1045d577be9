import { certificateSigningRequests } from '../../../api/generated/resources.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf, oldObjectOf } from '../request-matching.ts'
import { maySign } from './signer-permission.ts'

/** Who writes the certificate, or that there will be none, must be allowed to for this signer. Source: kubernetes/plugin/pkg/admission/certificates/signing. */
export function createCertificateSigning(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateSigning',
    handles: (request) => isAbout(request, certificateSigningRequests, ['UPDATE'], 'status'),
    async validate(request) {
      const previous = oldObjectOf(request, certificateSigningRequests)
      const { status } = objectOf(request, certificateSigningRequests)
      if (
        (status?.certificate ?? '') === (previous.status?.certificate ?? '') &&
        jsonEqual(status?.conditions ?? [], previous.status?.conditions ?? [])
      ) {
        return
      }
      const { signerName } = previous.spec
      if (await maySign(authorizer, request.user, 'sign', signerName)) return
      throw refused(request, `user not permitted to sign requests with signerName "${signerName}"`)
    },
  }
}
