import { path } from '../../machinery/field-error.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { resourceClaims } from '../generated/resources.ts'
import type { ResourceClaim } from '../generated/resource.v1.ts'
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
    validateUpdate: ({ spec }, previous) => validateImmutableField(spec, previous.spec, path('spec')),
    status: {
      prepareForUpdate({ status }, previous) {
        // What is said of devices goes with their allocation.
        if (status && previous.status?.allocation && !status.allocation) delete status.devices
      },
      validateUpdate: validateClaimStatus,
    },
  },
  columns: [
    nameColumn,
    column('State', 'Whether devices are allocated, and for somebody.', stateText),
    ageColumn,
  ],
}

function stateText({ metadata, status }: ResourceClaim): string {
  const isDeleted = metadata?.deletionTimestamp !== undefined
  const states = isDeleted ? ['deleted'] : []
  if (!status?.allocation) return isDeleted ? 'deleted' : 'pending'
  states.push('allocated')
  if (status.reservedFor?.length) states.push('reserved')
  return states.join(',')
}
