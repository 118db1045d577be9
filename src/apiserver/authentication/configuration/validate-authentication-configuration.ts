import { invalid, path, tooMany, type FieldError, type FieldPath } from '../../../machinery/field-error.ts'
import type { JwtConfiguration, StructuredAuthentication } from './authentication-configuration.ts'
import { issuerErrors } from './validate-issuer.ts'
import { mappingErrors, repeated, ruleErrors, userRuleErrors } from './validate-claims.ts'

const maxAuthenticators = 64

/** Every mistake, as upstream words it. Source: k8s.io/apiserver/pkg/apis/apiserver/validation. */
export function validateAuthenticationConfiguration(
  { jwt, anonymous }: StructuredAuthentication,
  ownIssuers: readonly string[],
): FieldError[] {
  const at = path('jwt')
  if (jwt.length > maxAuthenticators) return [tooMany(at, jwt.length, maxAuthenticators)]
  const seen = { urls: new Set<string>(), discoveryUrls: new Set<string>() }
  const errors = jwt.flatMap((authenticator, index) => {
    const { url = '', discoveryURL = '' } = authenticator.issuer
    const issuerAt = at.index(index).child('issuer')
    return [
      ...authenticatorErrors(authenticator, ownIssuers, at.index(index)),
      ...repeated(seen.urls, url, issuerAt.child('url')),
      ...(discoveryURL === ''
        ? []
        : repeated(seen.discoveryUrls, discoveryURL, issuerAt.child('discoveryURL'))),
    ]
  })
  const { enabled = false, conditions = [] } = anonymous ?? {}
  if (!enabled && conditions.length > 0) {
    const detail = 'enabled should be set to true when conditions are defined'
    const shown = conditions.map((condition) => ({ Path: condition.path }))
    errors.push(invalid(path('anonymous', 'conditions'), shown, detail))
  }
  return errors
}

function authenticatorErrors(
  { issuer, claimValidationRules = [], claimMappings, userValidationRules = [] }: JwtConfiguration,
  ownIssuers: readonly string[],
  at: FieldPath,
): FieldError[] {
  return [
    ...issuerErrors(issuer, ownIssuers, at.child('issuer')),
    ...ruleErrors(claimValidationRules, at.child('claimValidationRules')),
    ...mappingErrors(claimMappings, claimValidationRules, at.child('claimMappings')),
    ...userRuleErrors(userValidationRules, at.child('userValidationRules')),
  ]
}
