import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, path } from '../../machinery/field-error.ts'
import { validateDomainPrefixedPath } from '../../machinery/validation/domain-names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { IngressClass } from '../generated/networking.v1.ts'
import { ingressClasses } from '../generated/resources.ts'

export const ingressClassDefinition: ResourceDefinition<IngressClass> = {
  resource: ingressClasses,
  singular: 'ingressclass',
  strategy: {
    defaults({ spec }) {
      if (spec?.parameters) spec.parameters.scope ??= 'Cluster'
    },
    validate: ({ spec }) =>
      spec?.controller ? validateDomainPrefixedPath(path('spec').child('controller'), spec.controller) : [],
    validateUpdate: (next, previous) =>
      jsonEqual(next.spec?.controller, previous.spec?.controller)
        ? []
        : [invalid(path('spec').child('controller'), next.spec?.controller ?? '', 'field is immutable')],
  },
  columns: [
    nameColumn,
    column('Controller', 'The controller that serves the class.', ({ spec }) => spec?.controller ?? ''),
    column('Parameters', 'Further settings of the controller.', ({ spec }) => {
      const { apiGroup, kind, name } = spec?.parameters ?? {}
      if (!kind) return '<none>'
      return `${kind}${apiGroup ? `.${apiGroup}` : ''}/${name}`
    }),
    ageColumn,
  ],
}
