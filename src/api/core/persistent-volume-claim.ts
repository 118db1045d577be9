import { path } from '../../machinery/field-error.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PersistentVolumeClaim } from '../generated/core.v1.ts'
import { persistentVolumeClaims } from '../generated/resources.ts'
import { accessModesText } from './access-modes.ts'
import {
  normalizeDataSources,
  validateClaimSpec,
  validateClaimStatus,
  validateClaimUpdate,
} from './claim-validation.ts'
import { claimWarnings } from './claim-warnings.ts'

export const persistentVolumeClaimDefinition: ResourceDefinition<PersistentVolumeClaim> = {
  resource: persistentVolumeClaims,
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  strategy: {
    tracksGeneration: false,
    defaults({ spec }) {
      if (spec) spec.volumeMode ??= 'Filesystem'
    },
    prepareForCreate(claim) {
      claim.status = { phase: 'Pending' }
      if (claim.spec) normalizeDataSources(claim.spec)
    },
    prepareForUpdate({ spec }, previous) {
      if (spec) normalizeDataSources(spec, previous.spec)
    },
    validate: ({ spec }) => validateClaimSpec(spec, path('spec')),
    validatesUpdateAlone: true,
    warnings: claimWarnings,
    validateUpdate: validateClaimUpdate,
    status: { validateUpdate: validateClaimStatus },
  },
  columns: [
    nameColumn,
    column('Status', 'The phase it is in.', ({ status, metadata }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Volume', 'The volume it is bound to.', ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', 'How much it holds.', ({ spec, status }) =>
      spec?.volumeName ? (status?.capacity?.storage ?? '') : '',
    ),
    column('Access Modes', 'How it can be mounted.', ({ spec, status }) =>
      spec?.volumeName ? accessModesText(status?.accessModes) : '',
    ),
    column('StorageClass', 'The class it asks for.', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName || '<unset>',
    ),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode ?? '<unset>')),
  ],
}
