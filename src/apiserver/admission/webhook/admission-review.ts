import { randomUUID } from 'node:crypto'
import type {
  AdmissionRequest as ReviewRequest,
  AdmissionResponse,
  AdmissionReview,
} from '../../../api/generated/admission.v1.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import { StatusError } from '../../../machinery/status.ts'
import { requestedVersion, shownIn, type RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'

const knownVersions: ReadonlySet<string> = new Set(['v1', 'v1beta1'])

/** The first version of AdmissionReview that a webhook accepts and that is known here. */
export function reviewVersionOf(accepted: readonly string[]): string | undefined {
  return accepted.find((version) => knownVersions.has(version))
}

/** The question for a webhook: the request, shown in the version that the webhook is for. */
export function admissionReview(
  request: AdmissionRequest,
  version: RequestVersion,
  reviewVersion: string,
): AdmissionReview & { readonly request: ReviewRequest & { readonly uid: string } } {
  const requested = requestedVersion(request)
  const { group, version: apiVersion, resource } = version.resource
  return {
    kind: 'AdmissionReview',
    apiVersion: `admission.k8s.io/${reviewVersion}`,
    request: {
      uid: randomUUID(),
      kind: version.kind,
      resource: { group, version: apiVersion, resource },
      ...(request.subresource !== '' && { subResource: request.subresource }),
      requestKind: requested.kind,
      requestResource: {
        group: requested.resource.group,
        version: requested.resource.version,
        resource: requested.resource.resource,
      },
      ...(request.subresource !== '' && { requestSubResource: request.subresource }),
      ...(request.name !== '' && { name: request.name }),
      ...(request.namespace !== '' && { namespace: request.namespace }),
      operation: request.operation,
      userInfo: userInfo(request.user),
      object: (shownIn(version, request, 'object') ?? null) as JsonValue,
      oldObject: (shownIn(version, request, 'oldObject') ?? null) as JsonValue,
      dryRun: request.dryRun,
      options: (request.operation === 'CONNECT' ? null : request.options) as JsonValue,
    },
  }
}

function userInfo({ name, uid, groups, extra }: AdmissionRequest['user']) {
  return {
    username: name,
    ...(uid && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(extra && Object.keys(extra).length > 0 && { extra }),
  }
}

/** What a webhook answered, checked. */
export interface Verdict extends Pick<AdmissionResponse, 'status' | 'auditAnnotations' | 'warnings'> {
  readonly allowed: boolean
  /** JSON of a patch; `''` when there is none. */
  readonly patch: string
  readonly patchType: string
}

/** Throws an Error, with upstream's text, for what is no answer to the question. */
export function readVerdict(
  answer: JsonValue,
  question: { readonly uid: string; readonly reviewVersion: string; readonly isMutating: boolean },
): Verdict {
  const { apiVersion = '', kind = '', response } = answer as AdmissionReview
  if (!response) throw new Error('webhook response was absent')
  const { allowed = false, status, auditAnnotations, warnings } = response
  const verdict = {
    allowed,
    ...(status && { status }),
    ...(auditAnnotations && { auditAnnotations }),
    ...(warnings && { warnings }),
  }
  const patch = Buffer.from(response.patch ?? '', 'base64').toString()
  if (question.reviewVersion === 'v1beta1') {
    return { ...verdict, patch: question.isMutating ? patch : '', patchType: patch === '' ? '' : 'JSONPatch' }
  }
  if (response.uid !== question.uid) {
    throw new Error(`expected response.uid=${goQuote(question.uid)}, got ${goQuote(response.uid ?? '')}`)
  }
  if (apiVersion !== 'admission.k8s.io/v1' || kind !== 'AdmissionReview') {
    const expected = 'admission.k8s.io/v1, Kind=AdmissionReview'
    throw new Error(`expected webhook response of ${expected}, got ${apiVersion}, Kind=${kind}`)
  }
  checkPatch(patch, response.patchType, question.isMutating)
  return { ...verdict, patch, patchType: response.patchType ?? '' }
}

function checkPatch(patch: string, patchType: string | undefined, isMutating: boolean): void {
  if (!isMutating) {
    if (patch !== '') throw new Error('validating webhook may not return response.patch')
    if (patchType !== undefined) throw new Error('validating webhook may not return response.patchType')
    return
  }
  if (patch !== '' && patchType === undefined) {
    throw new Error('webhook returned response.patch but not response.patchType')
  }
  if (patch === '' && patchType !== undefined) {
    throw new Error('webhook returned response.patchType but not response.patch')
  }
  if (patchType === '') throw new Error('webhook returned invalid response.patchType of ""')
}

/** The refusal of a webhook, with the code and the reason that it gave. */
export function refusal(name: string, { status }: Verdict): StatusError {
  const denied = `admission webhook ${goQuote(name)} denied the request`
  const { code = 0, reason = '', message = '', details } = status ?? {}
  const text = message || reason
  return new StatusError(
    Math.max(code, 400),
    reason,
    text === '' ? `${denied} without explanation` : `${denied}: ${text}`,
    details,
  )
}
