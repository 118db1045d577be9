import {
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { isConditionTrue } from '../../machinery/conditions.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { dns1035LabelErrors, dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { validateImmutableField } from '../../machinery/validation/object-meta.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
  CustomResourceDefinitionVersion,
} from '../generated/apiextensions.v1.ts'
import { approvalErrors } from './api-approval.ts'
import { allowsInvalidCaBundle, conversionErrors, hasKnownReviewVersion } from './conversion-validation.ts'
import { hasDefault } from './compile-schema.ts'
import { isKnownFormat } from './formats.ts'
import { strictLeniency, leniencyOf, schemaErrors, type Leniency } from './schema-validation.ts'
import { someSchema } from './schema-walk.ts'
import { printedVersions, sharedParts, type SharedParts } from './shared-parts.ts'
import {
  columnErrors,
  deprecationErrors,
  selectableFieldErrors,
  subresourceErrors,
} from './version-validation.ts'

/*
 * What a CustomResourceDefinition may say. An update is not held to more than what was held to before.
 * Source: k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation.
 */

/** Everything but metadata; the name, too, which is made of names and group. */
export function validateDefinition(definition: CustomResourceDefinition): readonly FieldError[] {
  const { spec, metadata } = definition
  const { name = '' } = metadata ?? {}
  const nameErrors =
    name === '' || name === `${spec.names.plural}.${spec.group}`
      ? []
      : [invalid(path('metadata', 'name'), name, 'must be spec.names.plural+"."+spec.group')]
  return [
    ...nameErrors,
    ...specErrors(spec, {
      leniency: strictLeniency,
      needsKnownReviewVersion: true,
      allowsInvalidCaBundle: true,
    }),
    ...statusErrors(definition),
    ...storedVersionErrors(definition),
    ...approvalErrors(definition, undefined),
    ...preserveUnknownErrors(definition, undefined),
  ]
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  previous: CustomResourceDefinition,
): readonly FieldError[] {
  const { spec } = definition
  const at = path('spec')
  const reviewVersions = previous.spec.conversion?.webhook?.conversionReviewVersions ?? []
  const errors = [
    ...specErrors(spec, {
      leniency: leniencyOf(definition, previous),
      needsKnownReviewVersion: reviewVersions.length === 0 || hasKnownReviewVersion(reviewVersions),
      allowsInvalidCaBundle: allowsInvalidCaBundle(previous),
    }),
  ]
  const immutable = (next: unknown, before: unknown, field: FieldPath) =>
    errors.push(...validateImmutableField(next, before, field))
  if (isConditionTrue(previous.status?.conditions, 'Established')) {
    immutable(spec.scope, previous.spec.scope, at.child('scope'))
    immutable(spec.names.kind, previous.spec.names.kind, at.child('names', 'kind'))
  }
  immutable(spec.group, previous.spec.group, at.child('group'))
  immutable(spec.names.plural, previous.spec.names.plural, at.child('names', 'plural'))
  return [
    ...errors,
    ...statusErrors(definition),
    ...storedVersionErrors(definition),
    ...approvalErrors(definition, previous),
    ...preserveUnknownErrors(definition, previous),
  ]
}

export function validateDefinitionStatusUpdate(definition: CustomResourceDefinition): readonly FieldError[] {
  return statusErrors(definition)
}

/** A format that means nothing is ignored. */
export function definitionWarnings(
  { spec }: CustomResourceDefinition,
  previous?: CustomResourceDefinition,
): readonly string[] {
  const known = new Set(previous ? unknownFormats(previous.spec) : [])
  return unknownFormats(spec)
    .filter((format) => !known.has(format))
    .map((format) => `unrecognized format ${goQuote(format)}`)
}

function unknownFormats({ versions }: CustomResourceDefinitionSpec): readonly string[] {
  const found: string[] = []
  for (const { schema } of versions) {
    someSchema(schema?.openAPIV3Schema, ({ format = '', type = '' }) => {
      if (format !== '' && !isKnownFormat(format, type)) found.push(format)
      return false
    })
  }
  return found
}

interface SpecRules {
  readonly leniency: Leniency
  readonly needsKnownReviewVersion: boolean
  readonly allowsInvalidCaBundle: boolean
}

