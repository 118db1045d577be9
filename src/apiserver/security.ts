import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
  tokenReviews,
} from '../api/generated/resources.ts'
import type { Clock } from '../machinery/clock.ts'
import type { FeatureGates } from '../machinery/feature-gates.ts'
import type { Random } from '../machinery/random.ts'
import { createNodeVolumesCheck } from './admission/node-restriction/node-volumes.ts'
import { createAdmissionPlugins, type AdmissionChoice, type AdmissionExtensions } from './admission/order.ts'
import { createParamAccessCheck } from './admission/policy/param-access.ts'
import { createMutatingPolicies, createValidatingPolicies } from './admission/policy/policy-plugins.ts'
import { WebhookMetrics } from './admission/webhook/webhook-metrics.ts'
import { createMutatingWebhooks, createValidatingWebhooks } from './admission/webhook/webhook-plugins.ts'
import type { Security, SecurityParts } from './api-server.ts'
import {
  createAuthentication,
  type Authentication,
  type AuthenticationConfiguration,
} from './authentication/create-authentication.ts'
import { reviewSelf } from './authentication/reviews.ts'
import type { Authorizer } from './authorization/authorizer.ts'
import {
  createAuthorization,
  type Authorization,
  type AuthorizationOptions,
} from './authorization/create-authorization.ts'
import {
  reviewLocalSubjectAccess,
  reviewOwnAccess,
  reviewSubjectAccess,
} from './authorization/reviews/access-reviews.ts'
import { reviewOwnRules } from './authorization/reviews/rules-review.ts'
import type { Objects } from './objects.ts'
import { responder, type Responder } from './registry/responder.ts'
import type { ServedName } from './registry/served-resource.ts'

export interface SecurityConfiguration extends Omit<AuthenticationConfiguration, 'objects' | 'clock'> {
  readonly clock: Clock
  readonly random: Random
  readonly alwaysAllowPaths?: readonly string[]
  readonly authorizers?: AuthorizationOptions['authorizers']
  readonly admission?: AdmissionChoice
  readonly featureGates?: FeatureGates
  readonly admissionExtensions?: AdmissionExtensions
  readonly parts: SecurityParts
}

/** Authentication, authorisation and admission as a cluster usually has them, with the reviews that ask them. */
export function createSecurity(objects: Objects, configuration: SecurityConfiguration): Security {
  const { clock, random, alwaysAllowPaths, authorizers, featureGates } = configuration
  const authentication = createAuthentication({
    ...configuration,
    objects,
    metrics: configuration.parts.metrics,
  })
  const authorization = createAuthorization(objects, {
    metrics: configuration.parts.metrics,
    ...(alwaysAllowPaths && { alwaysAllowPaths }),
    ...(authorizers && { authorizers }),
    ...(featureGates && { featureGates }),
  })
  const { authorizer, escalationCheck } = authorization
  const servedKind = (kind: ServedName) => configuration.parts.servedKind(kind)
  const plugins = createAdmissionPlugins(
    {
      objects,
      authorizer,
      clock,
      random,
      servedKind,
      metrics: configuration.parts.metrics,
    },
    { ...extensionPlugins(objects, authorizer, configuration), ...configuration.admissionExtensions },
    configuration.admission,
  )
  return {
    authenticator: authentication,
    authorizer,
    admission: [
      createParamAccessCheck({ objects, authorizer, servedKind }),
      ...plugins,
      createNodeVolumesCheck(objects),
      escalationCheck,
    ],
    responders: reviews(authentication, authorization, clock),
    createToken: (...request) => authentication.createToken(...request),
    documents: authentication.discoveryDocuments,
    close: () => authorization.close(),
  }
}

/** What clusters add to admission: policies and webhooks. */
function extensionPlugins(
  objects: Objects,
  authorizer: Authorizer,
  { clock, parts, admission }: SecurityConfiguration,
): AdmissionExtensions {
  const { webhooks: client, metrics, log } = parts
  const context = { objects, authorizer, client, metrics: new WebhookMetrics(metrics), clock, log }
  const as = (plugin: string) => ({ ...context, identityFor: admission?.webhookIdentities?.[plugin] })
  const policies = {
    objects,
    authorizer,
    metrics,
    clock,
    log,
    servedKind: (name: ServedName) => parts.servedKind(name),
  }
  return {
    mutatingPolicies: createMutatingPolicies(policies),
    validatingPolicies: createValidatingPolicies(policies),
    mutatingWebhooks: createMutatingWebhooks(as('MutatingAdmissionWebhook')),
    validatingWebhooks: createValidatingWebhooks(as('ValidatingAdmissionWebhook')),
  }
}

function reviews(
  authentication: Authentication,
  authorization: Authorization,
  clock: Clock,
): readonly Responder[] {
  const { authorizer } = authorization
  return [
    responder(tokenReviews, (review) => authentication.reviewToken(review)),
    responder(selfSubjectReviews, (review, { user }) =>
      Promise.resolve(reviewSelf(review, user, clock.now())),
    ),
    responder(subjectAccessReviews, (review) => reviewSubjectAccess(review, authorizer)),
    responder(localSubjectAccessReviews, (review, { namespace }) => {
      return reviewLocalSubjectAccess(review, namespace, authorizer)
    }),
    responder(selfSubjectAccessReviews, (review, { user }) => reviewOwnAccess(review, user, authorizer)),
    responder(selfSubjectRulesReviews, (review, { user }) =>
      Promise.resolve(reviewOwnRules(review, user, authorization.resolvers)),
    ),
  ]
}
