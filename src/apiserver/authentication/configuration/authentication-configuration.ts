import {
  decodeConfiguration,
  type ConfigurationKind,
} from '../../../api/configuration/decode-configuration.ts'
import {
  file,
  flag,
  listOf,
  optional,
  struct,
  text,
} from '../../../api/configuration/configuration-schema.ts'
import { fieldErrorText } from '../../../machinery/field-error.ts'
import type { AnonymousConfiguration } from '../anonymous.ts'
import { validateAuthenticationConfiguration } from './validate-authentication-configuration.ts'

/** `apiserver.config.k8s.io`, AuthenticationConfiguration: who is known by tokens of others, and who need not be known. */
export interface StructuredAuthentication {
  readonly jwt: readonly JwtConfiguration[]
  readonly anonymous?: AnonymousConfiguration
}

export interface JwtConfiguration {
  readonly issuer: IssuerConfiguration
  readonly claimValidationRules?: readonly ClaimRule[]
  readonly claimMappings: ClaimMappings
  readonly userValidationRules?: readonly { readonly expression?: string; readonly message?: string }[]
}

export interface IssuerConfiguration {
  readonly url?: string
  readonly discoveryURL?: string
  /** PEM. */
  readonly certificateAuthority?: string
  readonly audiences?: readonly string[]
  readonly audienceMatchPolicy?: string
  readonly egressSelectorType?: string
}

/** Either a claim and its value, or an expression and what it says when it is false. */
export interface ClaimRule {
  readonly claim?: string
  readonly requiredValue?: string
  readonly expression?: string
  readonly message?: string
}

export interface ClaimMappings {
  readonly username?: PrefixedMapping
  readonly groups?: PrefixedMapping
  readonly uid?: Mapping
  readonly extra?: readonly { readonly key?: string; readonly valueExpression?: string }[]
}

/** Either a claim or an expression. */
export interface Mapping {
  readonly claim?: string
  readonly expression?: string
}

export interface PrefixedMapping extends Mapping {
  readonly prefix?: string
}

const prefixed = struct({ claim: text, prefix: optional(text), expression: text })
const schema = file({
  jwt: listOf(
    struct({
      issuer: struct({
        url: text,
        discoveryURL: optional(text),
        certificateAuthority: text,
        audiences: listOf(text),
        audienceMatchPolicy: text,
        egressSelectorType: text,
      }),
      claimValidationRules: listOf(
        struct({ claim: text, requiredValue: text, expression: text, message: text }),
      ),
      claimMappings: struct({
        username: prefixed,
        groups: prefixed,
        uid: struct({ claim: text, expression: text }),
        extra: listOf(struct({ key: text, valueExpression: text })),
      }),
      userValidationRules: listOf(struct({ expression: text, message: text })),
    }),
  ),
  anonymous: struct({ enabled: flag, conditions: listOf(struct({ path: text })) }),
})

const kinds: readonly ConfigurationKind[] = ['v1', 'v1beta1', 'v1alpha1'].map((version) => ({
  group: 'apiserver.config.k8s.io',
  version,
  kind: 'AuthenticationConfiguration',
  schema,
}))

/**
 * Reads a file's content. Throws an Error that names every mistake, in upstream's words. `ownIssuers` are the service
 * accounts', whose tokens nobody else may vouch for.
 */
export function readAuthenticationConfiguration(
  content: string,
  ownIssuers: readonly string[],
): StructuredAuthentication {
  const given = decodeConfiguration(content, kinds) as Partial<StructuredAuthentication>
  const { jwt = [], anonymous } = given
  const configuration: StructuredAuthentication = {
    jwt: jwt.map((one) => ({ ...one, issuer: one.issuer ?? {}, claimMappings: one.claimMappings ?? {} })),
    ...(anonymous && { anonymous: { ...anonymous, enabled: anonymous.enabled ?? false } }),
  }
  const errors = validateAuthenticationConfiguration(configuration, ownIssuers)
  if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join('\n'))
  return configuration
}
