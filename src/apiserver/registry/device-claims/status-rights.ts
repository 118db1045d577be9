import type { AllocationResult, ResourceClaimStatus } from '../../../api/generated/resource.v1.ts'
import { allocatedDevices, deviceKey } from '../../../api/resource/allocated-device.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { forbidden, path, type FieldError } from '../../../machinery/field-error.ts'
import { compareGoStrings } from '../../../machinery/go-format.ts'
import { dns1123SubdomainErrors } from '../../../machinery/validation/names.ts'
import type { User } from '../../authentication/authenticator.ts'
import { nodeNameKey, splitServiceAccountUsername } from '../../authentication/known-users.ts'
import type { RequestScope } from '../request.ts'

/*
 * Whoever may write the status of claims needs more than that to say what is allocated, and more again to speak for a
 * driver. Source: kubernetes/pkg/registry/resource/utils.go.
 */

/** Allocating and reserving takes the right to `resourceclaims/binding`, of the whole cluster. */
export async function validateBindingRights(
  next: ResourceClaimStatus | undefined,
  previous: ResourceClaimStatus | undefined,
  scope: RequestScope,
): Promise<readonly FieldError[]> {
  const isSame =
    semanticEqual(next?.allocation, previous?.allocation) &&
    semanticEqual(next?.reservedFor, previous?.reservedFor)
  if (isSame) return []
  const refusal = await scope.whyRefused({ subresource: 'binding', namespace: '', name: '' })
  if (refusal === undefined) return []
  const detail = `changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="${scope.verb}" permission: ${refusal}`
  return [forbidden(path('status'), detail)]
}

/**
 * What a driver says of its devices takes the right to `resourceclaims/driver` under the driver's name, with a verb that
 * tells those on the devices' node from others.
 */
export async function validateDriverRights(
  next: ResourceClaimStatus | undefined,
  previous: ResourceClaimStatus | undefined,
  scope: RequestScope,
): Promise<readonly FieldError[]> {
  const drivers = changedDrivers(next, previous)
  if (drivers.length === 0) return []
  const isOnNode = isAssociated(scope.user, allocatedNode(next?.allocation))
  const verbs = [...(isOnNode ? ['associated-node'] : []), 'arbitrary-node'].map(
    (prefix) => `${prefix}:${scope.verb}`,
  )
  const errors: FieldError[] = []
  for (const driver of drivers) {
    const refusal = await firstRefusal(verbs, driver, scope)
    if (refusal === undefined) continue
    const detail = `changing status.devices requires resource="resourceclaims/driver", verb="[${verbs.join(' ')}]" permission: ${refusal}`
    errors.push(forbidden(path('status', 'devices'), detail))
  }
  return errors
}

/** Undefined when one of the verbs is allowed. */
async function firstRefusal(
  verbs: readonly string[],
  name: string,
  scope: RequestScope,
): Promise<string | undefined> {
  let first: string | undefined
  for (const verb of verbs) {
    const refusal = await scope.whyRefused({ verb, subresource: 'driver', name })
    if (refusal === undefined) return undefined
    first ??= refusal
  }
  return first
}

/**
 * The drivers, in order, of whose devices something else is said than before. What goes because its device is no longer
 * allocated is nobody's saying.
 */
function changedDrivers(
  next: ResourceClaimStatus | undefined,
  previous: ResourceClaimStatus | undefined,
): string[] {
  const before = new Map((previous?.devices ?? []).map((device) => [deviceKey(device), device]))
  const drivers = new Set<string>()
  for (const device of next?.devices ?? []) {
    const key = deviceKey(device)
    if (!semanticEqual(before.get(key), device)) drivers.add(device.driver)
    before.delete(key)
  }
  const allocated = allocatedDevices(next)
  for (const [key, { driver }] of before) if (allocated.has(key)) drivers.add(driver)
  return [...drivers].sort(compareGoStrings)
}

/** The one node where the devices are, as the scheduler writes it; undefined where they are of more. */
function allocatedNode(allocation: AllocationResult | undefined): string | undefined {
  const [term, ...others] = allocation?.nodeSelector?.nodeSelectorTerms ?? []
  if (!term || others.length > 0 || term.matchExpressions?.length) return undefined
  const [field, ...more] = term.matchFields ?? []
  if (!field || more.length > 0 || field.key !== 'metadata.name' || field.operator !== 'In') return undefined
  return field.values?.length === 1 ? field.values[0] : undefined
}

/** Whether a service account speaks from the node. */
function isAssociated({ name, extra }: User, node: string | undefined): boolean {
  if (!node || !splitServiceAccountUsername(name)) return false
  const [own, ...others] = extra?.[nodeNameKey] ?? []
  return own === node && others.length === 0 && dns1123SubdomainErrors(own).length === 0
}
