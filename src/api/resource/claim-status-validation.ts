import { jsonEqual } from '../../machinery/equal.ts'
import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  tooLong,
  tooMany,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateConditions } from '../../machinery/validation/conditions.ts'
import { validateInterfaceAddress } from '../../machinery/validation/ip.ts'
import { validateNodeSelector } from '../core/pod/affinity-validation.ts'
import type {
  AllocatedDeviceStatus,
  AllocationResult,
  DeviceRequestAllocationResult,
  NetworkDeviceData,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '../generated/resource.v1.ts'
import { validateImmutableStruct } from '../immutable-struct.ts'
import { allocatedDevices, deviceKey } from './allocated-device.ts'
import { validateBindingConditions } from './binding-conditions.ts'
import {
  maxConfigurations,
  requestNamesOf,
  validateConfiguration,
  validateRawObject,
  validateRequestReference,
  validateRequestReferences,
  validateTolerations,
  type RequestNames,
} from './device-claim-validation.ts'
import { validateList } from './list-rules.ts'
import { validateDriverName, validateLabelName, validatePoolName } from './names.ts'
import { validateShareId } from './share-id.ts'

const maxReservations = 256
const maxResults = 32
const maxDeviceConditions = 8
const maxDataLength = 10 * 1024
const maxIps = 16
const maxInterfaceNameLength = 256
const maxHardwareAddressLength = 128

/** Source: kubernetes/pkg/apis/resource/validation, ValidateResourceClaimStatusUpdate. */
export function validateClaimStatus(claim: ResourceClaim, previous: ResourceClaim): FieldError[] {
  const at = path('status')
  const { allocation, reservedFor = [], devices } = claim.status ?? {}
  const allocated = allocatedDevices(claim.status)
  const errors = [
    ...validateList(reservedFor, at.child('reservedFor'), {
      max: maxReservations,
      key: ({ uid }) => uid,
      item: validateConsumer,
    }),
    ...validateList(devices, at.child('devices'), {
      key: deviceKey,
      shownKey: shownDeviceKey,
      item: (device, field) => validateDeviceStatus(device, allocated, field),
    }),
  ]
  if (reservedFor.length > 0 && !allocation) {
    const detail = 'may not be specified when `allocated` is not set'
    errors.push(forbidden(at.child('reservedFor'), detail))
  } else if (claim.metadata?.deletionTimestamp) {
    const before = previous.status?.reservedFor ?? []
    if (reservedFor.some((entry) => !before.some((old) => jsonEqual(old, entry)))) {
      const detail =
        'new entries may not be added while `deallocationRequested` or `deletionTimestamp` are set'
      errors.push(forbidden(at.child('reservedFor'), detail))
    }
  }
  if (!allocation) return errors
  const field = at.child('allocation')
  const before = previous.status?.allocation
  const faults = before
    ? validateImmutableStruct('resource.v1.AllocationResult', allocation, before, field)
    : validateAllocation(allocation, requestNamesOf(claim.spec?.devices), field)
  return [...errors, ...faults]
}

/** Upstream's key is a struct that JSON cannot look into. */
const shownDeviceKey = { Driver: {}, Pool: {}, Device: {}, ShareID: {} }

function validateConsumer(consumer: ResourceClaimConsumerReference, at: FieldPath): FieldError[] {
  return (['resource', 'name', 'uid'] as const)
    .filter((field) => !consumer[field])
    .map((field) => required(at.child(field)))
}

function validateAllocation(
  { devices, nodeSelector }: AllocationResult,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  const field = at.child('devices')
  return [
    ...validateList(devices?.results, field.child('results'), {
      max: maxResults,
      item: (result, resultAt) => validateResult(result, names, resultAt),
    }),
    ...validateList(devices?.config, field.child('config'), {
      max: 2 * maxConfigurations,
      item: (config, configAt) => [
        ...validateSource(config.source, configAt.child('source')),
        ...validateRequestReferences(config.requests, names, configAt.child('requests')),
        ...validateConfiguration(config, configAt),
      ],
    }),
    ...(nodeSelector ? validateNodeSelector(nodeSelector, at.child('nodeSelector')) : []),
  ]
}

const configSources = ['FromClaim', 'FromClass']

function validateSource(source: string | undefined, at: FieldPath): FieldError[] {
  if (!source) return [required(at)]
  return configSources.includes(source) ? [] : [notSupported(at, source, configSources)]
}

function validateResult(
  result: DeviceRequestAllocationResult,
  names: RequestNames,
  at: FieldPath,
): FieldError[] {
  return [
    ...validateRequestReference(result.request, names, at.child('request')),
    ...validateDriverName(result.driver, at.child('driver')),
    ...validatePoolName(result.pool, at.child('pool')),
    ...validateLabelName(result.device, at.child('device')),
    ...validateBindingConditions(result, at),
    ...validateTolerations(result.tolerations, at.child('tolerations')),
    ...validateShareId(result.shareID, at.child('shareID')),
  ]
}

function validateDeviceStatus(
  device: AllocatedDeviceStatus,
  allocated: ReadonlySet<string>,
  at: FieldPath,
): FieldError[] {
  const { conditions = [], data, networkData } = device
  const errors = [
    ...validateDriverName(device.driver, at.child('driver')),
    ...validatePoolName(device.pool, at.child('pool')),
    ...validateLabelName(device.device, at.child('device')),
    ...validateShareId(device.shareID, at.child('shareID')),
  ]
  if (!allocated.has(deviceKey(device)))
    errors.push(invalid(at, shownDeviceKey, 'must be an allocated device in the claim'))
  if (conditions.length > maxDeviceConditions)
    errors.push(tooMany(at.child('conditions'), conditions.length, maxDeviceConditions))
  errors.push(...validateConditions(conditions, at.child('conditions')))
  if (data !== undefined && data !== null)
    errors.push(...validateRawObject(data, at.child('data'), maxDataLength))
  if (networkData) errors.push(...validateNetworkData(networkData, at.child('networkData')))
  return errors
}

function validateNetworkData(data: NetworkDeviceData, at: FieldPath): FieldError[] {
  const { interfaceName = '', hardwareAddress = '', ips } = data
  const errors: FieldError[] = []
  if (Buffer.byteLength(interfaceName) > maxInterfaceNameLength)
    errors.push(tooLong(at.child('interfaceName'), '', maxInterfaceNameLength))
  if (Buffer.byteLength(hardwareAddress) > maxHardwareAddressLength)
    errors.push(tooLong(at.child('hardwareAddress'), '', maxHardwareAddressLength))
  return [
    ...errors,
    ...validateList(ips, at.child('ips'), {
      max: maxIps,
      key: (address) => address,
      item: (address, field) => validateInterfaceAddress(field, address),
    }),
  ]
}
