import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { PersistentVolume } from '../generated/core.v1.ts'
import { persistentVolumes } from '../generated/resources.ts'
import { accessModesText } from './access-modes.ts'
import { validatePersistentVolume, validatePersistentVolumeUpdate } from './persistent-volume-validation.ts'
import { persistentVolumeWarnings } from './persistent-volume-warnings.ts'

export const persistentVolumeDefinition: ResourceDefinition<PersistentVolume> = {
  resource: persistentVolumes,
  singular: 'persistentvolume',
  shortNames: ['pv'],
  strategy: {
    tracksGeneration: false,
    defaults({ spec }) {
      if (!spec) return
      spec.persistentVolumeReclaimPolicy ||= 'Retain'
      spec.volumeMode ??= 'Filesystem'
      if (spec.hostPath) spec.hostPath.type ??= ''
    },
    prepareForCreate(volume) {
      volume.status = { phase: 'Pending' }
    },
    validate: validatePersistentVolume,
    warnings: persistentVolumeWarnings,
    validateUpdate: validatePersistentVolumeUpdate,
    status: {},
  },
  columns: [
    nameColumn,
    column('Capacity', 'How much it holds.', ({ spec }) => spec?.capacity?.storage ?? ''),
    column('Access Modes', 'How it can be mounted.', ({ spec }) => accessModesText(spec?.accessModes)),
    column(
      'Reclaim Policy',
      'What happens to it when its claim goes.',
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column('Status', 'The phase it is in.', ({ status, metadata }) =>
      metadata?.deletionTimestamp ? 'Terminating' : (status?.phase ?? ''),
    ),
    column('Claim', 'The claim it is bound to.', ({ spec }) =>
      spec?.claimRef ? `${spec.claimRef.namespace}/${spec.claimRef.name}` : '',
    ),
    column('StorageClass', 'The class it is of.', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'The class of its attributes.',
      ({ spec }) => spec?.volumeAttributesClassName || '<unset>',
    ),
    column('Reason', 'Why it is in its phase.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide(column('VolumeMode', 'Filesystem or Block.', ({ spec }) => spec?.volumeMode ?? '<unset>')),
  ],
}
