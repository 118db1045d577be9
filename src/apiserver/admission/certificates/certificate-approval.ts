import { certificateSigningRequests } from '../../../api/generated/resources.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, oldObjectOf } from '../request-matching.ts'
import { maySign } from './signer-permission.ts'

/** Who approves or denies must be allowed to for this signer. Source: kubernetes/plugin/pkg/admission/certificates/approval. */
export function createCertificateApproval(authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'CertificateApproval',
    handles: (request) => isAbout(request, certificateSigningRequests, ['UPDATE'], 'approval'),
    async validate(request) {
      const { signerName } = oldObjectOf(request, certificateSigningRequests).spec
      if (await maySign(authorizer, request.user, 'approve', signerName)) return
      throw refused(request, `user not permitted to approve requests with signerName "${signerName}"`)
    },
  }
}
