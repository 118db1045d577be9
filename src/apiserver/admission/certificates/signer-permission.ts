import type { User } from '../../authentication/authenticator.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'

/**
 * Whether a user may approve, sign or attest for a signer: by its name, or by its domain's `*`.
 * Source: kubernetes/pkg/apis/certificates/authorization (signerNames).
 */
export async function maySign(
  authorizer: Authorizer,
  user: User,
  verb: 'approve' | 'attest' | 'sign',
  signerName: string,
): Promise<boolean> {
  const [domain = ''] = signerName.split('/')
  for (const name of [signerName, `${domain}/*`]) {
    const decision = await authorizer.authorize({
      user,
      verb,
      isResourceRequest: true,
      group: 'certificates.k8s.io',
      version: '*',
      resource: 'signers',
      subresource: '',
      namespace: '',
      name,
      path: '',
    })
    if (decision.type === 'allow') return true
  }
  return false
}
