import { forbidden, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import type { ObjectMeta } from '../meta.ts'
import { validateLabels } from './labels.ts'
import { validateAnnotations } from './object-meta.ts'

/**
 * The metadata of what is made from a template, which has labels and annotations and nothing else. Source:
 * kubernetes/pkg/apis/core/validation, ValidateTemplateObjectMeta.
 */
export function validateTemplateMetadata(metadata: ObjectMeta | undefined, at: FieldPath): FieldError[] {
  const { annotations, labels, ...others } = metadata ?? {}
  return [
    ...validateAnnotations(annotations, at.child('annotations')),
    ...validateLabels(labels, at.child('labels')),
    ...Object.entries(others)
      .filter(([, value]) => isSet(value))
      .map(([field]) => forbidden(at.child(nameInMessages(field)), 'cannot be set')),
  ]
}

/** Whether a Go struct that has the value differs from one that nothing was said of. */
function isSet(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '' && value !== 0
}

/** Upstream takes the name from the field in Go. */
function nameInMessages(field: string): string {
  return field === 'uid' ? 'uID' : field
}
