import { invalid, path, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Lease } from '../generated/coordination.v1.ts'
import { leases } from '../generated/resources.ts'

export const leaseDefinition: ResourceDefinition<Lease> = {
  resource: leases,
  singular: 'lease',
  strategy: {
    tracksGeneration: false,
    allowCreateOnUpdate: true,
    allowUnconditionalUpdate: false,
    validate: validateLease,
  },
  columns: [
    nameColumn,
    column('Holder', 'Who holds the lease.', ({ spec }) => spec?.holderIdentity ?? ''),
    ageColumn,
  ],
}

function validateLease({ spec }: Lease): FieldError[] {
  const { leaseDurationSeconds, leaseTransitions } = spec ?? {}
  const field = path('spec')
  const errors: FieldError[] = []
  if (leaseDurationSeconds !== undefined && leaseDurationSeconds <= 0) {
    errors.push(invalid(field.child('leaseDurationSeconds'), leaseDurationSeconds, 'must be greater than 0'))
  }
  if (leaseTransitions !== undefined && leaseTransitions < 0) {
    errors.push(
      invalid(field.child('leaseTransitions'), leaseTransitions, 'must be greater than or equal to 0'),
    )
  }
  return errors
}
