import {
  forbidden,
  invalid,
  notSupported,
  path,
  required,
  tooLong,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { validateDomainPrefixedPath } from '../../machinery/validation/domain-names.ts'
import { dns1123LabelErrors } from '../../machinery/validation/names.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { IngressClass, IngressClassParametersReference } from '../generated/networking.v1.ts'
import { ingressClasses } from '../generated/resources.ts'
import { referenceErrors } from './ingress-validation.ts'

const maxControllerLength = 250
const scopes = ['Cluster', 'Namespace']

export const ingressClassDefinition: ResourceDefinition<IngressClass> = {
  resource: ingressClasses,
  singular: 'ingressclass',
  strategy: {
    defaults({ spec }) {
      if (spec?.parameters) spec.parameters.scope ??= 'Cluster'
    },
    validate: validateIngressClass,
    validateUpdate: ({ spec }, previous) =>
      validateImmutableField(
        spec?.controller ?? '',
        previous.spec?.controller ?? '',
        path('spec', 'controller'),
      ),
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

/** Source: kubernetes/pkg/apis/networking/validation. */
function validateIngressClass({ spec }: IngressClass): FieldError[] {
  const { controller, parameters } = spec ?? {}
  const at = path('spec', 'controller')
  const errors: FieldError[] = []
  if (!controller) errors.push(required(at))
  else {
    if (controller.length > maxControllerLength) errors.push(tooLong(at, '', maxControllerLength))
    errors.push(...validateDomainPrefixedPath(at, controller))
  }
  return parameters ? [...errors, ...parameterErrors(parameters, path('spec', 'parameters'))] : errors
}

function parameterErrors(parameters: IngressClassParametersReference, at: FieldPath): FieldError[] {
  const { scope, namespace } = parameters
  const errors = referenceErrors(parameters, at)
  if (scope === undefined) return [...errors, required(at.child('scope'))]
  if (!scopes.includes(scope)) return [...errors, notSupported(at.child('scope'), scope, scopes)]
  const field = at.child('namespace')
  if (scope === 'Cluster') {
    const detail = "`parameters.scope` is set to 'Cluster'"
    return namespace === undefined ? errors : [...errors, forbidden(field, detail)]
  }
  if (namespace === undefined) {
    return [...errors, required(field, "`parameters.scope` is set to 'Namespace'")]
  }
  return [...errors, ...dns1123LabelErrors(namespace).map((message) => invalid(field, namespace, message))]
}
