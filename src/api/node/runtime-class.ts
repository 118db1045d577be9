import { invalid, path, required, type FieldError } from '../../machinery/field-error.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { RuntimeClass } from '../generated/node.v1.ts'
import { runtimeClasses } from '../generated/resources.ts'

export const runtimeClassDefinition: ResourceDefinition<RuntimeClass> = {
  resource: runtimeClasses,
  singular: 'runtimeclass',
  strategy: {
    validate: ({ handler }): FieldError[] => {
      if (!handler) return [required(path('handler'))]
      return dns1123LabelErrors(handler).map((message) => invalid(path('handler'), handler, message))
    },
    validateUpdate: (next, previous) =>
      next.handler === previous.handler ? [] : [invalid(path('handler'), next.handler, 'field is immutable')],
  },
  columns: [
    nameColumn,
    column('Handler', 'What the container runtime calls it.', ({ handler }) => handler),
    ageColumn,
  ],
}
