import { invalid, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import type { PolicyRule } from '../generated/rbac.v1.ts'

/** Source: kubernetes pkg/apis/rbac/validation. */
export function validateRules(
  rules: readonly PolicyRule[] | null | undefined,
  namespaced: boolean,
  field: FieldPath,
): FieldError[] {
  return (rules ?? []).flatMap((rule, index) => validateRule(rule, namespaced, field.index(index)))
}

function validateRule(
  { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }: PolicyRule,
  namespaced: boolean,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  if ((verbs ?? []).length === 0)
    errors.push(required(field.child('verbs'), 'verbs must contain at least one value'))
  if (nonResourceURLs.length > 0) {
    if (namespaced)
      errors.push(
        invalid(
          field.child('nonResourceURLs'),
          nonResourceURLs,
          'namespaced rules cannot apply to non-resource URLs',
        ),
      )
    if ([...apiGroups, ...resources, ...resourceNames].length > 0) {
      errors.push(
        invalid(
          field.child('nonResourceURLs'),
          nonResourceURLs,
          'rules cannot apply to both regular resources and non-resource URLs',
        ),
      )
    }
    return errors
  }
  if (apiGroups.length === 0)
    errors.push(required(field.child('apiGroups'), 'resource rules must supply at least one api group'))
  if (resources.length === 0)
    errors.push(required(field.child('resources'), 'resource rules must supply at least one resource'))
  return errors
}
