import { invalid, path, type FieldError } from '../../machinery/field-error.ts'
import type { LabelSelector } from '../../machinery/meta.ts'
import { quantitySign } from '../../machinery/quantity.ts'
import { semanticEqual } from '../../machinery/equal.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { fieldImmutableMessage } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { CSIStorageCapacity } from '../generated/storage.v1.ts'
import { csiStorageCapacities } from '../generated/resources.ts'
import { nodeSelectorWarnings } from '../core/node-labels.ts'
import { internalForm } from '../internal-form.ts'

/** How much a CSI driver can still provide in one part of a cluster. */
export const csiStorageCapacityDefinition: ResourceDefinition<CSIStorageCapacity> = {
  resource: csiStorageCapacities,
  singular: 'csistoragecapacity',
  strategy: {
    allowUnconditionalUpdate: false,
    validate: validateCapacity,
    warnings: ({ nodeTopology }) => nodeSelectorWarnings(nodeTopology, path('nodeTopology')),
    validateUpdate: (next, previous) =>
      (['nodeTopology', 'storageClassName'] as const)
        .filter((field) => !semanticEqual(next[field], previous[field]))
        .map((field) => invalid(path(field), shown(next[field]), fieldImmutableMessage)),
  },
  columns: [
    nameColumn,
    column('StorageClassName', 'The class it is about.', ({ storageClassName }) => storageClassName),
    column('Capacity', 'How much there is.', ({ capacity }) => capacity ?? '<unset>'),
    wide(
      column('MaximumVolumeSize', 'The largest volume there can be.', ({ maximumVolumeSize }) => {
        return maximumVolumeSize ?? '<unset>'
      }),
    ),
    ageColumn,
  ],
}

/** Source: kubernetes/pkg/apis/storage/validation. */
function validateCapacity(capacity: CSIStorageCapacity): FieldError[] {
  const { storageClassName, nodeTopology } = capacity
  const at = path('storageClassName')
  const errors = dns1123SubdomainErrors(storageClassName ?? '').map((message) =>
    invalid(at, storageClassName ?? '', message),
  )
  if (nodeTopology) errors.push(...validateLabelSelector(nodeTopology, path('nodeTopology')))
  const amount = capacity.capacity
  if (amount !== undefined && quantitySign(amount) < 0)
    errors.push(invalid(path('capacity'), amount, 'must be greater than or equal to 0'))
  return errors
}

function shown(value: LabelSelector | string | undefined) {
  return typeof value === 'string' ? value : internalForm('meta.v1.LabelSelector', value)
}
