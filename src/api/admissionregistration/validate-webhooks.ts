import { duplicate, invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import { path, type FieldPath } from '../../machinery/field-path.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { validateFullyQualifiedName } from '../../machinery/validation/domain-names.ts'
import { labelSelectorHasInvalidValue, validateLabelSelector } from '../../machinery/validation/labels.ts'
import { dns1035LabelErrors } from '../../machinery/validation/names.ts'
import type { MutatingWebhook, ValidatingWebhook } from '../generated/admissionregistration.v1.ts'
import { validateClientConfig } from '../webhook-client-config.ts'
import { validateMatchConditions } from './validate-match-conditions.ts'
import { validateRule } from './validate-rules.ts'

export type AnyWebhook = ValidatingWebhook & Pick<MutatingWebhook, 'reinvocationPolicy'>

/** Versions of AdmissionReview that are spoken. */
const knownReviewVersions: readonly string[] = ['v1', 'v1beta1']
export const failurePolicies = ['Fail', 'Ignore']
export const matchPolicies = ['Equivalent', 'Exact']
export const reinvocationPolicies = ['IfNeeded', 'Never']
const noSideEffects = ['None', 'NoneOnDryRun']
const anySideEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown']

/** What is asked of a configuration; less where the one that stands there has less. */
interface Strictness {
  readonly noSideEffects: boolean
  readonly knownReviewVersion: boolean
  readonly uniqueNames: boolean
  readonly validSelectors: boolean
  readonly matchConditions: boolean
}

const full: Strictness = {
  noSideEffects: true,
  knownReviewVersion: true,
  uniqueNames: true,
  validSelectors: true,
  matchConditions: true,
}

/** The webhooks of a configuration. Source: kubernetes/pkg/apis/admissionregistration/validation. */
export function validateWebhooks(
  webhooks: readonly AnyWebhook[],
  previous?: readonly AnyWebhook[],
): FieldError[] {
  const strictness = previous ? strictnessAfter(webhooks, previous) : full
  const names = new Set<string>()
  return webhooks.flatMap((webhook, index) => {
    const at = path('webhooks').index(index)
    const errors = [
      ...validateWebhook(webhook, at, strictness),
      ...validateReviewVersions(
        webhook.admissionReviewVersions,
        at.child('admissionReviewVersions'),
        strictness,
      ),
    ]
    if (strictness.uniqueNames && names.has(webhook.name))
      errors.push(duplicate(at.child('name'), webhook.name))
    if (webhook.name) names.add(webhook.name)
    return errors
  })
}

function strictnessAfter(webhooks: readonly AnyWebhook[], previous: readonly AnyWebhook[]): Strictness {
  const isKnown = (version: string) => knownReviewVersions.includes(version)
  return {
    noSideEffects: previous.every(({ sideEffects }) => noSideEffects.includes(sideEffects)),
    knownReviewVersion: previous.every(
      ({ admissionReviewVersions: versions }) => !versions?.length || versions.some(isKnown),
    ),
    uniqueNames: new Set(previous.map(({ name }) => name)).size === previous.length,
    validSelectors: !previous.some(
      ({ namespaceSelector, objectSelector }) =>
        labelSelectorHasInvalidValue(namespaceSelector) || labelSelectorHasInvalidValue(objectSelector),
    ),
    matchConditions: !jsonEqual(
      webhooks.map(({ matchConditions = [] }) => matchConditions),
      previous.map(({ matchConditions = [] }) => matchConditions),
    ),
  }
}

function validateWebhook(webhook: AnyWebhook, at: FieldPath, strictness: Strictness): FieldError[] {
  const { name, rules = [], failurePolicy, matchPolicy, timeoutSeconds, reinvocationPolicy } = webhook
  const selectorOptions = { allowInvalidValues: !strictness.validSelectors }
  return [
    ...validateFullyQualifiedName(at.child('name'), name),
    ...rules.flatMap((rule, index) => validateRule(rule, at.child('rules').index(index))),
    ...oneOf(failurePolicy, failurePolicies, at.child('failurePolicy')),
    ...oneOf(matchPolicy, matchPolicies, at.child('matchPolicy')),
    ...validateSideEffects(webhook.sideEffects, at.child('sideEffects'), strictness),
    ...(timeoutSeconds !== undefined && (timeoutSeconds > 30 || timeoutSeconds < 1)
      ? [
          invalid(
            at.child('timeoutSeconds'),
            timeoutSeconds,
            'the timeout value must be between 1 and 30 seconds',
          ),
        ]
      : []),
    ...validateLabelSelector(webhook.namespaceSelector, at.child('namespaceSelector'), selectorOptions),
    ...validateLabelSelector(webhook.objectSelector, at.child('objectSelector'), selectorOptions),
    ...oneOf(reinvocationPolicy, reinvocationPolicies, at.child('reinvocationPolicy')),
    ...validateClientConfig(webhook.clientConfig ?? {}, at.child('clientConfig')),
    ...(strictness.matchConditions
      ? validateMatchConditions(webhook.matchConditions ?? [], at.child('matchConditions'), { params: false })
      : []),
  ]
}

export function oneOf(value: string | undefined, supported: readonly string[], at: FieldPath): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [notSupported(at, value, supported)]
}

function validateSideEffects(value: string | undefined, at: FieldPath, strictness: Strictness): FieldError[] {
  const allowed = strictness.noSideEffects ? noSideEffects : anySideEffects
  // Where none is said it is null, which is something else than an empty one.
  if ((value ?? undefined) === undefined) return [required(at, `must specify one of ${allowed.join(', ')}`)]
  return oneOf(value, allowed, at)
}

function validateReviewVersions(
  versions: readonly string[] = [],
  at: FieldPath,
  { knownReviewVersion }: Strictness,
): FieldError[] {
  if (versions.length === 0) return [required(at, `must specify one of ${knownReviewVersions.join(', ')}`)]
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalid(at.index(index), version, 'duplicate version')]
      : dns1035LabelErrors(version).map((detail) => invalid(at.index(index), version, detail)),
  )
  if (knownReviewVersion && !versions.some((version) => knownReviewVersions.includes(version))) {
    errors.push(invalid(at, versions, `must include at least one of ${knownReviewVersions.join(', ')}`))
  }
  return errors
}
