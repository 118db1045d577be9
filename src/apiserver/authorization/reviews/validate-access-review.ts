import type {
  LocalSubjectAccessReview,
  ResourceAttributes,
  SelfSubjectAccessReviewSpec,
  SubjectAccessReviewSpec,
} from '../../../api/generated/authorization.v1.ts'
import { internalForm } from '../../../api/internal-form.ts'
import { invalid, required, type FieldError } from '../../../machinery/field-error.ts'
import { path, type FieldPath } from '../../../machinery/field-path.ts'
import { parseFieldSelector } from '../../../machinery/field-selector.ts'
import { parseLabelSelector } from '../../../machinery/label-selector.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'

/*
 * What is wrong with an access review. Source: kubernetes/pkg/apis/authorization/validation.
 */

const spec = path('spec')

export function validateSpec(review: SubjectAccessReviewSpec): readonly FieldError[] {
  const errors = [...validateAttributes(review)]
  if (!review.user && (review.groups ?? []).length === 0) {
    errors.push(
      invalid(spec.child('user'), review.user ?? '', 'at least one of user or group must be specified'),
    )
  }
  return errors
}

/** Exactly one of the two kinds of attributes. */
export function validateAttributes(review: SelfSubjectAccessReviewSpec): readonly FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = review
  const errors: FieldError[] = []
  if (resourceAttributes && nonResourceAttributes) {
    errors.push(
      invalid(
        spec.child('nonResourceAttributes'),
        internalForm('authorization.v1.NonResourceAttributes', nonResourceAttributes),
        'cannot be specified in combination with resourceAttributes',
      ),
    )
  }
  if (!resourceAttributes && !nonResourceAttributes) {
    errors.push(
      invalid(
        spec.child('resourceAttributes'),
        null,
        'exactly one of nonResourceAttributes or resourceAttributes must be specified',
      ),
    )
  }
  if (resourceAttributes)
    errors.push(...validateSelectors(resourceAttributes, spec.child('resourceAttributes')))
  return errors
}

/** A review is not stored: its metadata says nothing, but for the namespace of a local one. */
export function validateMetadata(metadata: ObjectMeta = {}, namespaced = false): readonly FieldError[] {
  const { managedFields: _managedFields, creationTimestamp: _created, namespace, ...rest } = metadata
  const given = Object.values(rest).some((value) => value !== undefined && value !== '')
  if (!given && (namespaced || !namespace)) return []
  const detail = namespaced ? 'must be empty except for namespace' : 'must be empty'
  return [invalid('metadata', internalForm('meta.v1.ObjectMeta', metadata), detail)]
}

export function validateLocal({ metadata, spec: review }: LocalSubjectAccessReview): readonly FieldError[] {
  const errors: FieldError[] = []
  const { resourceAttributes, nonResourceAttributes } = review
  if (resourceAttributes && (resourceAttributes.namespace ?? '') !== (metadata?.namespace ?? '')) {
    errors.push(
      invalid(
        spec.child('resourceAttributes', 'namespace'),
        resourceAttributes.namespace ?? '',
        'must match metadata.namespace',
      ),
    )
  }
  if (nonResourceAttributes) {
    errors.push(
      invalid(
        spec.child('nonResourceAttributes'),
        internalForm('authorization.v1.NonResourceAttributes', nonResourceAttributes),
        'disallowed on this kind of request',
      ),
    )
  }
  return errors
}

/** A selector comes as text or as a list of requirements. */
function validateSelectors(attributes: ResourceAttributes, field: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = []
  const { fieldSelector, labelSelector } = attributes
  if (fieldSelector) errors.push(...validateSelector(fieldSelector, field.child('fieldSelector')))
  if (labelSelector) errors.push(...validateSelector(labelSelector, field.child('labelSelector')))
  return errors
}

function validateSelector(
  selector: { readonly rawSelector?: string; readonly requirements?: readonly unknown[] },
  field: FieldPath,
): readonly FieldError[] {
  const { rawSelector = '', requirements = [] } = selector
  if (rawSelector !== '' && requirements.length > 0) {
    return [
      invalid(field.child('rawSelector'), rawSelector, 'may not specified at the same time as requirements'),
    ]
  }
  return rawSelector === '' && requirements.length === 0
    ? [
        required(
          field.child('requirements'),
          `when ${field.toString()} is specified, requirements or rawSelector is required`,
        ),
      ]
    : []
}

/** The text, or undefined when it cannot be read: such a selector narrows nothing. */
export function readableFieldSelector(text: string): string | undefined {
  return parses(() => parseFieldSelector(text)) ? text : undefined
}

export function readableLabelSelector(text: string): string | undefined {
  return parses(() => parseLabelSelector(text)) ? text : undefined
}

function parses(parse: () => unknown): boolean {
  try {
    parse()
    return true
  } catch {
    return false
  }
}
