import { ageColumn, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ServiceAccount } from '../generated/core.v1.ts'
import { serviceAccounts } from '../generated/resources.ts'

export const serviceAccountDefinition: ResourceDefinition<ServiceAccount> = {
  resource: serviceAccounts,
  singular: 'serviceaccount',
  shortNames: ['sa'],
  strategy: {},
  columns: [
    nameColumn,
    integerColumn(
      'Secrets',
      'Number of secrets that pods running as this account may use.',
      ({ secrets = [] }) => secrets.length,
    ),
    ageColumn,
  ],
}
