import { statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { formatDuration, parseDuration } from '../../../machinery/duration.ts'
import {
  duplicate,
  invalid,
  notSupported,
  path,
  required,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import { compileMatchCondition } from '../webhook/match-conditions.ts'
import type {
  AuthorizationConfiguration,
  AuthorizerConfiguration,
  WebhookConfiguration,
} from './authorization-configuration.ts'

/** ABAC, which upstream has left behind, is not among them. */
const authorizerTypes = ['AlwaysAllow', 'AlwaysDeny', 'Node', 'RBAC', 'Webhook'] as const
const maxConditions = 64
const longestTimeoutMs = 30_000

/** Every mistake, as upstream words it. Source: k8s.io/apiserver/pkg/apis/apiserver/validation. */
export function validateAuthorizationConfiguration({
  authorizers,
}: AuthorizationConfiguration): FieldError[] {
  const at = path('authorizers')
  if (authorizers.length === 0) return [required(at, 'at least one authorization mode must be defined')]
  const errors: FieldError[] = []
  const types = new Set<string>()
  const names = new Set<string>()
  authorizers.forEach((authorizer, index) => {
    const fault = typeFault(authorizer, types, at.index(index))
    if (fault) {
      errors.push(fault)
      return
    }
    types.add(authorizer.type)
    errors.push(...nameErrors(authorizer, names, at.index(index)))
    names.add(authorizer.name ?? '')
    errors.push(...webhookErrors(authorizer, at.index(index)))
  })
  return errors
}

function typeFault(
  { type }: AuthorizerConfiguration,
  seen: ReadonlySet<string>,
  at: FieldPath,
): FieldError | undefined {
  if (!type) return required(at.child('type'))
  if (!authorizerTypes.some((known) => known === type)) {
    return notSupported(at.child('type'), type, authorizerTypes)
  }
  return seen.has(type) && type !== 'Webhook' ? duplicate(at.child('type'), type) : undefined
}

function nameErrors(
  { name }: AuthorizerConfiguration,
  seen: ReadonlySet<string>,
  at: FieldPath,
): FieldError[] {
  if (!name) return [required(at.child('name'))]
  if (seen.has(name)) return [duplicate(at.child('name'), name)]
  const faults = dns1123SubdomainErrors(name)
  const detail = `authorizer name is invalid: ${faults.join(', ')}`
  return faults.length > 0 ? [invalid(at.child('name'), name, detail)] : []
}

function webhookErrors({ type, webhook }: AuthorizerConfiguration, at: FieldPath): FieldError[] {
  if (type === 'Webhook') {
    return webhook
      ? validateWebhook(webhook, at)
      : [required(at.child('webhook'), 'required when type=Webhook')]
  }
  return webhook ? [invalid(at.child('webhook'), 'non-null', 'may only be specified when type=Webhook')] : []
}

function validateWebhook(webhook: WebhookConfiguration, at: FieldPath): FieldError[] {
  const { timeout, authorizedTTL, unauthorizedTTL, failurePolicy, subjectAccessReviewVersion } = webhook
  return [
    ...timeoutErrors(timeout, at.child('timeout')),
    ...lifetimeErrors(authorizedTTL, at.child('authorizedTTL')),
    ...lifetimeErrors(unauthorizedTTL, at.child('unauthorizedTTL')),
    ...choiceErrors(subjectAccessReviewVersion, ['v1', 'v1beta1'], at.child('subjectAccessReviewVersion')),
    ...conditionVersionErrors(webhook, at.child('matchConditionSubjectAccessReviewVersion')),
    ...choiceErrors(failurePolicy, ['NoOpinion', 'Deny'], at.child('failurePolicy')),
    ...connectionErrors(webhook.connectionInfo ?? {}, at.child('connectionInfo')),
    ...conditionErrors(webhook.matchConditions ?? [], at.child('matchConditions')),
  ]
}

function timeoutErrors(timeout: string | undefined, at: FieldPath): FieldError[] {
  const milliseconds = parseDuration(timeout ?? '0')
  if (milliseconds === 0) return [required(at)]
  return milliseconds < 0 || milliseconds > longestTimeoutMs
    ? [invalid(at, formatDuration(milliseconds), 'must be > 0s and <= 30s')]
    : []
}

function lifetimeErrors(lifetime: string | undefined, at: FieldPath): FieldError[] {
  const milliseconds = parseDuration(lifetime ?? '0')
  if (milliseconds === 0) return [required(at)]
  return milliseconds < 0 ? [invalid(at, formatDuration(milliseconds), 'must be > 0s')] : []
}

function choiceErrors(value: string | undefined, choices: readonly string[], at: FieldPath): FieldError[] {
  if (!value) return [required(at)]
  return choices.includes(value) ? [] : [notSupported(at, value, choices)]
}

function conditionVersionErrors(webhook: WebhookConfiguration, at: FieldPath): FieldError[] {
  const { matchConditionSubjectAccessReviewVersion: version, matchConditions = [] } = webhook
  if (version) return version === 'v1' ? [] : [notSupported(at, version, ['v1'])]
  return matchConditions.length > 0 ? [required(at, 'required if match conditions are specified')] : []
}

function connectionErrors(
  { type, kubeConfigFile }: NonNullable<WebhookConfiguration['connectionInfo']>,
  at: FieldPath,
): FieldError[] {
  // InClusterConfig is for API servers that run as pods of another cluster, where a service account is mounted.
  const typeErrors = choiceErrors(type, ['KubeConfigFile'], at.child('type'))
  if (typeErrors.length > 0) return typeErrors
  const fileAt = at.child('kubeConfigFile')
  if (!kubeConfigFile) return [required(fileAt)]
  if (!isAbsolute(kubeConfigFile)) return [invalid(fileAt, kubeConfigFile, 'must be an absolute path')]
  const found = statSync(kubeConfigFile, { throwIfNoEntry: false })
  if (!found) {
    const detail = `error loading file: stat ${kubeConfigFile}: no such file or directory`
    return [invalid(fileAt, kubeConfigFile, detail)]
  }
  return found.isFile() ? [] : [invalid(fileAt, kubeConfigFile, 'must be a regular file')]
}

function conditionErrors(
  conditions: NonNullable<WebhookConfiguration['matchConditions']>,
  at: FieldPath,
): FieldError[] {
  if (conditions.length > maxConditions) return [tooMany(at, conditions.length, maxConditions)]
  const seen = new Set<string>()
  return conditions.flatMap(({ expression = '' }, index) => {
    const field = at.index(index).child('expression')
    if (expression.trim() === '') return [required(field)]
    if (seen.has(expression)) return [duplicate(field, expression)]
    seen.add(expression)
    const compiled = compileMatchCondition(expression)
    return typeof compiled === 'string' ? [invalid(field, expression, compiled)] : []
  })
}
