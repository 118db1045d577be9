import { path } from '../../machinery/field-error.ts'
import { validateTemplateMetadata } from '../../machinery/validation/template-metadata.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { resourceClaimTemplates } from '../generated/resources.ts'
import type { ResourceClaimTemplate } from '../generated/resource.v1.ts'
import { validateImmutableStruct } from '../immutable-struct.ts'
import { defaultDeviceClaim } from './defaults.ts'
import { validateDeviceClaim } from './device-claim-validation.ts'
import { loadSelectors } from './selector-loader.ts'

export const resourceClaimTemplateDefinition: ResourceDefinition<ResourceClaimTemplate> = {
  resource: resourceClaimTemplates,
  singular: 'resourceclaimtemplate',
  loadWrites: loadSelectors,
  strategy: {
    tracksGeneration: false,
    defaults: ({ spec }) => defaultDeviceClaim(spec?.spec?.devices),
    validate: ({ spec }) => [
      ...validateTemplateMetadata(spec?.metadata, path('spec', 'metadata')),
      ...validateDeviceClaim(spec?.spec?.devices, path('spec', 'spec', 'devices')),
    ],
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) =>
      validateImmutableStruct('resource.v1.ResourceClaimTemplateSpec', spec, previous.spec, path('spec')),
  },
  columns: [nameColumn, ageColumn],
}