function specErrors(spec: CustomResourceDefinitionSpec, rules: SpecRules): readonly FieldError[] {
  const at = path('spec')
  const errors: FieldError[] = [...groupErrors(spec.group, at.child('group'))]
  if (spec.scope === '') errors.push(required(at.child('scope')))
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') {
    errors.push(notSupported(at.child('scope'), spec.scope, ['Cluster', 'Namespaced']))
  }
  const versions = at.child('versions')
  for (const [index, version] of spec.versions.entries()) {
    if (version.schema?.openAPIV3Schema) continue
    const field = versions.index(index).child('schema', 'openAPIV3Schema')
    if (rules.leniency.requiresSchema) errors.push(required(field))
    else if (!spec.preserveUnknownFields && version.served) {
      errors.push(required(field, 'because otherwise all fields are pruned'))
    }
  }
  if (spec.preserveUnknownFields && spec.versions.some(({ schema }) => hasDefaults(schema))) {
    const detail = 'must be false in order to use defaults in the schema'
    errors.push(invalid(at.child('preserveUnknownFields'), true, detail))
  }
  const shared = sharedParts(spec.versions)
  for (const [index, version] of spec.versions.entries()) {
    const field = versions.index(index)
    const nameErrors = dns1035LabelErrors(version.name)
    if (nameErrors.length > 0) errors.push(invalid(field.child('name'), version.name, nameErrors.join(',')))
    errors.push(...deprecationErrors(version, field), ...ownErrors(spec, version, field, rules, shared))
  }
  if (new Set(spec.versions.map(({ name }) => name)).size < spec.versions.length) {
    errors.push(invalid(versions, printedVersions(spec.versions), 'must contain unique version names'))
  }
  if (spec.versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(
      invalid(
        versions,
        printedVersions(spec.versions),
        'must have exactly one version marked as storage version',
      ),
    )
  }
  const [first] = spec.versions
  const firstErrors = first ? dns1035LabelErrors(first.name) : []
  if (firstErrors.length > 0) errors.push(invalid(at.child('version'), first!.name, firstErrors.join(',')))
  for (const name of ['plural', 'singular', 'kind', 'listKind'] as const) {
    if (!spec.names[name]) errors.push(required(at.child('names', name)))
  }
  errors.push(...nameErrors(spec.names, at.child('names')))
  if (first) errors.push(...sharedErrors(spec, first, at, rules, shared))
  const conversion = at.child('conversion')
  if (spec.conversion && spec.conversion.strategy !== 'None' && spec.preserveUnknownFields) {
    const detail = 'must be None if spec.preserveUnknownFields is true'
    errors.push(invalid(conversion.child('strategy'), spec.conversion.strategy, detail))
  }
  errors.push(...conversionErrors(spec.conversion, conversion, rules))
  return errors
}

function hasDefaults(schema: CustomResourceDefinitionVersion['schema']): boolean {
  return someSchema(schema?.openAPIV3Schema, hasDefault)
}

/** Faults of what a version says for itself. */
function ownErrors(
  spec: CustomResourceDefinitionSpec,
  version: CustomResourceDefinitionVersion,
  at: FieldPath,
  { leniency }: SpecRules,
  shared: SharedParts,
): readonly FieldError[] {
  const { subresources, additionalPrinterColumns } = version
  return [
    ...(shared.schema ? [] : schemaErrors(spec, version, at.child('schema'), leniency)),
    ...(shared.subresources ? [] : subresourceErrors(subresources, at.child('subresources'))),
    ...(shared.columns ? [] : columnErrors(additionalPrinterColumns, at.child('additionalPrinterColumns'))),
    ...(shared.selectableFields ? [] : ownSelectableErrors(version, at, leniency, shared)),
  ]
}

function ownSelectableErrors(
  { schema, ...version }: CustomResourceDefinitionVersion,
  at: FieldPath,
  leniency: Leniency,
  shared: SharedParts,
): readonly FieldError[] {
  return selectableFieldErrors(shared.schema || !schema ? version : { ...version, schema }, at, leniency)
}

