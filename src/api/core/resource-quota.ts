import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, notSupported, path, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { quantitySign } from '../../machinery/quantity.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ResourceQuota } from '../generated/core.v1.ts'
import { resourceQuotas } from '../generated/resources.ts'

export const resourceQuotaDefinition: ResourceDefinition<ResourceQuota> = {
  resource: resourceQuotas,
  singular: 'resourcequota',
  shortNames: ['quota'],
  strategy: {
    tracksGeneration: false,
    validate: validateResourceQuota,
    validateUpdate: validateScopesKept,
    status: {},
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
    errors.push(...validateResourceName(name, field.child('hard').key(name)))
    if (quantitySign(quantity) < 0)
      errors.push(invalid(field.child('hard').key(name), quantity, 'must be greater than or equal to 0'))
  }
  for (const scope of spec?.scopes ?? [])
    if (!scopes.includes(scope)) errors.push(notSupported(field.child('scopes'), scope, scopes))
  return errors
}

function validateScopesKept({ spec }: ResourceQuota, previous: ResourceQuota): FieldError[] {
  if (jsonEqual(spec?.scopes ?? [], previous.spec?.scopes ?? [])) return []
  return [invalid(path('spec').child('scopes'), spec?.scopes, 'field is immutable')]
}
