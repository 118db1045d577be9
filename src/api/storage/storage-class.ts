import { jsonEqual } from '../../machinery/equal.ts'
import {
  duplicate,
  forbidden,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { Column, ResourceDefinition } from '../definition.ts'
import type { StorageClass } from '../generated/storage.v1.ts'
import { storageClasses } from '../generated/resources.ts'
import { validateParameters, validateProvisioner } from './parameters.ts'
import { deprecatedNodeLabel } from '../core/node-labels.ts'

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
    warnings: ({ allowedTopologies = [] }) =>
      allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
        matchLabelExpressions.flatMap(({ key }, position) => {
          const message = deprecatedNodeLabel(key)
          const at = path('allowedTopologies').index(index).child('matchLabelExpressions').index(position)
          return message ? [`${String(at)}: ${message}`] : []
        }),
      ),
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

/** Source: kubernetes/pkg/apis/storage/validation. */
function validateStorageClass(storageClass: StorageClass): FieldError[] {
  const { provisioner, parameters, volumeBindingMode, reclaimPolicy, allowedTopologies } = storageClass
  const errors = [
    ...validateProvisioner(provisioner, path('provisioner')),
    ...validateParameters(parameters, path('parameters')),
  ]
  if (reclaimPolicy && !reclaimPolicies.includes(reclaimPolicy))
    errors.push(notSupported(path('reclaimPolicy'), reclaimPolicy, reclaimPolicies))
  if (volumeBindingMode === undefined) errors.push(required(path('volumeBindingMode')))
  else if (!bindingModes.includes(volumeBindingMode))
    errors.push(notSupported(path('volumeBindingMode'), volumeBindingMode, bindingModes))
  return [...errors, ...topologyErrors(allowedTopologies, path('allowedTopologies'))]
}

/** Terms that differ, each with values to choose from; upstream takes one that says nothing for a repeated one. */
function topologyErrors(terms: StorageClass['allowedTopologies'], at: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const seenTerms: unknown[] = []
  for (const [index, { matchLabelExpressions = [] }] of (terms ?? []).entries()) {
    const field = at.index(index)
    const term: Record<string, readonly string[]> = {}
    for (const [position, { key, values }] of matchLabelExpressions.entries()) {
      const expressionAt = field.child('matchLabelExpressions').index(position)
      errors.push(...validateLabelName(key, expressionAt.child('key')))
      if (Object.hasOwn(term, key)) errors.push(duplicate(expressionAt.child('key'), key))
      if (values.length === 0) errors.push(required(expressionAt.child('values')))
      for (const [place, value] of values.entries()) {
        if (values.indexOf(value) !== place)
          errors.push(duplicate(expressionAt.child('values').index(place), value))
      }
      term[key] = [...new Set(values)].sort()
    }
    if (matchLabelExpressions.length === 0 || seenTerms.some((seen) => jsonEqual(seen, term)))
      errors.push(duplicate(field.child('matchLabelExpressions'), ''))
    seenTerms.push(term)
  }
  return errors
}

function validateStorageClassUpdate(next: StorageClass, previous: StorageClass): FieldError[] {
  const fixed = ['parameters', 'provisioner', 'reclaimPolicy'] as const
  const errors = fixed
    .filter((name) => !jsonEqual(next[name], previous[name]))
    .map((name) => forbidden(path(name), `updates to ${name} are forbidden.`))
  const [now, before] = [next.volumeBindingMode ?? null, previous.volumeBindingMode ?? null]
  return [...errors, ...validateImmutableField(now, before, path('volumeBindingMode'))]
}
