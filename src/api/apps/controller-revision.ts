import { path, required, type FieldError } from '../../machinery/field-error.ts'
import type { JsonValue } from '../../machinery/meta.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ControllerRevision } from '../generated/apps.v1.ts'
import { controllerRevisions } from '../generated/resources.ts'
import { nonNegative } from './workload.ts'

export const controllerRevisionDefinition: ResourceDefinition<ControllerRevision> = {
  resource: controllerRevisions,
  singular: 'controllerrevision',
  strategy: {
    validatesUpdateAlone: true,
    validate: (revision) => [...validateRevision(revision), ...validateData(revision.data)],
    validateUpdate: (next, previous) => [
      ...validateRevision(next),
      ...validateImmutableField(next.data ?? null, previous.data ?? null, path('data')),
    ],
  },
  columns: [
    nameColumn,
    column('Controller', 'The object whose state it holds.', ({ metadata }) => {
      const owner = metadata?.ownerReferences?.find(({ controller }) => controller)
      if (!owner) return '<none>'
      const group = owner.apiVersion.includes('/') ? `.${owner.apiVersion.split('/')[0]}` : ''
      return `${owner.kind.toLowerCase()}${group}/${owner.name}`
    }),
    integerColumn('Revision', 'The number of the state.', ({ revision }) => revision),
    ageColumn,
  ],
}

function validateRevision({ revision }: ControllerRevision): FieldError[] {
  return nonNegative(revision, path('revision'))
}

/** Asked of new ones alone: nobody can change the data of old ones. */
function validateData(data: JsonValue | undefined): FieldError[] {
  if (data === undefined || data === null) return [required(path('data'), 'data is mandatory')]
  const isObject = typeof data === 'object' && !Array.isArray(data)
  return isObject ? [] : [required(path('data'), 'data must be a valid JSON object')]
}
