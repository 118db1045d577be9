import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, path, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ResourceQuota } from '../generated/core.v1.ts'
import { resourceQuotas } from '../generated/resources.ts'
import { validateResourceQuantity } from './quantity-validation.ts'
import { internalForm } from '../internal-form.ts'

export const resourceQuotaDefinition: ResourceDefinition<ResourceQuota> = {
  resource: resourceQuotas,
  singular: 'resourcequota',
  shortNames: ['quota'],
  strategy: {
    tracksGeneration: false,
    validate: validateResourceQuota,
    validateUpdate: validateScopesKept,
    status: { validateUpdate: validateResourceQuotaStatus },
  },
  columns: [
    nameColumn,
    column('Request', 'Requests used of those allowed.', (quota) =>
      usage(quota, (name) => !name.startsWith('limits.')),
    ),
    column('Limit', 'Limits used of those allowed.', (quota) =>
      usage(quota, (name) => name.startsWith('limits.')),
    ),
    ageColumn,
  ],
}

function usage({ status }: ResourceQuota, isShown: (name: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter(isShown)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name] ?? '0'}`)
    .join(', ')
}

const scopes = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
]

/** What may stand in a quota without a prefix. Source: kubernetes/pkg/apis/core/helper. */
const standardResources: ReadonlySet<string> = new Set([
  'configmaps',
  'cpu',
  'ephemeral-storage',
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'memory',
  'persistentvolumeclaims',
  'pods',
  'replicationcontrollers',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
  'requests.storage',
  'resourcequotas',
  'secrets',
  'services',
  'services.loadbalancers',
  'services.nodeports',
])
const hugePages = /^(requests\.)?hugepages-/

function validateResourceName(name: string, field: FieldPath): FieldError[] {
  const errors = validateLabelName(name, field)
  if (!name.includes('/') && !standardResources.has(name) && !hugePages.test(name)) {
    errors.push(invalid(field, name, 'must be a standard resource for quota'))
  }
  return errors
}

function validateResourceQuota({ spec }: ResourceQuota): FieldError[] {
  const field = path('spec')
  const errors: FieldError[] = []
  for (const [name, quantity] of Object.entries(spec?.hard ?? {})) {
    const at = field.child('hard').key(name)
    errors.push(...validateResourceName(name, at), ...validateResourceQuantity(name, quantity, at))
  }
  if (spec?.scopes) {
    const unknown = (at: FieldPath) => invalid(at, spec.scopes, 'unsupported scope')
    errors.push(...scopeErrors(spec.scopes, spec.scopes, spec.hard, field.child('scopes'), unknown))
  }
  const { matchExpressions } = spec?.scopeSelector ?? {}
  if (matchExpressions) {
    const at = field.child('scopeSelector', 'matchExpressions')
    const named = matchExpressions.map(({ scopeName }) => scopeName)
    const shown = internalForm('core.v1.ScopeSelector', spec?.scopeSelector)
    errors.push(
      ...scopeErrors(named, shown, spec?.hard, at, (_, scope) =>
        invalid(at.child('scopeName'), scope, 'unsupported scope'),
      ),
    )
    for (const { operator, scopeName, values = [] } of matchExpressions) {
      if (scopesThatExist.includes(scopeName) && operator !== 'Exists')
        errors.push(invalid(at.child('operator'), operator, mustExist))
      if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
        errors.push(
          required(
            at.child('values'),
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        )
      if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
        errors.push(
          invalid(
            at.child('values'),
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        )
      if (!scopeOperators.includes(operator))
        errors.push(invalid(at.child('operator'), operator, 'not a valid selector operator'))
    }
  }
  return errors
}

/** Source: ValidateResourceQuotaStatusUpdate. */
function validateResourceQuotaStatus({ status }: ResourceQuota): FieldError[] {
  return (['hard', 'used'] as const).flatMap((list) =>
    Object.entries(status?.[list] ?? {}).flatMap(([name, quantity]) => {
      const at = path('status', list).key(name)
      return [...validateResourceName(name, at), ...validateResourceQuantity(name, quantity, at)]
    }),
  )
}

const scopeOperators = ['DoesNotExist', 'Exists', 'In', 'NotIn']
const scopesThatExist = [
  'BestEffort',
  'NotBestEffort',
  'Terminating',
  'NotTerminating',
  'CrossNamespacePodAffinity',
]
const mustExist =
  "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
const opposites = [
  ['BestEffort', 'NotBestEffort'],
  ['NotTerminating', 'Terminating'],
] as const
const podResource = /^(pods|(requests\.|limits\.)?(cpu|memory|ephemeral-storage))$/
const claimResource = /^(persistentvolumeclaims|requests\.storage)$/

/** Scopes that are known, go together, and are of what is counted. `value` is what messages show. */
function scopeErrors(
  named: readonly string[],
  value: unknown,
  hard: Readonly<Record<string, unknown>> = {},
  at: FieldPath,
  unknown: (at: FieldPath, scope: string) => FieldError,
): FieldError[] {
  const errors: FieldError[] = []
  for (const scope of named) {
    if (!scopes.includes(scope)) errors.push(unknown(at, scope))
    for (const name of Object.keys(hard)) {
      if (standardResources.has(name) && !counts(scope, name))
        errors.push(invalid(at, value, 'unsupported scope applied to resource'))
    }
  }
  for (const pair of opposites)
    if (pair.every((scope) => named.includes(scope))) errors.push(invalid(at, value, 'conflicting scopes'))
  return errors
}

function counts(scope: string, name: string): boolean {
  switch (scope) {
    case 'BestEffort':
      return name === 'pods'
    case 'VolumeAttributesClass':
      return claimResource.test(name)
    default:
      return !scopes.includes(scope) || podResource.test(name)
  }
}

function validateScopesKept({ spec }: ResourceQuota, previous: ResourceQuota): FieldError[] {
  const [now, before] = [spec, previous.spec].map((one) => [...new Set(one?.scopes)].sort())
  if (jsonEqual(now, before)) return []
  return [invalid(path('spec').child('scopes'), spec?.scopes, 'field is immutable')]
}
