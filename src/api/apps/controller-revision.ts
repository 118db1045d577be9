import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { ControllerRevision } from '../generated/apps.v1.ts'
import { controllerRevisions } from '../generated/resources.ts'

export const controllerRevisionDefinition: ResourceDefinition<ControllerRevision> = {
  resource: controllerRevisions,
  singular: 'controllerrevision',
  strategy: {
    validate: ({ revision, data }): FieldError[] => [
      ...(data === undefined || data === null ? [required(path('data'), 'data is mandatory')] : []),
      ...(revision < 0 ? [invalid(path('revision'), revision, 'must be greater than or equal to 0')] : []),
    ],
    validateUpdate: (next, previous) =>
      jsonEqual(next.data, previous.data) ? [] : [invalid(path('data'), next.data, 'field is immutable')],
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
