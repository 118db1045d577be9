import { path } from '../../machinery/field-error.ts'
import type { Writable } from '../../machinery/meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { resourceClaims } from '../generated/resources.ts'
import type { ResourceClaim } from '../generated/resource.v1.ts'
import { validateImmutableStruct } from '../immutable-struct.ts'
import { allocatedDevices, deviceKey } from './allocated-device.ts'
import { validateClaimStatus } from './claim-status-validation.ts'
import { defaultDeviceClaim } from './defaults.ts'
import { validateDeviceClaim } from './device-claim-validation.ts'
import { loadSelectors } from './selector-loader.ts'

export const resourceClaimDefinition: ResourceDefinition<ResourceClaim> = {
  resource: resourceClaims,
  singular: 'resourceclaim',
  loadWrites: loadSelectors,
  strategy: {
    tracksGeneration: false,
    defaults: ({ spec }) => defaultDeviceClaim(spec?.devices),
    validate: ({ spec }) => validateDeviceClaim(spec?.devices, path('spec', 'devices')),
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) =>
      validateImmutableStruct('resource.v1.ResourceClaimSpec', spec, previous.spec, path('spec')),
    status: {
      keptMetadata: 'all',
      prepareForUpdate: dropDeallocatedDevices,
      validateUpdate: validateClaimStatus,
    },
  },
  columns: [
    nameColumn,
    column('State', 'Whether devices are allocated, and for somebody.', stateText),
    ageColumn,
  ],
}

/** What is said of a device goes with its allocation. */
function dropDeallocatedDevices({ status }: Writable<ResourceClaim>, previous: ResourceClaim): void {
  if (!status?.devices) return
  const allocated = allocatedDevices(status)
  const before = allocatedDevices(previous.status)
  const devices = status.devices.filter((device) => {
    const key = deviceKey(device)
    return allocated.has(key) || !before.has(key)
  })
  if (devices.length > 0) status.devices = devices
  else delete status.devices
}

function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata?.deletionTimestamp !== undefined
  const states = isDeleted ? ['deleted'] : []
  if (!status?.allocation) return isDeleted ? 'deleted' : 'pending'
  states.push('allocated')
  if (status.reservedFor?.length) states.push('reserved')
  return states.join(',')
}
