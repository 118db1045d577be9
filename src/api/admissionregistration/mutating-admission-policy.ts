import { jsonEqual } from '../../machinery/equal.ts'
import { invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import { path, type FieldPath } from '../../machinery/field-path.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { MutatingAdmissionPolicy, Mutation } from '../generated/admissionregistration.v1.ts'
import { mutatingAdmissionPolicies } from '../generated/resources.ts'
import { loadExpressions } from './expression-loader.ts'
import { reservedNameWarnings } from './reserved-names.ts'
import { ExpressionValidator } from './validate-expressions.ts'
import { validateMatchConditions } from './validate-match-conditions.ts'
import {
  defaultMatchResources,
  validateFailurePolicy,
  validateMatchConstraints,
  validateMutableOperations,
  validateParamKind,
} from './validate-policy.ts'
import { oneOf, reinvocationPolicies } from './validate-webhooks.ts'
import { paramKindCell } from './validating-admission-policy.ts'

export const mutatingAdmissionPolicyDefinition: ResourceDefinition<MutatingAdmissionPolicy> = {
  resource: mutatingAdmissionPolicies,
  singular: 'mutatingadmissionpolicy',
  categories: ['api-extensions'],
  strategy: {
    allowUnconditionalUpdate: false,
    defaults({ spec }) {
      if (!spec) return
      spec.failurePolicy ??= 'Fail'
      defaultMatchResources(spec.matchConstraints)
    },
    load: () => loadExpressions(),
    validatesUpdateAlone: true,
    validate: (policy) => validatePolicy(policy),
    validateUpdate: (policy, previous) => validatePolicy(policy, previous),
    warnings: reservedNameWarnings,
  },
  columns: [
    nameColumn,
    integerColumn('Mutations', 'How many mutations it has.', ({ spec }) => spec?.mutations?.length ?? 0),
    column('ParamKind', 'What its parameters are.', ({ spec }) => paramKindCell(spec?.paramKind)),
    ageColumn,
  ],
}

function validatePolicy(
  { spec = {} }: MutatingAdmissionPolicy,
  previous?: MutatingAdmissionPolicy,
): FieldError[] {
  const at = path('spec')
  const { paramKind, matchConstraints, matchConditions = [], variables = [], mutations = [] } = spec
  const { reinvocationPolicy } = spec
  const params = paramKind !== undefined
  const expressions = new ExpressionValidator(variables, { params, mutation: true })
  const before = previous?.spec
  const conditionsAreKept =
    before !== undefined &&
    jsonEqual(paramKind, before.paramKind) &&
    jsonEqual(matchConditions, before.matchConditions ?? [])
  return [
    ...validateFailurePolicy(spec.failurePolicy, at.child('failurePolicy')),
    ...(paramKind ? validateParamKind(paramKind, at.child('paramKind')) : []),
    ...validateMatchConstraints(matchConstraints, at.child('matchConstraints')),
    ...validateMutableOperations(
      matchConstraints,
      at.child('matchConstraints', 'resourceRules', 'operations'),
    ),
    ...(conditionsAreKept
      ? []
      : validateMatchConditions(matchConditions, at.child('matchConditions'), { params })),
    ...expressions.validateVariables(at.child('variables')),
    ...(mutations.length === 0
      ? [required(at.child('mutations'), 'mutations must contain at least one item')]
      : mutations.flatMap((mutation, index) =>
          validateMutation(mutation, expressions, at.child('mutations').index(index)),
        )),
    ...(reinvocationPolicy
      ? oneOf(reinvocationPolicy, reinvocationPolicies, at.child('reinvocationPolicy'))
      : [required(at.child('reinvocationPolicy'))]),
  ]
}

function validateMutation(
  { patchType, applyConfiguration, jsonPatch }: Mutation,
  expressions: ExpressionValidator,
  at: FieldPath,
): FieldError[] {
  const applyAt = at.child('applyConfiguration')
  const jsonAt = at.child('jsonPatch')
  const detail = (not: string) => `must ${not}be specified when patchType is ${patchType}`
  switch (patchType) {
    case 'JSONPatch':
      return [
        ...(jsonPatch
          ? validatePatchExpression(jsonPatch.expression, 'jsonPatch', expressions, jsonAt)
          : [required(jsonAt, detail(''))]),
        ...(applyConfiguration ? [invalid(applyAt, '{applyConfiguration}', detail('not '))] : []),
      ]
    case 'ApplyConfiguration':
      return [
        ...(applyConfiguration
          ? validatePatchExpression(applyConfiguration.expression, 'applyConfiguration', expressions, applyAt)
          : [required(applyAt, detail(''))]),
        ...(jsonPatch ? [invalid(jsonAt, '{jsonPatch}', detail('not '))] : []),
      ]
    default:
      return patchType
        ? [notSupported(at.child('patchType'), patchType, ['ApplyConfiguration', 'JSONPatch'])]
        : [required(at.child('patchType'))]
  }
}

function validatePatchExpression(
  expression: string | undefined,
  purpose: 'jsonPatch' | 'applyConfiguration',
  expressions: ExpressionValidator,
  at: FieldPath,
): FieldError[] {
  const trimmed = expression?.trim()
  if (!trimmed) return [required(at.child('expression'))]
  return expressions.validate(trimmed, purpose, at.child('expression'))
}
