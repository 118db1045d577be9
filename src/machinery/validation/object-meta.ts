import { semanticEqual } from '../equal.ts'
import { forbidden, invalid, path as rootPath, required, tooLong, type FieldError } from '../field-error.ts'
import type { FieldPath } from '../field-path.ts'
import { goQuote } from '../go-format.ts'
import type { ObjectMeta } from '../meta.ts'
import type { Schema } from '../schema.ts'
import { ipErrors } from './ip.ts'
import { validateLabels } from './labels.ts'
import { validateManagedFields } from './managed-fields.ts'
import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentNameErrors,
  pathSegmentPrefixErrors,
  qualifiedNameErrors,
} from './names.ts'
import { validateOwnerReferences } from './owner-references.ts'

/** All annotations of an object together, keys and values, in bytes. */
export const totalAnnotationSizeLimitBytes = 256 * 1024

export const fieldImmutableMessage = 'field is immutable'
export const negativeMessage = 'must be greater than or equal to 0'

/** What is wrong with a name; with `prefix`, with a generateName to which more will be appended. */
export type NameRule = (name: string, prefix: boolean) => string[]

export type NameRuleName =
  | 'dns1123Subdomain'
  | 'dns1123Label'
  | 'dns1035Label'
  | 'pathSegment'
  | 'ipAddress'
  /** Whatever fits into a URL. */
  | 'any'

export const nameRules: Readonly<Record<NameRuleName, NameRule>> = {
  dns1123Subdomain: (name, prefix) => dns1123SubdomainErrors(prefix ? maskTrailingDash(name) : name),
  dns1123Label: (name, prefix) => dns1123LabelErrors(prefix ? maskTrailingDash(name) : name),
  dns1035Label: (name, prefix) => dns1035LabelErrors(prefix ? maskTrailingDash(name) : name),
  pathSegment: (name, prefix) => (prefix ? pathSegmentPrefixErrors(name) : pathSegmentNameErrors(name)),
  // Such names are never generated.
  ipAddress: (name) => ipErrors(name),
  any: () => [],
}

/** A dash at the end is fine where more follows. Upstream replaces the last two characters, not one. */
function maskTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith('-') ? `${name.slice(0, -2)}a` : name
}

export interface ObjectMetaRules {
  readonly namespaced: boolean
  /** `dns1123Subdomain` when absent. */
  readonly nameRule?: NameRuleName | NameRule
  /** `metadata` when absent. */
  readonly path?: FieldPath
}

/** The metadata of an object to be created or updated, after its name has been generated. */
export function validateObjectMeta(meta: ObjectMeta, rules: ObjectMetaRules): FieldError[] {
  const { namespaced, nameRule = 'dns1123Subdomain', path = rootPath('metadata') } = rules
  const nameErrors = typeof nameRule === 'string' ? nameRules[nameRule] : nameRule
  const errors: FieldError[] = []

  const { generateName = '', name = '' } = meta
  if (generateName !== '') {
    for (const message of nameErrors(generateName, true)) {
      errors.push(invalid(path.child('generateName'), generateName, message))
    }
  }
  if (name === '') errors.push(required(path.child('name'), 'name or generateName is required'))
  else for (const message of nameErrors(name, false)) errors.push(invalid(path.child('name'), name, message))

  errors.push(
    ...validateNamespace(meta.namespace ?? '', namespaced, path.child('namespace')),
    ...validateNonnegative(meta.generation ?? 0, path.child('generation')),
    ...validateLabels(meta.labels, path.child('labels')),
    ...validateAnnotations(meta.annotations, path.child('annotations')),
    ...validateOwnerReferences(meta.ownerReferences, path.child('ownerReferences')),
    ...validateFinalizers(meta.finalizers, path.child('finalizers')),
    ...validateManagedFields(meta.managedFields, path.child('managedFields')),
  )
  return errors
}

