import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReview,
  SelfSubjectAccessReviewSpec,
  SubjectAccessReview,
  SubjectAccessReviewStatus,
} from '../../../api/generated/authorization.v1.ts'
import type { FieldError } from '../../../machinery/field-error.ts'
import { escapeFieldValue } from '../../../machinery/field-selector.ts'
import { formatLabelSelector, fromLabelSelector } from '../../../machinery/label-selector.ts'
import { badRequest, invalid } from '../../../machinery/status-errors.ts'
import type { User } from '../../authentication/authenticator.ts'
import type { Attributes, Authorizer } from '../authorizer.ts'
import {
  readableFieldSelector,
  readableLabelSelector,
  validateAttributes,
  validateLocal,
  validateMetadata,
  validateSpec,
} from './validate-access-review.ts'

/*
 * What the virtual resources of authorization.k8s.io answer. Throw Invalid for a review that makes no sense.
 * Source: kubernetes/pkg/registry/authorization.
 */

/** Answers `create` on subjectaccessreviews. */
export async function reviewSubjectAccess(
  review: SubjectAccessReview,
  authorizer: Authorizer,
): Promise<SubjectAccessReview> {
  refuse('SubjectAccessReview', [...validateSpec(review.spec), ...validateMetadata(review.metadata)])
  return { ...review, status: await decide(authorizer, attributesOf(review.spec, subjectOf(review.spec))) }
}

/** Answers `create` on localsubjectaccessreviews in `namespace`. */
export async function reviewLocalSubjectAccess(
  review: LocalSubjectAccessReview,
  namespace: string,
  authorizer: Authorizer,
): Promise<LocalSubjectAccessReview> {
  const local = {
    ...review,
    metadata: { ...review.metadata, namespace: review.metadata?.namespace ?? namespace },
  }
  refuse('LocalSubjectAccessReview', [
    ...validateSpec(local.spec),
    ...validateMetadata(local.metadata, true),
    ...validateLocal(local),
  ])
  if (namespace !== '' && local.spec.resourceAttributes?.namespace !== namespace) {
    throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`)
  }
  return { ...local, status: await decide(authorizer, attributesOf(local.spec, subjectOf(local.spec))) }
}

/** Answers `create` on selfsubjectaccessreviews: what `kubectl auth can-i` asks. */
export async function reviewOwnAccess(
  review: SelfSubjectAccessReview,
  user: User,
  authorizer: Authorizer,
): Promise<SelfSubjectAccessReview> {
  refuse('SelfSubjectAccessReview', [
    ...validateAttributes(review.spec),
    ...validateMetadata(review.metadata),
  ])
  return { ...review, status: await decide(authorizer, attributesOf(review.spec, user)) }
}

function refuse(kind: string, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid({ group: 'authorization.k8s.io', kind }, '', errors)
}

async function decide(authorizer: Authorizer, attributes: Attributes): Promise<SubjectAccessReviewStatus> {
  const decision = await authorizer.authorize(attributes)
  const { type, reason } = decision
  return {
    allowed: type === 'allow',
    ...(type === 'deny' && { denied: true }),
    ...(reason !== '' && { reason }),
    ...(type !== 'allow' && decision.error && { evaluationError: decision.error.message }),
  }
}

function subjectOf({ user, groups, uid, extra }: SubjectAccessReview['spec']): User {
  return { name: user ?? '', groups: groups ?? [], ...(uid && { uid }), ...(extra && { extra }) }
}

const nothing = {
  isResourceRequest: false,
  group: '',
  version: '',
  resource: '',
  subresource: '',
  namespace: '',
  name: '',
  path: '',
}

function attributesOf(
  { resourceAttributes, nonResourceAttributes }: SelfSubjectAccessReviewSpec,
  user: User,
): Attributes {
  if (!resourceAttributes) {
    const { path = '', verb = '' } = nonResourceAttributes ?? {}
    return { ...nothing, user, verb, path }
  }
  const { namespace, verb, group, version, resource, subresource, name } = resourceAttributes
  const fieldSelector = fieldSelectorOf(resourceAttributes)
  const labelSelector = labelSelectorOf(resourceAttributes)
  return {
    user,
    isResourceRequest: true,
    verb: verb ?? '',
    group: group ?? '',
    version: version ?? '',
    resource: resource ?? '',
    subresource: subresource ?? '',
    namespace: namespace ?? '',
    name: name ?? '',
    path: '',
    ...(fieldSelector && { fieldSelector }),
    ...(labelSelector && { labelSelector }),
  }
}

/** Requirements that a field selector cannot say are left out: they would only narrow what is asked for. */
function fieldSelectorOf({ fieldSelector }: ResourceAttributes): string | undefined {
  if (fieldSelector?.rawSelector) return readableFieldSelector(fieldSelector.rawSelector)
  const parts = (fieldSelector?.requirements ?? []).flatMap(({ key, operator, values = [] }) => {
    const sign = operator === 'In' ? '=' : operator === 'NotIn' ? '!=' : undefined
    return sign && values.length === 1 ? [`${key}${sign}${escapeFieldValue(values[0]!)}`] : []
  })
  return parts.join(',') || undefined
}

function labelSelectorOf({ labelSelector }: ResourceAttributes): string | undefined {
  if (labelSelector?.rawSelector) return readableLabelSelector(labelSelector.rawSelector)
  const requirements = labelSelector?.requirements ?? []
  if (requirements.length === 0) return undefined
  return formatLabelSelector(fromLabelSelector({ matchExpressions: requirements }))
}
