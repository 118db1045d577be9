import { jsonEqual } from '../../machinery/equal.ts'
import { forbidden, notSupported, path, required, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { Column, ResourceDefinition } from '../definition.ts'
import type { StorageClass } from '../generated/storage.v1.ts'
import { storageClasses } from '../generated/resources.ts'

const defaultClass = 'storageclass.kubernetes.io/is-default-class'
const bindingModes = ['Immediate', 'WaitForFirstConsumer']
const reclaimPolicies = ['Delete', 'Retain']

export const storageClassDefinition: ResourceDefinition<StorageClass> = {
  resource: storageClasses,
  singular: 'storageclass',
  shortNames: ['sc'],
  strategy: {
    defaults(storageClass) {
      storageClass.reclaimPolicy ??= 'Delete'
      storageClass.volumeBindingMode ??= 'Immediate'
    },
    validate: validateStorageClass,
    validateUpdate: validateStorageClassUpdate,
  },
  columns: [
    {
      ...(nameColumn as Column<StorageClass>),
      cell: ({ metadata }) =>
        `${metadata?.name}${metadata?.annotations?.[defaultClass] === 'true' ? ' (default)' : ''}`,
    },
    column('Provisioner', 'What makes its volumes.', ({ provisioner }) => provisioner),
    column(
      'ReclaimPolicy',
      'What happens to a volume when its claim goes.',
      ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    ),
    column(
      'VolumeBindingMode',
      'When a claim gets its volume.',
      ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>',
    ),
    {
      ...column<StorageClass>('AllowVolumeExpansion', 'Whether volumes may grow.', () => ''),
      cell: ({ allowVolumeExpansion }) => `${allowVolumeExpansion ?? false}`,
    },
    ageColumn,
  ],
}

function validateStorageClass({ provisioner, volumeBindingMode, reclaimPolicy }: StorageClass): FieldError[] {
  const errors: FieldError[] = []
  if (!provisioner) errors.push(required(path('provisioner'), provisioner))
  if (reclaimPolicy && !reclaimPolicies.includes(reclaimPolicy))
    errors.push(notSupported(path('reclaimPolicy'), reclaimPolicy, reclaimPolicies))
  if (!volumeBindingMode) errors.push(required(path('volumeBindingMode')))
  else if (!bindingModes.includes(volumeBindingMode))
    errors.push(notSupported(path('volumeBindingMode'), volumeBindingMode, bindingModes))
  return errors
}

function validateStorageClassUpdate(next: StorageClass, previous: StorageClass): FieldError[] {
  const fixed = ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'] as const
  return fixed
    .filter((name) => !jsonEqual(next[name], previous[name]))
    .map((name) => forbidden(path(name), `updates to ${name} are forbidden.`))
}
