import { duplicate, invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import { path, type FieldPath } from '../../machinery/field-path.ts'
import { formatLabelSelector, fromLabelSelector } from '../../machinery/label-selector.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type {
  MutatingAdmissionPolicyBinding,
  ParamRef,
  ValidatingAdmissionPolicyBinding,
} from '../generated/admissionregistration.v1.ts'
import { mutatingAdmissionPolicyBindings, validatingAdmissionPolicyBindings } from '../generated/resources.ts'
import { reservedNameWarnings } from './reserved-names.ts'
import {
  defaultMatchResources,
  validateMatchResources,
  validateMutableOperations,
  validateParamRef,
  validatePolicyName,
} from './validate-policy.ts'

export const validatingAdmissionPolicyBindingDefinition: ResourceDefinition<ValidatingAdmissionPolicyBinding> =
  {
    resource: validatingAdmissionPolicyBindings,
    singular: 'validatingadmissionpolicybinding',
    categories: ['api-extensions'],
    strategy: {
      allowUnconditionalUpdate: false,
      defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
      validate: validateValidatingBinding,
      warnings: reservedNameWarnings,
    },
    columns: bindingColumns(({ spec }) => spec),
  }

export const mutatingAdmissionPolicyBindingDefinition: ResourceDefinition<MutatingAdmissionPolicyBinding> = {
  resource: mutatingAdmissionPolicyBindings,
  singular: 'mutatingadmissionpolicybinding',
  categories: ['api-extensions'],
  strategy: {
    allowUnconditionalUpdate: false,
    defaults: ({ spec }) => defaultMatchResources(spec?.matchResources),
    validate: validateMutatingBinding,
    warnings: reservedNameWarnings,
  },
  columns: bindingColumns(({ spec }) => spec),
}

type AnyBinding = ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding

function bindingColumns<T extends AnyBinding>(
  specOf: (binding: T) => { readonly policyName?: string; readonly paramRef?: ParamRef } | undefined,
): NonNullable<ResourceDefinition<T>['columns']> {
  return [
    nameColumn,
    column<T>('PolicyName', 'The policy that is bound.', (binding) => specOf(binding)?.policyName ?? ''),
    column<T>('ParamRef', 'Its parameters.', (binding) => paramRefCell(specOf(binding)?.paramRef)),
    ageColumn,
  ]
}

function paramRefCell(ref: ParamRef | undefined): string {
  if (!ref) return '<unset>'
  if (ref.name) return ref.namespace ? `${ref.namespace}/${ref.name}` : ref.name
  return ref.selector ? formatLabelSelector(fromLabelSelector(ref.selector)) : '<unset>'
}

function validateValidatingBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const at = path('spec')
  return [
    ...validatePolicyName(spec?.policyName, at.child('policyName')),
    ...validateParamRef(spec?.paramRef, at.child('paramRef')),
    ...validateMatchResources(spec?.matchResources, at.child('matchResources')),
    ...validateActions(spec?.validationActions ?? [], at.child('validationActions')),
  ]
}

const actions = ['Audit', 'Deny', 'Warn']

function validateActions(wanted: readonly string[], at: FieldPath): FieldError[] {
  const errors = wanted.flatMap((action, index) => [
    ...(actions.includes(action) ? [] : [notSupported(at.index(index), action, actions)]),
    ...(wanted.indexOf(action) < index ? [duplicate(at.index(index), action)] : []),
  ])
  if (wanted.includes('Deny') && wanted.includes('Warn')) {
    const detail =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API ' +
      'response and headers serves no purpose)'
    errors.push(invalid(at, wanted, detail))
  }
  if (wanted.length === 0) errors.push(required(at, 'at least one validation action is required'))
  return errors
}

function validateMutatingBinding({ spec = {} }: MutatingAdmissionPolicyBinding): FieldError[] {
  const at = path('spec')
  const resourcesAt = at.child('matchResources')
  return [
    ...validatePolicyName(spec.policyName, at.child('policyName')),
    ...validateParamRef(spec.paramRef, at.child('paramRef')),
    ...validateMatchResources(spec.matchResources, resourcesAt),
    ...validateMutableOperations(spec.matchResources, resourcesAt.child('resourceRules', 'operations')),
  ]
}
