import {
  duplicate,
  invalid,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import { compileExpression, type ExpressionScope } from '../oidc/claim-expressions.ts'
import type {
  ClaimMappings,
  ClaimRule,
  JwtConfiguration,
  Mapping,
  PrefixedMapping,
} from './authentication-configuration.ts'

export function ruleErrors(rules: readonly ClaimRule[], at: FieldPath): FieldError[] {
  const seen = { claim: new Set<string>(), expression: new Set<string>() }
  return rules.flatMap((rule, index) => {
    const field = at.index(index)
    const { claim = '', expression = '', message = '', requiredValue = '' } = rule
    if (claim !== '' && expression !== '') {
      return [invalid(field, claim, "claim and expression can't both be set")]
    }
    if (claim === '' && expression === '') return [required(field, 'claim or expression is required')]
    if (claim !== '') {
      const errors =
        message === ''
          ? []
          : [invalid(field.child('message'), message, 'may not be specified when claim is set')]
      return [...errors, ...repeated(seen.claim, claim, field.child('claim'))]
    }
    const errors =
      requiredValue === ''
        ? []
        : [
            invalid(
              field.child('requiredValue'),
              requiredValue,
              'may not be specified when expression is set',
            ),
          ]
    const again = repeated(seen.expression, expression, field.child('expression'))
    const compiled =
      again.length > 0 ? again : expressionErrors('claims', 'rule', expression, field.child('expression'))
    return [...errors, ...compiled]
  })
}

export function userRuleErrors(
  rules: NonNullable<JwtConfiguration['userValidationRules']>,
  at: FieldPath,
): FieldError[] {
  const seen = new Set<string>()
  return rules.flatMap(({ expression = '' }, index) => {
    const field = at.index(index).child('expression')
    if (expression === '') return [required(field)]
    const again = repeated(seen, expression, field)
    return again.length > 0 ? again : expressionErrors('user', 'rule', expression, field)
  })
}

export function mappingErrors(
  mappings: ClaimMappings,
  rules: readonly ClaimRule[],
  at: FieldPath,
): FieldError[] {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings
  return [
    ...prefixedErrors(username, at.child('username'), true),
    ...prefixedErrors(groups, at.child('groups'), false),
    ...uidErrors(uid, at.child('uid')),
    ...extraErrors(extra, at.child('extra')),
    ...emailErrors(mappings, rules, at.child('username', 'expression')),
  ]
}

function prefixedErrors(mapping: PrefixedMapping, at: FieldPath, isRequired: boolean): FieldError[] {
  const { claim = '', expression = '', prefix } = mapping
  if (claim !== '' && expression !== '') return [invalid(at, '', "claim and expression can't both be set")]
  if (expression !== '') {
    const detail = 'may not be specified when expression is set'
    const errors = prefix === undefined ? [] : [invalid(at.child('prefix'), prefix, detail)]
    return [...errors, ...expressionErrors('claims', 'mapping', expression, at.child('expression'))]
  }
  if (claim === '') return isRequired ? [required(at, 'claim or expression is required')] : []
  const detail = 'prefix is required when claim is set. It can be set to an empty string to disable prefixing'
  return prefix === undefined ? [required(at.child('prefix'), detail)] : []
}

function uidErrors({ claim = '', expression = '' }: Mapping, at: FieldPath): FieldError[] {
  if (claim !== '' && expression !== '') return [invalid(at, '', "claim and expression can't both be set")]
  return expression === '' ? [] : expressionErrors('claims', 'mapping', expression, at.child('expression'))
}

function extraErrors(extra: NonNullable<ClaimMappings['extra']>, at: FieldPath): FieldError[] {
  const seen = new Set<string>()
  return extra.flatMap(({ key = '', valueExpression = '' }, index) => {
    const keyAt = at.index(index).child('key')
    const errors = keyErrors(key, keyAt)
    const again = repeated(seen, key, keyAt)
    if (again.length > 0) return [...errors, ...again]
    const expressionAt = at.index(index).child('valueExpression')
    return [
      ...errors,
      ...(valueExpression === ''
        ? [required(expressionAt)]
        : expressionErrors('claims', 'mapping', valueExpression, expressionAt)),
    ]
  })
}

/** Keys are paths below a domain, of those who read them; Kubernetes keeps its own to itself. */
function keyErrors(key: string, at: FieldPath): FieldError[] {
  if (key === '') return [required(at)]
  const slash = key.indexOf('/')
  if (slash <= 0 || slash === key.length - 1) {
    return [invalid(at, key, 'must be a domain-prefixed path (such as "acme.io/foo")')]
  }
  const domain = key.slice(0, slash)
  const errors = dns1123SubdomainErrors(domain).map((message) => invalid(at, domain, message))
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(key.slice(slash + 1))) {
    errors.push(invalid(at, key.slice(slash + 1), 'Invalid path'))
  }
  if (key !== key.toLowerCase()) errors.push(invalid(at, key, 'must be lowercase'))
  if (/(^|\.)(kubernetes|k8s)\.io$/.test(domain)) {
    const detail = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'
    errors.push(invalid(at, key, detail))
  }
  return errors
}

/** An address that nobody has verified is no name. */
function emailErrors(
  { username = {}, extra = [] }: ClaimMappings,
  rules: readonly ClaimRule[],
  at: FieldPath,
): FieldError[] {
  const { expression = '' } = username
  if (!readsClaim(expression, 'email')) return []
  const all = [
    expression,
    ...extra.map(({ valueExpression }) => valueExpression),
    ...rules.map((rule) => rule.expression),
  ]
  if (all.some((one) => readsClaim(one ?? '', 'email_verified'))) return []
  const detail =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'
  return [invalid(at, expression, detail)]
}

/** `claims.email` or `claims.?email`, outside of texts. */
function readsClaim(expression: string, claim: string): boolean {
  const code = expression.replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""')
  return new RegExp(`\\bclaims\\s*\\.\\s*\\??\\s*${claim}\\b`).test(code)
}

function repeated(seen: Set<string>, value: string, at: FieldPath): FieldError[] {
  if (seen.has(value)) return [duplicate(at, value)]
  seen.add(value)
  return []
}

function expressionErrors(
  scope: ExpressionScope,
  purpose: 'rule' | 'mapping',
  expression: string,
  at: FieldPath,
): FieldError[] {
  const compiled = compileExpression(scope, purpose, expression)
  return typeof compiled === 'string' ? [invalid(at, expression, compiled)] : []
}
