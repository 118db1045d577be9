import type { TokenRequest } from '../../../api/generated/authentication.v1.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { findPod } from './pod-checks.ts'
import { podNamesAudience } from './token-audience.ts'

/** A kubelet asks for tokens for its pods only, bound to them, and for audiences that they name. */
export async function checkTokenRequest(
  objects: Objects,
  authorizer: Authorizer,
  nodeName: string,
  request: AdmissionRequest,
): Promise<void> {
  if (request.operation !== 'CREATE' || request.subresource !== 'token') return
  const { spec } = request.object as TokenRequest
  const reference = spec?.boundObjectRef
  if (reference?.apiVersion !== 'v1' || reference.kind !== 'Pod' || !reference.name) {
    throw refused(request, 'node requested token not bound to a pod')
  }
  if (!reference.uid) throw refused(request, 'node requested token with a pod binding without a uid')
  const pod = findPod(objects, request.namespace, reference.name)
  if (reference.uid !== pod.metadata?.uid) {
    throw refused(
      request,
      `the UID in the bound object reference (${reference.uid}) does not match the UID in record. ` +
        'The object might have been deleted and then recreated',
    )
  }
  if (pod.spec?.nodeName !== nodeName) {
    throw refused(request, 'node requested token bound to a pod scheduled on a different node')
  }
  const audiences = spec?.audiences ?? []
  if (audiences.length > 1) throw refused(request, 'node may only request 0 or 1 audiences')
  const [audience = ''] = audiences
  if (podNamesAudience(objects, pod, audience)) return
  if (await mayRequestAudience(authorizer, request, audience)) return
  throw refused(
    request,
    `audience "${audience}" not found in pod spec volume, ` +
      `${request.user.name} is not authorized to request tokens for this audience`,
  )
}

async function mayRequestAudience(
  authorizer: Authorizer,
  { user, namespace, name }: AdmissionRequest,
  audience: string,
): Promise<boolean> {
  const decision = await authorizer.authorize({
    user,
    verb: 'request-serviceaccounts-token-audience',
    isResourceRequest: true,
    group: '',
    version: 'v1',
    resource: audience,
    subresource: '',
    namespace,
    name,
    path: '',
  })
  return decision.type === 'allow'
}
