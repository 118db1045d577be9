import { path } from '../../machinery/field-error.ts'
import { validateAnnotations, validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import { ageColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import { resourceClaimTemplates } from '../generated/resources.ts'
import type { ResourceClaimTemplate } from '../generated/resource.v1.ts'
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
      ...validateAnnotations(spec?.metadata?.annotations, path('spec', 'metadata', 'annotations')),
      ...validateLabels(spec?.metadata?.labels, path('spec', 'metadata', 'labels')),
      ...validateDeviceClaim(spec?.spec?.devices, path('spec', 'spec', 'devices')),
    ],
    validatesUpdateAlone: true,
    validateUpdate: ({ spec }, previous) => validateImmutableField(spec, previous.spec, path('spec')),
  },
  columns: [nameColumn, ageColumn],
}
