import { isIP } from 'node:net'
import {
  duplicate,
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateIpForLegacyField } from '../../machinery/validation/ip.ts'
import type { ServiceSpec } from '../generated/core.v1.ts'

const families = ['IPv4', 'IPv6']
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']

/** Addresses, their families and the policy for them. Source: ValidateServiceClusterIPsRelatedFields. */
export function validateServiceAddresses(spec: ServiceSpec, field: FieldPath): FieldError[] {
  if (spec.type === 'ExternalName') return []
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  const at = field.child('clusterIPs')
  const errors: FieldError[] = []
  if (clusterIP !== '') {
    if (clusterIPs.length === 0) errors.push(required(at))
    else if (clusterIPs[0] !== clusterIP)
      errors.push(invalid(at, clusterIPs, 'first value must match `clusterIP`'))
  } else if (clusterIPs.length > 0)
    errors.push(invalid(at, clusterIPs, 'must be empty when `clusterIP` is not specified'))
  const seen = new Set<string>()
  for (const [index, family] of ipFamilies.entries()) {
    const familyAt = field.child('ipFamilies').index(index)
    if (!families.includes(family)) errors.push(notSupported(familyAt, family, families))
    if (seen.has(family)) errors.push(duplicate(familyAt, family))
    seen.add(family)
  }
  if (ipFamilyPolicy !== undefined && !familyPolicies.includes(ipFamilyPolicy))
    errors.push(notSupported(field.child('ipFamilyPolicy'), ipFamilyPolicy, familyPolicies))

  const malformed = clusterIPs.flatMap((address, index) => {
    if (index > 0 || address !== 'None') return validateIpForLegacyField(at.index(index), address)
    return clusterIPs.length > 1 ? [invalid(at, clusterIPs, "'None' must be the first and only value")] : []
  })
  errors.push(...malformed)
  if (clusterIPs.length > 2) errors.push(invalid(at, clusterIPs, 'may only hold up to 2 values'))
  // What follows would only confuse.
  if (malformed.length > 0) return errors
  if (clusterIPs.length > 1 && new Set(clusterIPs.map((address) => isIP(address))).size < 2)
    errors.push(invalid(at, clusterIPs, 'may specify no more than one IP for each IP family'))
  if (isHeadless(spec)) return errors
  for (const [index, address] of clusterIPs.slice(0, ipFamilies.length).entries()) {
    const family = ipFamilies[index]
    const actual = isIP(address) === 6 ? 'IPv6' : 'IPv4'
    if (family === actual || !families.includes(family ?? '')) continue
    const detail = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
    errors.push(invalid(at.index(index), address, detail))
  }
  return errors
}

export function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None'
}

/** The first address and family stay, the second may come and go. */
export function validateServiceAddressesUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return []
  const wasHeadless = isHeadless(old)
  const bothHeadless = isHeadless(spec) && wasHeadless
  return [
    ...(bothHeadless ? [] : keptErrors(spec.clusterIPs, old.clusterIPs, 'clusterIP', spec)),
    ...(wasHeadless || isHeadless(spec) ? [] : keptErrors(spec.ipFamilies, old.ipFamilies, 'ipFamily', spec)),
  ]
}

function keptErrors(
  given: readonly string[] | undefined,
  before: readonly string[] = [],
  what: 'clusterIP' | 'ipFamily',
  { ipFamilyPolicy }: ServiceSpec,
): FieldError[] {
  const now = given ?? []
  const at = path('spec', what === 'clusterIP' ? 'clusterIPs' : 'ipFamilies')
  const changed = (index: number) => invalid(at.index(index), given, 'may not change once set')
  if (before.length === now.length)
    return before.flatMap((value, index) =>
      value === now[index] ? [] : [changed(what === 'clusterIP' ? index : 0)],
    )
  const errors: FieldError[] = []
  if (before.length > 0 && now.length > 0 && now[0] !== before[0]) errors.push(changed(0))
  if (before.length < now.length) return errors
  if (now.length === 0) errors.push(invalid(at.index(0), given, `primary ${what} can not be unset`))
  if (now.length === 1 && ipFamilyPolicy !== 'SingleStack') {
    const detail = `must be set to 'SingleStack' when releasing the secondary ${what}`
    errors.push(invalid(path('spec', 'ipFamilyPolicy'), ipFamilyPolicy ?? null, detail))
  }
  return errors
}
