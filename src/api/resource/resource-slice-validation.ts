import {
  invalid,
  invalidFor,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { validateNodeSelector } from '../core/pod/affinity-validation.ts'
import { internalList } from '../internal-form.ts'
import type { CounterSet, Device, ResourcePool, ResourceSliceSpec } from '../generated/resource.v1.ts'
import { validateDevice } from './device-validation.ts'
import { validateCounters } from './counters.ts'
import { validateList } from './list-rules.ts'
import { validateDriverName, validateLabelName, validatePoolName } from './names.ts'

const maxDevices = 128
const maxDevicesWithMore = 64
const maxCounterSets = 8

/**
 * `previous`: what stays as it is, and what is not looked at again. Source: kubernetes/pkg/apis/resource/validation,
 * ValidateResourceSlice and ValidateResourceSliceUpdate.
 */
export function validateResourceSlice(
  spec: ResourceSliceSpec | undefined,
  previous?: ResourceSliceSpec,
): FieldError[] {
  const at = path('spec')
  if (!spec) return [required(at)]
  const { devices, sharedCounters } = spec
  const errors = [
    ...validateDriverName(spec.driver, at.child('driver')),
    ...validatePool(spec.pool, at.child('pool')),
    ...(previous ? validateImmutableFields(spec, previous, at) : []),
    ...validateNodes(spec, at),
  ]
  if (sharedCounters !== undefined && devices !== undefined)
    errors.push(invalid(at, '', 'only one of `sharedCounters` or `devices` is allowed'))
  return [
    ...errors,
    ...validateList(devices, at.child('devices'), {
      max: (devices ?? []).some(hasMore) ? maxDevicesWithMore : maxDevices,
      key: ({ name }) => name,
      item: (device, field) => {
        const before = previous?.devices?.find(({ name }) => name === device.name)
        return validateDevice(device, before, spec.perDeviceNodeSelection === true, field)
      },
    }),
    ...validateList(sharedCounters, at.child('sharedCounters'), {
      max: maxCounterSets,
      key: ({ name }) => name,
      item: validateCounterSet,
    }),
  ]
}

function validateImmutableFields(
  next: ResourceSliceSpec,
  previous: ResourceSliceSpec,
  at: FieldPath,
): FieldError[] {
  return [
    ...validateImmutableField(next.pool?.name, previous.pool?.name, at.child('pool', 'name')),
    ...validateImmutableField(next.driver, previous.driver, at.child('driver')),
    ...validateImmutableField(next.nodeName, previous.nodeName, at.child('nodeName')),
  ]
}

/** Slices with such devices hold fewer. */
function hasMore({ taints, consumesCounters }: Device): boolean {
  return (taints?.length ?? 0) > 0 || (consumesCounters?.length ?? 0) > 0
}

function validatePool(pool: ResourcePool | undefined, at: FieldPath): FieldError[] {
  const { name, resourceSliceCount = 0, generation = 0 } = pool ?? {}
  const errors = validatePoolName(name, at.child('name'))
  if (resourceSliceCount <= 0)
    errors.push(invalid(at.child('resourceSliceCount'), resourceSliceCount, 'must be greater than zero'))
  if (generation < 0)
    errors.push(invalid(at.child('generation'), generation, 'must be greater than or equal to zero'))
  return errors
}

/** The devices are of one node, some nodes, all nodes, or each says it. */
function validateNodes(spec: ResourceSliceSpec, at: FieldPath): FieldError[] {
  const { nodeName, nodeSelector, allNodes, perDeviceNodeSelection } = spec
  const errors: FieldError[] = []
  const given: string[] = []
  if (nodeName) {
    given.push('`nodeName`')
    const field = at.child('nodeName')
    errors.push(...invalidFor(field, nodeName, dns1123SubdomainErrors(nodeName)))
  } else if (nodeName !== undefined) {
    const detail = 'must be either unset or set to a non-empty string'
    errors.push(invalid(at.child('nodeName'), nodeName, detail))
  }
  if (nodeSelector) {
    given.push('`nodeSelector`')
    errors.push(...validateNodeSelector(nodeSelector, at.child('nodeSelector')))
    const terms = nodeSelector.nodeSelectorTerms
    if (terms.length !== 1) {
      const shown = internalList('core.v1.NodeSelectorTerm', terms)
      const field = at.child('nodeSelector', 'nodeSelectorTerms')
      errors.push(invalid(field, shown, 'must have exactly one node selector term'))
    }
  }
  for (const [name, value] of Object.entries({ allNodes, perDeviceNodeSelection })) {
    if (value) given.push(`\`${name}\``)
    else if (value !== undefined)
      errors.push(invalid(at.child(name), value, 'must be either unset or set to true'))
  }
  const one = 'exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required'
  if (given.length === 0) errors.push(required(at, one))
  if (given.length > 1)
    errors.push(invalid(at, `{${given.join(', ')}}`, `${one}, but multiple fields are set`))
  return errors
}

function validateCounterSet({ name, counters }: CounterSet, at: FieldPath): FieldError[] {
  return [
    ...(name ? validateLabelName(name, at.child('name')) : [required(at.child('name'))]),
    ...validateCounters(counters, at.child('counters')),
  ]
}
