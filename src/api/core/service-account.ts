import { ageColumn, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ServiceAccount } from '../generated/core.v1.ts'
import { serviceAccounts } from '../generated/resources.ts'

export const serviceAccountDefinition: ResourceDefinition<ServiceAccount> = {
  resource: serviceAccounts,
  singular: 'serviceaccount',
  shortNames: ['sa'],
  strategy: { warnings: mountableSecretsWarnings },
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

const mountableSecrets = 'kubernetes.io/enforce-mountable-secrets'

/** Only of whoever begins to use the annotation. */
function mountableSecretsWarnings({ metadata }: ServiceAccount, previous?: ServiceAccount): string[] {
  const isNew = previous?.metadata?.annotations?.[mountableSecrets] === undefined
  if (!isNew || metadata?.annotations?.[mountableSecrets] === undefined) return []
  const advice = 'prefer separate namespaces to isolate access to mounted secrets'
  return [`metadata.annotations[${mountableSecrets}]: deprecated in v1.32+; ${advice}`]
}
