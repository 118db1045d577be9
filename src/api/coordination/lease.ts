import {
  forbidden,
  invalid,
  notSupported,
  path,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { qualifiedNameErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Lease } from '../generated/coordination.v1.ts'
import { leases } from '../generated/resources.ts'

const strategies = ['OldestEmulationVersion']

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
  const { leaseDurationSeconds, leaseTransitions, strategy, preferredHolder } = spec ?? {}
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
  if (strategy !== undefined) errors.push(...strategyErrors(strategy, field.child('strategy', 'strategy')))
  if (preferredHolder && !strategy)
    errors.push(forbidden(field.child('preferredHolder'), 'may only be specified if `strategy` is defined'))
  return errors
}

/** `OldestEmulationVersion`, or one with a domain. Upstream names the field twice. */
function strategyErrors(strategy: string, at: FieldPath): FieldError[] {
  if (strategy.includes('/'))
    return qualifiedNameErrors(strategy).map((message) => invalid(at, strategy, message))
  return strategies.includes(strategy) ? [] : [notSupported(at, strategy, strategies)]
}
