import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import { validateCidr } from '../../machinery/validation/ip.ts'
import { fieldImmutableMessage } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import { internalForm } from '../internal-form.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ServiceCIDR } from '../generated/networking.v1.ts'
import { serviceCIDRs } from '../generated/resources.ts'

const cidrsPath = path('spec', 'cidrs')

/** A range of the Services' addresses, or one of each family. */
export const serviceCidrDefinition: ResourceDefinition<ServiceCIDR> = {
  resource: serviceCIDRs,
  singular: 'servicecidr',
  strategy: {
    tracksGeneration: false,
    validate: validateCidrs,
    validatesUpdateAlone: true,
    validateUpdate: validateCidrsKept,
    status: {},
  },
  columns: [
    nameColumn,
    column('CIDRs', 'Its ranges.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
}

/** Source: kubernetes/pkg/apis/networking/validation. */
function validateCidrs({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec?.cidrs ?? []
  if (cidrs.length === 0) return [required(cidrsPath, 'at least one CIDR required')]
  if (cidrs.length > 2)
    return [
      invalid(
        cidrsPath,
        internalForm('networking.v1.ServiceCIDRSpec', spec ?? {}),
        'may only hold up to 2 values',
      ),
    ]
  const errors = cidrs.flatMap((cidr, index) => validateCidr(cidrsPath.index(index), cidr))
  const [first = '', second] = cidrs
  if (errors.length === 0 && second !== undefined && first.includes(':') === second.includes(':')) {
    const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
    errors.push(invalid(cidrsPath, cidrs, detail))
  }
  return errors
}

/** Ranges stay as they are; one of the other family may be added. */
function validateCidrsKept(next: ServiceCIDR, previous: ServiceCIDR): FieldError[] {
  const [now, before] = [next.spec?.cidrs ?? [], previous.spec?.cidrs ?? []]
  const isGrown = before.length === 1 && now.length === 2
  if (now.length !== before.length && !isGrown)
    return [invalid(cidrsPath, next.spec?.cidrs, fieldImmutableMessage)]
  const errors = before.flatMap((cidr, index) =>
    now[index] === cidr ? [] : [invalid(cidrsPath.index(index), now[index], fieldImmutableMessage)],
  )
  return isGrown ? [...errors, ...validateCidrs(next)] : errors
}
