import { jsonEqual } from '../../machinery/equal.ts'
import { duplicate, invalid, notSupported, required, type FieldError } from '../../machinery/field-error.ts'
import { path, type FieldPath } from '../../machinery/field-path.ts'
import { parseJsonPath } from '../../machinery/json-path.ts'
import { validateConditions } from '../../machinery/validation/conditions.ts'
import { validateLabelName } from '../../machinery/validation/labels.ts'
import { ageColumn, column, integerColumn, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  ValidatingAdmissionPolicyStatus,
  Validation,
} from '../generated/admissionregistration.v1.ts'
import { validatingAdmissionPolicies } from '../generated/resources.ts'
import { loadExpressions } from './expression-loader.ts'
import { reservedNameWarnings } from './reserved-names.ts'
import { ExpressionValidator } from './validate-expressions.ts'
import { validateMatchConditions } from './validate-match-conditions.ts'
import {
  defaultMatchResources,
  validateFailurePolicy,
  validateMatchConstraints,
  validateParamKind,
} from './validate-policy.ts'
import { internalList } from '../internal-form.ts'

export const validatingAdmissionPolicyDefinition: ResourceDefinition<ValidatingAdmissionPolicy> = {
  resource: validatingAdmissionPolicies,
  singular: 'validatingadmissionpolicy',
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
    status: {
      keptMetadata: 'all',
      validateUpdate: ({ status = {} }) => validateStatus(status, path('status')),
    },
  },
  columns: [
    nameColumn,
    integerColumn(
      'Validations',
      'How many validations it has.',
      ({ spec }) => spec?.validations?.length ?? 0,
    ),
    column('ParamKind', 'What its parameters are.', ({ spec }) => paramKindCell(spec?.paramKind)),
    ageColumn,
  ],
}

/** `apps/v1/Deployment`, as tables show it. */
export function paramKindCell(kind: ParamKind | undefined): string {
  return kind ? `${kind.apiVersion ?? ''}/${kind.kind ?? ''}` : '<unset>'
}

function validatePolicy(
  { metadata, spec = {} }: ValidatingAdmissionPolicy,
  previous?: ValidatingAdmissionPolicy,
): FieldError[] {
  const at = path('spec')
  const { paramKind, matchConditions = [], variables = [] } = spec
  const params = paramKind !== undefined
  const expressions = new ExpressionValidator(variables, { params })
  const before = previous?.spec
  const conditionsAreKept =
    before !== undefined &&
    jsonEqual(paramKind, before.paramKind) &&
    jsonEqual(matchConditions, before.matchConditions ?? [])
  return [
    ...validateFailurePolicy(spec.failurePolicy, at.child('failurePolicy')),
    ...(paramKind ? validateParamKind(paramKind, at.child('paramKind')) : []),
    ...validateMatchConstraints(spec.matchConstraints, at.child('matchConstraints')),
    ...(conditionsAreKept
      ? []
      : validateMatchConditions(matchConditions, at.child('matchConditions'), { params })),
    ...expressions.validateVariables(at.child('variables')),
    ...validateChecks(metadata?.name ?? '', spec, expressions, at),
  ]
}

const maxAuditAnnotations = 20

function validateChecks(
  name: string,
  { validations = [], auditAnnotations = [] }: ValidatingAdmissionPolicySpec,
  expressions: ExpressionValidator,
  at: FieldPath,
): FieldError[] {
  const annotationsAt = at.child('auditAnnotations')
  if (validations.length === 0 && auditAnnotations.length === 0) {
    const detail = 'validations or auditAnnotations must contain at least one item'
    return [required(at.child('validations'), detail), required(annotationsAt, detail)]
  }
  const keys = auditAnnotations.map(({ key }) => key)
  return [
    ...validations.flatMap((validation, index) =>
      validateValidation(validation, expressions, at.child('validations').index(index)),
    ),
    ...(auditAnnotations.length > maxAuditAnnotations
      ? [
          invalid(
            annotationsAt,
            internalList('admissionregistration.v1.AuditAnnotation', auditAnnotations),
            `must not have more than ${maxAuditAnnotations} auditAnnotations`,
          ),
        ]
      : []),
    ...auditAnnotations.flatMap((annotation, index) => [
      ...validateAuditAnnotation(name, annotation, expressions, annotationsAt.index(index)),
      ...(keys.indexOf(annotation.key) < index
        ? [duplicate(annotationsAt.index(index).child('key'), annotation.key)]
        : []),
    ]),
  ]
}

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge']

function validateValidation(
  { expression, message = '', messageExpression = '', reason }: Validation,
  expressions: ExpressionValidator,
  at: FieldPath,
): FieldError[] {
  const errors =
    expression.trim() === ''
      ? [required(at.child('expression'), 'expression is not specified')]
      : expressions.validate(expression, 'condition', at.child('expression'))
  const messageExpressionAt = at.child('messageExpression')
  if (messageExpression !== '' && messageExpression.trim() === '') {
    errors.push(invalid(messageExpressionAt, messageExpression, 'must be non-empty if specified'))
  } else if (messageExpression !== '') {
    errors.push(
      ...expressions.validate(messageExpression, 'message', messageExpressionAt, { authorizer: false }),
    )
  }
  if (message !== '' && message.trim() === '') {
    errors.push(invalid(at.child('message'), message, 'must be non-empty if specified'))
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalid(at.child('message'), message, 'must not contain line breaks'))
  }
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(notSupported(at.child('reason'), reason, reasons))
  }
  return errors
}

const maxValueExpressionBytes = 5 * 1024

function validateAuditAnnotation(
  name: string,
  { key, valueExpression }: AuditAnnotation,
  expressions: ExpressionValidator,
  at: FieldPath,
): FieldError[] {
  const errors =
    name === ''
      ? [invalid(at.child('key'), key, 'requires metadata.name be non-empty')]
      : validateLabelName(`${name}/${key}`, at.child('key'))
  const where = at.child('valueExpression')
  const trimmed = valueExpression.trim()
  if (trimmed === '') return [...errors, required(where, 'valueExpression is not specified')]
  if (Buffer.byteLength(trimmed) > maxValueExpressionBytes) {
    return [...errors, required(where, `must not exceed ${maxValueExpressionBytes} bytes in length`)]
  }
  return [...errors, ...expressions.validate(trimmed, 'auditAnnotation', where, { written: valueExpression })]
}

function validateStatus(status: ValidatingAdmissionPolicyStatus, at: FieldPath): FieldError[] {
  const { typeChecking, conditions } = status
  const warningsAt = at.child('typeChecking').child('expressionWarnings')
  const warnings = typeChecking?.expressionWarnings ?? []
  return [
    ...warnings.flatMap(({ fieldRef, warning }, index) => [
      ...(warning ? [] : [required(warningsAt.index(index).child('warning'))]),
      ...validateFieldRef(fieldRef, warningsAt.index(index).child('fieldRef')),
    ]),
    ...validateConditions(conditions ?? [], at.child('conditions')),
  ]
}

function validateFieldRef(fieldRef: string, at: FieldPath): FieldError[] {
  const trimmed = (fieldRef ?? '').trim()
  if (trimmed === '') return [required(at)]
  try {
    parseJsonPath(`{${trimmed}}`)
    return []
  } catch (error) {
    return [invalid(at, trimmed, `invalid JSONPath: ${(error as Error).message}`)]
  }
}