/** Faults of what all versions say alike, told once: as of fields of the spec. */
function sharedErrors(
  spec: CustomResourceDefinitionSpec,
  first: CustomResourceDefinitionVersion,
  at: FieldPath,
  { leniency }: SpecRules,
  shared: SharedParts,
): readonly FieldError[] {
  const withStatus = spec.versions.find(({ subresources }) => subresources?.status) ?? first
  const { subresources } = withStatus
  const errors: FieldError[] = []
  if (shared.schema) {
    const whole = { ...first, ...(subresources && { subresources }) }
    errors.push(...schemaErrors(spec, whole, at.child('validation'), leniency))
  }
  if (shared.subresources) errors.push(...subresourceErrors(first.subresources, at.child('subresources')))
  if (shared.columns) {
    errors.push(...columnErrors(first.additionalPrinterColumns, at.child('additionalPrinterColumns')))
  }
  if (shared.selectableFields && first.selectableFields?.length) {
    if (shared.schema && first.schema) errors.push(...selectableFieldErrors(first, at, leniency))
    else {
      const detail = 'may only be set when validations.schema is included'
      errors.push(invalid(at.child('selectableFields'), '', detail))
    }
  }
  return errors
}

function groupErrors(group: string, at: FieldPath): readonly FieldError[] {
  if (group === '') return [required(at)]
  const errors = dns1123SubdomainErrors(group)
  if (errors.length > 0) return [invalid(at, group, errors.join(','))]
  return group.includes('.') ? [] : [invalid(at, group, 'should be a domain with at least one dot')]
}

function nameErrors(names: CustomResourceDefinitionNames, at: FieldPath): readonly FieldError[] {
  const errors: FieldError[] = []
  for (const name of ['plural', 'singular'] as const) {
    const value = names[name] ?? ''
    const faults = value === '' ? [] : dns1035LabelErrors(value)
    if (faults.length > 0) errors.push(invalid(at.child(name), value, faults.join(',')))
  }
  for (const name of ['kind', 'listKind'] as const) {
    const value = names[name] ?? ''
    const faults = value === '' ? [] : dns1035LabelErrors(value.toLowerCase())
    if (faults.length === 0) continue
    const detail = `may have mixed case, but should otherwise match: ${faults.join(',')}`
    errors.push(invalid(at.child(name), value, detail))
  }
  errors.push(...labelErrors(names.shortNames, at.child('shortNames')))
  if (names.kind !== '' && names.kind === names.listKind) {
    errors.push(invalid(at.child('listKind'), names.listKind, 'kind and listKind may not be the same'))
  }
  errors.push(...labelErrors(names.categories, at.child('categories')))
  return errors
}

function labelErrors(labels: readonly string[] = [], at: FieldPath): readonly FieldError[] {
  return labels.flatMap((label, index) => {
    const faults = dns1035LabelErrors(label)
    return faults.length > 0 ? [invalid(at.index(index), label, faults.join(','))] : []
  })
}

function statusErrors({ status }: CustomResourceDefinition): readonly FieldError[] {
  const names = status?.acceptedNames
  return names ? nameErrors(names, path('status', 'acceptedNames')) : []
}

function storedVersionErrors({ spec, status }: CustomResourceDefinition): readonly FieldError[] {
  const at = path('status', 'storedVersions')
  const stored = status?.storedVersions ?? []
  if (stored.length === 0)
    return [invalid(at, status?.storedVersions, 'must have at least one stored version')]
  const storage = spec.versions
    .filter((version) => version.storage && !stored.includes(version.name))
    .map(({ name }) => invalid(at, stored, `must have the storage version ${name}`))
  const missing = stored.flatMap((name, index) => {
    if (spec.versions.some((version) => version.name === name)) return []
    const detail =
      `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a ` +
      `storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`
    return [invalid(at.index(index), name, detail)]
  })
  return [...storage, ...missing]
}

function preserveUnknownErrors(
  { spec }: CustomResourceDefinition,
  previous: CustomResourceDefinition | undefined,
): readonly FieldError[] {
  if (previous?.spec.preserveUnknownFields || !spec.preserveUnknownFields) return []
  const detail =
    'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead'
  return [invalid(path('spec', 'preserveUnknownFields'), true, detail)]
}
