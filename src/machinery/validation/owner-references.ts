import { invalid, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import type { OwnerReference } from '../meta.ts'
import { parseApiVersion } from '../resource.ts'

/** References to owners must be complete, name no Event, and at most one of them the controller. */
export function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  let controller: string | undefined
  for (const reference of references ?? []) {
    errors.push(...validateOwnerReference(reference, path))
    if (!reference.controller) continue
    const name = `${reference.kind}/${reference.name}`
    if (controller === undefined) {
      controller = name
      continue
    }
    const detail =
      'Only one reference can have Controller set to true. ' +
      `Found "true" in references for ${controller} and ${name}`
    errors.push(invalid(path, references, detail))
  }
  return errors
}

function validateOwnerReference(reference: OwnerReference, path: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { group, version } = parseApiVersion(reference.apiVersion) ?? { group: '', version: '' }
  if (version === '') {
    errors.push(invalid(path.child('apiVersion'), reference.apiVersion, 'version must not be empty'))
  }
  for (const key of ['kind', 'name', 'uid'] as const) {
    if (reference[key] === '') errors.push(invalid(path.child(key), reference[key], 'must not be empty'))
  }
  if (group === '' && version === 'v1' && reference.kind === 'Event') {
    errors.push(invalid(path, reference, '/v1, Kind=Event is disallowed from being an owner'))
  }
  return errors
}
