import { jsonEqual } from '../../machinery/equal.ts'
import {
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors, labelValueErrors } from '../../machinery/validation/names.ts'
import { validateLabelName as validateLabelKey } from '../../machinery/validation/labels.ts'
import { validateNodeSelector } from '../core/pod/affinity-validation.ts'
import type { Device, DeviceAttribute, DeviceTaint } from '../generated/resource.v1.ts'
import { internalForm } from '../internal-form.ts'
import { validateBindingConditions } from './binding-conditions.ts'
import { validateCapacities } from './capacity-validation.ts'
import { validateCounters } from './counters.ts'
import { validateList } from './list-rules.ts'
import { validateLabelName, validateQualifiedName } from './names.ts'
import { shownKey } from './shown-key.ts'

const maxAttributesAndCapacities = 32
const maxAttributeValues = 48
const maxTaints = 16
const maxConsumptions = 2
const maxAttributeLength = 64
const effects = ['NoExecute', 'NoSchedule', 'None']

/** `previous`: what is as it was is not looked at again, where the rules became stricter. */
export function validateDevice(
  device: Device,
  previous: Device | undefined,
  choosesNodes: boolean,
  at: FieldPath,
): FieldError[] {
  const { attributes = {}, capacity = {}, taints } = device
  const errors = validateLabelName(device.name, at.child('name'))
  const total = Object.keys(attributes).length + Object.keys(capacity).length
  if (total > maxAttributesAndCapacities) {
    const detail = `the total number of attributes and capacities must not exceed ${maxAttributesAndCapacities}`
    errors.push(invalid(at, total, detail))
  }
  const values = Object.values(attributes).reduce((sum, attribute) => sum + valuesOf(attribute), 0)
  if (values > maxAttributeValues) {
    const detail = `the total number of attribute values must not exceed ${maxAttributeValues}`
    errors.push(invalid(at, values, detail))
  }
  const attributesAt = at.child('attributes')
  for (const [name, attribute] of Object.entries(attributes)) {
    errors.push(
      ...validateQualifiedName(name, attributesAt),
      ...validateAttribute(attribute, attributesAt.key(shownKey(name))),
    )
  }
  if (!previous || !jsonEqual(previous.capacity, device.capacity))
    errors.push(...validateCapacities(device, at.child('capacity')))
  if (!previous || !jsonEqual(previous.taints, taints))
    errors.push(...validateList(taints, at.child('taints'), { max: maxTaints, item: validateTaint }))
  errors.push(
    ...validateList(device.consumesCounters, at.child('consumesCounters'), {
      max: maxConsumptions,
      key: ({ counterSet }) => counterSet,
      item: ({ counterSet, counters }, field) => [
        ...(counterSet
          ? validateLabelName(counterSet, field.child('counterSet'))
          : [required(field.child('counterSet'))]),
        ...validateCounters(counters, field.child('counters')),
      ],
    }),
    ...validateNodes(device, choosesNodes, at),
    ...validateBindingConditions(device, at),
  )
  return errors
}

const semanticVersion =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$/

function validateAttribute(attribute: DeviceAttribute, at: FieldPath): FieldError[] {
  const { string, version } = attribute
  const errors: FieldError[] = []
  if (string !== undefined && Buffer.byteLength(string) > maxAttributeLength)
    errors.push(tooLong(at.child('string'), '', maxAttributeLength))
  if (version !== undefined) {
    const field = at.child('version')
    if (!semanticVersion.test(version))
      errors.push(invalid(field, version, 'must be a string compatible with semver.org spec 2.0.0'))
    if (Buffer.byteLength(version) > maxAttributeLength) errors.push(tooLong(field, '', maxAttributeLength))
  }
  const count = Object.values(attribute).filter((value) => value !== undefined).length
  if (count !== 1)
    errors.push(
      invalid(
        at,
        count === 0 ? '' : internalForm('resource.v1.DeviceAttribute', attribute),
        'exactly one value must be specified',
      ),
    )
  return errors
}

/** One, or as many as its lists hold. */
function valuesOf({ ints = [], bools = [], strings = [], versions = [] }: DeviceAttribute): number {
  return ints.length + bools.length + strings.length + versions.length || 1
}

function validateTaint({ key, value, effect }: DeviceTaint, at: FieldPath): FieldError[] {
  const errors = validateLabelKey(key ?? '', at.child('key'))
  if (value) errors.push(...invalidFor(at.child('value'), value, labelValueErrors(value)))
  if (!effect) errors.push(required(at.child('effect')))
  else if (!effects.includes(effect)) errors.push(notSupported(at.child('effect'), effect, effects))
  return errors
}

function validateNodes(device: Device, choosesNodes: boolean, at: FieldPath): FieldError[] {
  const { nodeName, nodeSelector, allNodes } = device
  if (!choosesNodes) {
    if (nodeName === undefined && !nodeSelector && allNodes === undefined) return []
    const detail =
      '`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
    return [invalid(at, null, detail)]
  }
  const errors: FieldError[] = []
  const given: string[] = []
  if (nodeName) {
    given.push('`nodeName`')
    const field = at.child('nodeName')
    errors.push(...invalidFor(field, nodeName, dns1123SubdomainErrors(nodeName)))
  } else if (nodeName !== undefined) errors.push(invalid(at.child('nodeName'), nodeName, 'must not be empty'))
  if (nodeSelector) {
    given.push('`nodeSelector`')
    errors.push(...validateNodeSelector(nodeSelector, at.child('nodeSelector')))
  }
  if (allNodes) given.push('`allNodes`')
  else if (allNodes !== undefined)
    errors.push(invalid(at.child('allNodes'), allNodes, 'must be either unset or set to true'))
  const one =
    'exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec'
  if (given.length === 0) errors.push(required(at, one))
  if (given.length > 1) errors.push(invalid(at, `{${given.join(', ')}}`, one))
  return errors
}
