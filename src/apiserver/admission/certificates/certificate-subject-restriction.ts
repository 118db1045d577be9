import { certificateSigningRequests } from '../../../api/generated/resources.ts'
import { parseCertificateRequest } from '../../../machinery/pki/certificate-request.ts'
import { mastersGroup } from '../../authentication/known-users.ts'
import type { AdmissionPlugin } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { isAbout, objectOf } from '../request-matching.ts'

const clientSigner = 'kubernetes.io/kube-apiserver-client'

/** Nobody becomes a master by a signed request. Source: kubernetes/plugin/pkg/admission/certificates/subjectrestriction. */
export const certificateSubjectRestriction: AdmissionPlugin = {
  name: 'CertificateSubjectRestriction',
  handles: (request) => isAbout(request, certificateSigningRequests, ['CREATE']),
  validate(request) {
    const { spec } = objectOf(request, certificateSigningRequests)
    if (spec.signerName !== clientSigner) return
    if (organizationsIn(spec.request).includes(mastersGroup)) {
      throw refused(request, `use of ${clientSigner} signer with ${mastersGroup} group is not allowed`)
    }

    function organizationsIn(base64: string): readonly string[] {
      try {
        return parseCertificateRequest(Buffer.from(base64, 'base64').toString()).subject.organizations
      } catch (error) {
        throw refused(
          request,
          `failed to parse CSR: ${error instanceof Error ? error.message : String(error)}`,
        )
      }
    }
  },
}
