import {
  decodeConfiguration,
  type ConfigurationKind,
} from '../../../api/configuration/decode-configuration.ts'
import {
  duration,
  file,
  flag,
  listOf,
  optional,
  struct,
  text,
} from '../../../api/configuration/configuration-schema.ts'
import { fieldErrorText } from '../../../machinery/field-error.ts'
import { validateAuthorizationConfiguration } from './validate-authorization-configuration.ts'

/** `apiserver.config.k8s.io`, AuthorizationConfiguration. */
export interface AuthorizationConfiguration {
  /** In the order in which they are asked. */
  readonly authorizers: readonly AuthorizerConfiguration[]
}

export interface AuthorizerConfiguration {
  readonly type: string
  readonly name?: string
  readonly webhook?: WebhookConfiguration
}

/** Durations as Go writes them. */
export interface WebhookConfiguration {
  readonly authorizedTTL?: string
  readonly cacheAuthorizedRequests?: boolean
  readonly unauthorizedTTL?: string
  readonly cacheUnauthorizedRequests?: boolean
  readonly timeout?: string
  readonly subjectAccessReviewVersion?: string
  readonly matchConditionSubjectAccessReviewVersion?: string
  readonly failurePolicy?: string
  readonly connectionInfo?: { readonly type?: string; readonly kubeConfigFile?: string }
  readonly matchConditions?: readonly { readonly expression?: string }[]
}

const schema = file({
  authorizers: listOf(
    struct({
      type: text,
      name: text,
      webhook: struct({
        authorizedTTL: duration,
        cacheAuthorizedRequests: optional(flag),
        unauthorizedTTL: duration,
        cacheUnauthorizedRequests: optional(flag),
        timeout: duration,
        subjectAccessReviewVersion: text,
        matchConditionSubjectAccessReviewVersion: text,
        failurePolicy: text,
        connectionInfo: struct({ type: text, kubeConfigFile: optional(text) }),
        matchConditions: listOf(struct({ expression: text })),
      }),
    }),
  ),
})

const kinds: readonly ConfigurationKind[] = ['v1', 'v1beta1', 'v1alpha1'].map((version) => ({
  group: 'apiserver.config.k8s.io',
  version,
  kind: 'AuthorizationConfiguration',
  schema,
}))

/** Reads a file's content. Throws an Error that names every mistake, in upstream's words. */
export function readAuthorizationConfiguration(content: string): AuthorizationConfiguration {
  const given = decodeConfiguration(content, kinds) as Partial<AuthorizationConfiguration>
  const configuration = { authorizers: (given.authorizers ?? []).map(withDefaults) }
  const errors = validateAuthorizationConfiguration(configuration)
  if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join('\n'))
  const misnamed = configuration.authorizers.filter(
    ({ type, name }) => type !== 'Webhook' && name !== type.toLowerCase(),
  )
  if (misnamed.length > 0) throw new Error(misnamed.map(nameFault).join('\n'))
  return configuration
}

/** Only webhooks have names of their own. */
function nameFault({ type, name = '' }: AuthorizerConfiguration): string {
  return `expected name ${type.toLowerCase()} for authorizer ${type} instead of ${name}`
}

function withDefaults(authorizer: AuthorizerConfiguration): AuthorizerConfiguration {
  const { webhook } = authorizer
  if (!webhook) return authorizer
  const { authorizedTTL = '5m0s', unauthorizedTTL = '30s' } = webhook
  return { ...authorizer, webhook: { ...webhook, authorizedTTL, unauthorizedTTL } }
}
