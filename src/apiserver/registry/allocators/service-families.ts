import { isIPv4 } from 'node:net'
import type { Service, ServiceSpec } from '../../../api/generated/core.v1.ts'
import { jsonEqual } from '../../../machinery/equal.ts'
import { invalid as invalidField, path, type FieldError } from '../../../machinery/field-error.ts'
import type { Writable } from '../../../machinery/meta.ts'
import { invalid } from '../../../machinery/status-errors.ts'

export type Family = 'IPv4' | 'IPv6'

const spec = path('spec')

/**
 * Settles which families of addresses a Service has, of what it asks for and what the cluster has (`families`, the
 * default first). Throws Invalid. Source: kubernetes/pkg/registry/core/service/storage/alloc.go, initIPFamilyFields.
 */
export function settleFamilies(
  service: Writable<Service>,
  previous: Service | undefined,
  families: readonly Family[],
): void {
  const wanted = service.spec
  if (!wanted || wanted.type === 'ExternalName' || staysPreferDualStack(wanted, previous?.spec)) return
  wanted.ipFamilyPolicy ??= previous?.spec?.ipFamilyPolicy ?? defaultPolicy(wanted)
  const errors = previous?.spec ? narrow(wanted, previous.spec) : []
  errors.push(...policyErrors(wanted), ...inferFamilies(wanted, families))
  refuse(service, errors)
  if (isHeadless(wanted) && !hasSelector(wanted)) {
    settleHeadless(wanted, families)
    return
  }
  refuse(service, availabilityErrors(wanted, families))
  wanted.ipFamilies = wanted.ipFamilies?.length ? wanted.ipFamilies : [families[0]!]
  if (wanted.ipFamilyPolicy !== 'SingleStack' && wanted.ipFamilies.length === 1 && families.length === 2) {
    wanted.ipFamilies.push(otherFamily(wanted.ipFamilies[0]!))
  }
}

function refuse(service: Writable<Service>, errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid('Service', service.metadata?.name ?? '', errors)
}

function defaultPolicy(wanted: Writable<ServiceSpec>): 'RequireDualStack' | 'SingleStack' {
  return isHeadless(wanted) && !hasSelector(wanted) ? 'RequireDualStack' : 'SingleStack'
}

export function isHeadless({ clusterIP }: Pick<ServiceSpec, 'clusterIP'>): boolean {
  return clusterIP === 'None'
}

function hasSelector({ selector = {} }: Writable<ServiceSpec>): boolean {
  return Object.keys(selector).length > 0
}

/** A Service that prefers two families is not changed because the cluster has. */
export function staysPreferDualStack(
  wanted: Writable<ServiceSpec> | ServiceSpec,
  previous: ServiceSpec | undefined,
): boolean {
  return (
    previous !== undefined &&
    previous.type === wanted.type &&
    wanted.ipFamilyPolicy === 'PreferDualStack' &&
    previous.ipFamilyPolicy === 'PreferDualStack' &&
    jsonEqual(previous.clusterIPs, wanted.clusterIPs) &&
    jsonEqual(previous.ipFamilies, wanted.ipFamilies)
  )
}

/** Going back to one family lets the second address go; doing so without saying it is a mistake. */
function narrow(wanted: Writable<ServiceSpec>, previous: ServiceSpec): FieldError[] {
  if (wanted.ipFamilyPolicy === 'SingleStack') {
    if (jsonEqual(previous.clusterIPs, wanted.clusterIPs))
      wanted.clusterIPs = wanted.clusterIPs?.slice(0, 1) ?? []
    if (jsonEqual(previous.ipFamilies, wanted.ipFamilies))
      wanted.ipFamilies = wanted.ipFamilies?.slice(0, 1) ?? []
    return []
  }
  const at = spec.child('ipFamilyPolicy')
  const errors: FieldError[] = []
  if (isReduced(wanted.clusterIPs, previous.clusterIPs)) {
    errors.push(
      invalidField(at, wanted.ipFamilyPolicy, "must be 'SingleStack' to release the secondary cluster IP"),
    )
  }
  if (isReduced(wanted.ipFamilies, previous.ipFamilies)) {
    errors.push(
      invalidField(at, wanted.ipFamilyPolicy, "must be 'SingleStack' to release the secondary IP family"),
    )
  }
  return errors
}

function isReduced(now: readonly string[] = [], before: readonly string[] = []): boolean {
  return now.length > 0 && now.length < before.length
}

function policyErrors({
  ipFamilyPolicy,
  clusterIPs = [],
  ipFamilies = [],
}: Writable<ServiceSpec>): FieldError[] {
  if (ipFamilyPolicy !== 'SingleStack') return []
  const at = spec.child('ipFamilyPolicy')
  const must = (what: string) =>
    `must be 'RequireDualStack' or 'PreferDualStack' when multiple ${what} are specified`
  return [
    ...(clusterIPs.length === 2 ? [invalidField(at, ipFamilyPolicy, must('cluster IPs'))] : []),
    ...(ipFamilies.length === 2 ? [invalidField(at, ipFamilyPolicy, must('IP families'))] : []),
  ]
}

/** Addresses that were chosen say their families. */
function inferFamilies(wanted: Writable<ServiceSpec>, families: readonly Family[]): FieldError[] {
  const inferred: Writable<ServiceSpec>['ipFamilies'] = [...(wanted.ipFamilies ?? [])]
  const errors: FieldError[] = []
  for (const [index, address] of (wanted.clusterIPs ?? []).entries()) {
    if (address === 'None') break
    if (index < inferred.length || address === '') continue
    const family = familyOf(address)
    if (families.includes(family)) inferred.push(family)
    else {
      const detail = `${family} is not configured on this cluster`
      errors.push(invalidField(spec.child('clusterIPs').index(index), wanted.clusterIPs, detail))
    }
  }
  if (inferred.length > 0) wanted.ipFamilies = inferred
  return errors
}

function settleHeadless(wanted: Writable<ServiceSpec>, families: readonly Family[]): void {
  wanted.ipFamilies = wanted.ipFamilies?.length ? wanted.ipFamilies : [families[0]!]
  if (wanted.ipFamilies.length < 2 && wanted.ipFamilyPolicy !== 'SingleStack') {
    wanted.ipFamilies.push(otherFamily(wanted.ipFamilies[0]!))
  }
}

function availabilityErrors(
  { ipFamilyPolicy, ipFamilies = [] }: Writable<ServiceSpec>,
  families: readonly Family[],
): FieldError[] {
  const errors: FieldError[] = []
  if (ipFamilyPolicy === 'RequireDualStack' && families.length < 2) {
    const detail = 'this cluster is not configured for dual-stack services'
    errors.push(invalidField(spec.child('ipFamilyPolicy'), ipFamilyPolicy, detail))
  }
  for (const [index, family] of ipFamilies.entries()) {
    if (families.includes(family as Family)) continue
    const at = spec.child('ipFamilies').index(index)
    errors.push(invalidField(at, family, 'not configured on this cluster'))
  }
  return errors
}

function otherFamily(family: string): Family {
  return family === 'IPv4' ? 'IPv6' : 'IPv4'
}

export function familyOf(address: string): Family {
  return isIPv4(address) ? 'IPv4' : 'IPv6'
}
