import type { AdmissionReview } from '../../../api/generated/admission.v1.ts'
import type { Namespace } from '../../../api/generated/core.v1.ts'
import type {
  CelAuthorizationAttributes,
  CelAuthorizer,
  CelDecision,
} from '../../../machinery/cel/authorizer.ts'
import { requestResourceCheck } from '../../../machinery/cel/authorizer-declarations.ts'
import type { CelVariables } from '../../../machinery/cel/cel.ts'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { Attributes, Authorizer, Decision } from '../../authorization/authorizer.ts'
import { admissionReview } from '../webhook/admission-review.ts'
import { shownIn, type RequestVersion } from '../matching/versions.ts'
import type { AdmissionRequest } from '../plugin.ts'

/** What expressions are evaluated over. */
export interface ExpressionInput {
  readonly request: AdmissionRequest
  /** The version in which objects are shown. */
  readonly version: RequestVersion
  readonly authorizer: Authorizer
  readonly params?: KubernetesObject | null
  readonly namespaceObject?: Namespace | null
}

/** The values of the variables of expressions. Source: k8s.io/apiserver/pkg/admission/plugin/cel/condition.go. */
export function admissionVariables(input: ExpressionInput): CelVariables {
  const { request, version, params = null, namespaceObject = null } = input
  const { request: review } = admissionReview(request, version, 'v1')
  const { object: _object, oldObject: _oldObject, uid: _uid, ...rest } = review
  const authorizer = boundAuthorizer(input.authorizer, request.user)
  const { group, resource } = rest.requestResource ?? {}
  return {
    object: shownIn(version, request, 'object') ?? null,
    oldObject: shownIn(version, request, 'oldObject') ?? null,
    request: rest,
    namespaceObject,
    params,
    authorizer,
    'authorizer.requestResource': requestResourceCheck(authorizer, {
      group: group ?? '',
      resource: resource ?? '',
      subresource: request.subresource,
      namespace: request.namespace,
      name: request.name,
    }),
  }
}

/**
 * The values of the variables of match conditions: these know no namespace, and `request.resource` is what was asked for
 * whatever version matched.
 */
export function conditionVariables(input: ExpressionInput): CelVariables {
  const { request, ...variables } = admissionVariables({ ...input, namespaceObject: null })
  const shown = request as AdmissionReview['request']
  return { ...variables, request: { ...shown, resource: shown?.requestResource } }
}

/** The cluster's authoriser, for the user of a request. */
function boundAuthorizer(authorizer: Authorizer, user: User): CelAuthorizer {
  return {
    // Rules answer at once, and an answer that is there can be used at once.
    authorize(attributes): CelDecision | Promise<CelDecision> {
      try {
        const decision = authorizer.authorize(attributesOf(attributes, user))
        return decision instanceof Promise ? decision.then(decisionOf, failedDecision) : decisionOf(decision)
      } catch (error) {
        return failedDecision(error)
      }
    },
  }
}

function decisionOf(decision: Decision): CelDecision {
  const { type, reason } = decision
  if (type === 'allow') return { allowed: true, reason }
  return { allowed: false, reason, ...(decision.error && { error: decision.error.message }) }
}

function failedDecision(error: unknown): CelDecision {
  return { allowed: false, reason: '', error: error instanceof Error ? error.message : String(error) }
}

function attributesOf(attributes: CelAuthorizationAttributes, requestor: User): Attributes {
  const { verb, serviceAccount } = attributes
  const user = serviceAccount ? accountUser(serviceAccount) : requestor
  if (!attributes.isResourceRequest) {
    const { path } = attributes
    const none = { group: '', version: '', resource: '', subresource: '', namespace: '', name: '' }
    return { ...none, user, verb, isResourceRequest: false, path }
  }
  const { serviceAccount: _account, ...resource } = attributes
  return { ...resource, user, path: '' }
}

/** As upstream makes it: an account that nobody has authenticated is not in `system:authenticated`. */
function accountUser({ namespace, name }: { readonly namespace: string; readonly name: string }): User {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  }
}
