import {
  duplicate,
  invalid,
  required,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { validateDomainPrefixedPath } from '../../../machinery/validation/domain-names.ts'
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
  const errors = validateDomainPrefixedPath(at, key)
  if (key !== key.toLowerCase()) errors.push(invalid(at, key, 'must be lowercase'))
  if (/^(?:[^/]*\.)?(?:kubernetes|k8s)\.io\//.test(key)) {
    const detail = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use'
    errors.push(invalid(at, key, detail))
  }
  return errors
}

/** An address that nobody has verified is no name. Only expressions count that are right. */
function emailErrors(
  { username = {}, extra = [] }: ClaimMappings,
  rules: readonly ClaimRule[],
  at: FieldPath,
): FieldError[] {
  const { claim = '', expression = '', prefix } = username
  if (claim !== '' || prefix !== undefined || !readsClaim(expression, 'mapping', 'email')) return []
  const isVerified =
    readsClaim(expression, 'mapping', 'email_verified') ||
    extra.some(({ valueExpression = '' }) => readsClaim(valueExpression, 'mapping', 'email_verified')) ||
    rules.some((rule) => !rule.claim && readsClaim(rule.expression ?? '', 'rule', 'email_verified'))
  if (isVerified) return []
  const detail =
    'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression'
  return [invalid(at, expression, detail)]
}

function readsClaim(expression: string, purpose: 'rule' | 'mapping', claim: string): boolean {
  if (!expression.includes(claim)) return false
  const compiled = compileExpression('claims', purpose, expression)
  return typeof compiled !== 'string' && compiled.selects('claims', claim)
}

export function repeated(seen: Set<string>, value: string, at: FieldPath): FieldError[] {
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
