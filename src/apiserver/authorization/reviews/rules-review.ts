import type { SelfSubjectRulesReview } from '../../../api/generated/authorization.v1.ts'
import { badRequest } from '../../../machinery/status-errors.ts'
import type { User } from '../../authentication/authenticator.ts'
import { aggregateMessages, resolveRules, type RuleResolver } from '../rule-resolver.ts'

/**
 * Answers `create` on selfsubjectrulesreviews: what `kubectl auth can-i --list` shows.
 * Source: kubernetes/pkg/registry/authorization/selfsubjectrulesreview.
 */
export function reviewOwnRules(
  review: SelfSubjectRulesReview,
  user: User,
  resolvers: readonly RuleResolver[],
): SelfSubjectRulesReview {
  const { namespace = '' } = review.spec
  if (namespace === '') throw badRequest('no namespace on request')
  const { rules, incomplete, errors } = resolveRules(resolvers, user, namespace)
  return {
    ...review,
    status: {
      resourceRules: rules
        .filter(({ resources = [] }) => resources.length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({
          verbs,
          ...(apiGroups && { apiGroups }),
          ...(resources && { resources }),
          ...(resourceNames && { resourceNames }),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
        .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
      incomplete,
      ...(errors.length > 0 && { evaluationError: aggregateMessages(errors) }),
    },
  }
}