/** What an update may not do to the metadata; comes on top of validateObjectMeta. */
export function validateObjectMetaUpdate(
  meta: ObjectMeta,
  previous: ObjectMeta,
  path: FieldPath = rootPath('metadata'),
): FieldError[] {
  const errors: FieldError[] = []
  if (previous.deletionTimestamp !== undefined) {
    errors.push(...validateNoNewFinalizers(meta.finalizers, previous.finalizers, path.child('finalizers')))
  }
  if (!meta.resourceVersion) {
    errors.push(invalid(path.child('resourceVersion'), '', 'must be specified for an update'))
  }
  const { generation = 0 } = meta
  if (generation < (previous.generation ?? 0)) {
    errors.push(invalid(path.child('generation'), generation, 'must not be decremented'))
  }
  for (const key of ['name', 'namespace', 'uid'] as const) {
    errors.push(...validateImmutableField(meta[key] ?? '', previous[key] ?? '', path.child(key)))
  }
  for (const key of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    errors.push(...validateImmutableField(meta[key], previous[key], path.child(key)))
  }
  errors.push(
    ...validateLabels(meta.labels, path.child('labels')),
    ...validateAnnotations(meta.annotations, path.child('annotations')),
    ...validateOwnerReferences(meta.ownerReferences, path.child('ownerReferences')),
    ...validateManagedFields(meta.managedFields, path.child('managedFields')),
  )
  return errors
}

/** The value must mean the same as before; see semanticEqual for what the schema adds. */
export function validateImmutableField(
  next: unknown,
  previous: unknown,
  path: FieldPath,
  schema?: Schema,
): FieldError[] {
  return semanticEqual(next, previous, schema) ? [] : [invalid(path, next, fieldImmutableMessage)]
}

export function validateNonnegative(value: number, path: FieldPath): FieldError[] {
  return value < 0 ? [invalid(path, value, negativeMessage)] : []
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  let totalBytes = 0
  for (const [key, value] of Object.entries(annotations ?? {})) {
    for (const message of qualifiedNameErrors(key.toLowerCase())) errors.push(invalid(path, key, message))
    totalBytes += Buffer.byteLength(key) + Buffer.byteLength(value)
  }
  if (totalBytes > totalAnnotationSizeLimitBytes)
    errors.push(tooLong(path, '', totalAnnotationSizeLimitBytes))
  return errors
}

const orphanFinalizer = 'orphan'
const foregroundFinalizer = 'foregroundDeletion'

function validateFinalizers(finalizers: readonly string[] | undefined, path: FieldPath): FieldError[] {
  if (!finalizers) return []
  const errors = finalizers.flatMap((finalizer) => validateFinalizerName(finalizer, path))
  if (finalizers.includes(orphanFinalizer) && finalizers.includes(foregroundFinalizer)) {
    const detail = `finalizer ${orphanFinalizer} and ${foregroundFinalizer} cannot be both set`
    errors.push(invalid(path, finalizers, detail))
  }
  return errors
}

function validateFinalizerName(name: string, path: FieldPath): FieldError[] {
  return qualifiedNameErrors(name).map((message) => invalid(path, name, message))
}

function validateNoNewFinalizers(
  next: readonly string[] = [],
  previous: readonly string[] = [],
  path: FieldPath,
): FieldError[] {
  const added = [...new Set(next)].filter((finalizer) => !previous.includes(finalizer)).sort()
  if (added.length === 0) return []
  const listed = `[]string{${added.map(goQuote).join(', ')}}`
  return [
    forbidden(
      path,
      `no new finalizers can be added if the object is being deleted, found new finalizers ${listed}`,
    ),
  ]
}

function validateNamespace(namespace: string, namespaced: boolean, path: FieldPath): FieldError[] {
  if (!namespaced) return namespace === '' ? [] : [forbidden(path, 'not allowed on this type')]
  if (namespace === '') return [required(path)]
  return dns1123LabelErrors(namespace).map((message) => invalid(path, namespace, message))
}
