import { ageColumn, column, nameColumn } from '../columns.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { ResourceDefinition } from '../definition.ts'
import { resourceSlices } from '../generated/resources.ts'
import type { ResourceSlice } from '../generated/resource.v1.ts'
import { defaultDeviceTaints } from './defaults.ts'
import { dropDisabledFields } from './disabled-fields.ts'
import { validateResourceSlice } from './resource-slice-validation.ts'

export const resourceSliceDefinition: ResourceDefinition<ResourceSlice> = {
  resource: resourceSlices,
  singular: 'resourceslice',
  strategy: {
    defaults({ spec }, nowMs) {
      if (nowMs === undefined) return
      for (const { taints } of spec?.devices ?? []) defaultDeviceTaints(taints, nowMs)
    },
    prepareForCreate: (slice) => dropDisabledFields(slice),
    prepareForUpdate: dropDisabledFields,
    validate: ({ spec }) => validateResourceSlice(spec),
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) => validateResourceSlice(spec, previous.spec),
    warnings: ({ spec }) => warningsOf(spec.driver),
  },
  columns: [
    nameColumn,
    column('Node', 'The node whose devices they are.', ({ spec }) => spec.nodeName ?? '<unset>'),
    column('Driver', 'Whose devices they are.', ({ spec }) => spec.driver),
    column('Pool', 'What they belong to.', ({ spec }) => spec.pool.name),
    ageColumn,
  ],
  selectableFields: ({ spec }) => ({
    'spec.nodeName': spec?.nodeName ?? '',
    'spec.driver': spec?.driver ?? '',
  }),
}

function warningsOf(driver: string): string[] {
  if (driver === driver.toLowerCase()) return []
  return [`spec.driver: driver names should be lowercase; ${goQuote(driver)} contains uppercase characters`]
}
