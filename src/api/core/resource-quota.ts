import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, notSupported, path, type FieldError } from '../../machinery/field-error.ts'
import { quantitySign } from '../../machinery/quantity.ts'
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

function validateResourceQuota({ spec }: ResourceQuota): FieldError[] {
  const field = path('spec')
  const errors: FieldError[] = []
  for (const [name, quantity] of Object.entries(spec?.hard ?? {})) {
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
