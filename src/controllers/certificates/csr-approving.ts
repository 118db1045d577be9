import type { SubjectAccessReview } from '../../api/generated/authorization.v1.ts'
import type { CertificateSigningRequest } from '../../api/generated/certificates.v1.ts'
import { certificateSigningRequests, subjectAccessReviews } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { parseCertificateRequest, type CertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { approve } from './approve.ts'
import { kubeletClientFault } from './kubelet-requests.ts'
import { isDecided, isIssued, requestPem, signers } from './request-state.ts'

interface Recognizer {
  readonly subresource: string
  recognizes(request: CertificateSigningRequest, content: CertificateRequest): boolean
  readonly message: string
}

/** A node that has a certificate asks for its next one before a joining node asks for its first. */
const recognizers: readonly Recognizer[] = [
  {
    subresource: 'selfnodeclient',
    recognizes: (request, content) =>
      isNodeClient(request, content) && request.spec.username === content.subject.commonName,
    message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
  },
  {
    subresource: 'nodeclient',
    recognizes: isNodeClient,
    message: 'Auto approving kubelet client certificate after SubjectAccessReview.',
  },
]

/**
 * Approves what kubelets ask for as clients, when RBAC lets who asks create
 * certificatesigningrequests/selfnodeclient or /nodeclient.
 * Source: kubernetes/pkg/controller/certificates/approver.
 */
export const csrApprovingReconciler: Reconciler = {
  name: 'csrapproving',
  queueName: 'certificate',
  watches: [on(certificateSigningRequests, (request) => [keyOf(request)])],

  async reconcile(key, { client, cache }) {
    const request = cache(certificateSigningRequests).get(key)
    if (!request || isIssued(request) || isDecided(request)) return done
    const content = parseCertificateRequest(requestPem(request))
    const tried: string[] = []
    for (const { subresource, recognizes, message } of recognizers) {
      if (!recognizes(request, content)) continue
      tried.push(subresource)
      if (await isAllowed(client, request, subresource)) {
        await approve(client, request, message)
        return done
      }
    }
    if (tried.length > 0) {
      // Whoever asks may be allowed to later on.
      throw new Error(`recognized as ${tried.join(', ')}, but its creator may not be approved`)
    }
    return done
  },
}

function isNodeClient({ spec }: CertificateSigningRequest, content: CertificateRequest): boolean {
  return (
    spec.signerName === signers.kubeletClient && kubeletClientFault(content, spec.usages ?? []) === undefined
  )
}

async function isAllowed(
  client: Client,
  { spec }: CertificateSigningRequest,
  subresource: string,
): Promise<boolean> {
  const { username = '', uid, groups, extra } = spec
  const review: SubjectAccessReview = {
    spec: {
      user: username,
      ...(uid && { uid }),
      ...(groups && { groups }),
      ...(extra && { extra }),
      resourceAttributes: {
        group: 'certificates.k8s.io',
        resource: 'certificatesigningrequests',
        verb: 'create',
        subresource,
        version: '*',
      },
    },
  }
  const { status } = await client.create(subjectAccessReviews, review)
  return status?.allowed === true
}
