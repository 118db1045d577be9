import type { ResourceDefinition } from '../../api/definition.ts'
import { forbidden, notSupported, path, type FieldError } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { matchesLabels, parseLabelSelector } from '../../machinery/label-selector.ts'
import { parseFieldSelector, type FieldRequirement } from '../../machinery/field-selector.ts'
import { SelectorError } from '../../machinery/selector-error.ts'
import { badRequest, invalid } from '../../machinery/status-errors.ts'
import type { Selection } from '../storage/selection.ts'
import type { ListOptions } from './request.ts'

/**
 * The selection that a list, a watch or a deletecollection is about, `fieldLabels` being those of the served version where
 * it has its own. Throws BadRequest.
 */
export function selectionOf(
  definition: ResourceDefinition,
  namespace: string,
  options: ListOptions,
  supportedFields: () => ReadonlySet<string>,
  fieldLabels?: Readonly<Record<string, string>>,
): Selection {
  const { labelSelector = '', fieldSelector = '' } = options
  if (labelSelector === '' && fieldSelector === '') return { namespace, name: '' }
  const labels = parsing(() => parseLabelSelector(labelSelector))
  const requirements = inStoredLabels(
    parsing(() => parseFieldSelector(fieldSelector)).requirements,
    fieldLabels,
  )
  for (const { field } of requirements) checkField(definition, field, supportedFields)
  const name = required(requirements, 'metadata.name')
  const wantedNamespace = required(requirements, 'metadata.namespace')
  const isNarrowed = namespace === '' && wantedNamespace !== undefined && definition.resource.namespaced
  const fields = requirements.filter((requirement) => {
    if (requirement.operator === '!=') return true
    // A second value for the same name stays, and then nothing is selected.
    if (requirement.field === 'metadata.name') return requirement.value !== name
    return !(
      requirement.field === 'metadata.namespace' &&
      isNarrowed &&
      requirement.value === wantedNamespace
    )
  })
  return {
    namespace: isNarrowed ? wantedNamespace : namespace,
    name: name ?? '',
    ...(labelSelector !== '' && { matchesLabels: (found) => matchesLabels(labels, found) }),
    ...(fields.length > 0 && { fields }),
  }
}

function inStoredLabels(
  requirements: readonly FieldRequirement[],
  fieldLabels: Readonly<Record<string, string>> | undefined,
): readonly FieldRequirement[] {
  if (!fieldLabels) return requirements
  return requirements.map((requirement) => {
    const { field } = requirement
    if (isMetadataLabel(field)) return requirement
    const stored = Object.hasOwn(fieldLabels, field) ? fieldLabels[field] : undefined
    if (stored === undefined) throw unsupportedLabel(field)
    return { ...requirement, field: stored }
  })
}

function isMetadataLabel(field: string): boolean {
  return field === 'metadata.name' || field === 'metadata.namespace'
}

function unsupportedLabel(field: string): Error {
  return badRequest(`field label not supported: ${field}`)
}

function required(requirements: readonly FieldRequirement[], field: string): string | undefined {
  const found = requirements.find(
    (term) => term.field === field && term.operator === '=' && term.value !== '',
  )
  return found?.value
}

function parsing<T>(parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (error instanceof SelectorError) throw badRequest(error.message)
    throw error
  }
}

function checkField(
  definition: ResourceDefinition,
  field: string,
  supportedFields: () => ReadonlySet<string>,
): void {
  if (isMetadataLabel(field) || supportedFields().has(field)) return
  if (definition.selectableFields) throw unsupportedLabel(field)
  throw badRequest(
    `${goQuote(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  )
}

/** Throws Invalid for options that contradict each other. Source: apimachinery/pkg/apis/meta/internalversion/validation. */
export function checkListOptions(options: ListOptions): void {
  refuse(
    options.sendInitialEvents === undefined ? listErrors(options) : [...listErrors(options), noInitialEvents],
  )
}

/** As checkListOptions, for watches. */
export function checkWatchOptions(options: ListOptions): void {
  refuse(watchErrors(options))
}

function refuse(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw invalid('ListOptions.meta.k8s.io', '', errors)
}

const matchPath = path('resourceVersionMatch')
const initialEventsPath = path('sendInitialEvents')
const noInitialEvents = forbidden(initialEventsPath, 'sendInitialEvents is forbidden for list')
const noMatchWithContinue = forbidden(
  matchPath,
  'resourceVersionMatch is forbidden when continue is provided',
)

function listErrors(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, resourceVersion } = options
  if (!match) return []
  const errors: FieldError[] = []
  if (!resourceVersion) {
    errors.push(forbidden(matchPath, 'resourceVersionMatch is forbidden unless resourceVersion is provided'))
  }
  if (options.continue) errors.push(noMatchWithContinue)
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    errors.push(notSupported(matchPath, match, ['Exact', 'NotOlderThan', '']))
  }
  if (match === 'Exact' && resourceVersion === '0') {
    errors.push(forbidden(matchPath, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'))
  }
  return errors
}

function watchErrors(options: ListOptions): FieldError[] {
  const { resourceVersionMatch: match, sendInitialEvents } = options
  const errors: FieldError[] = []
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    errors.push(
      forbidden(matchPath, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan'),
    )
  }
  if (!match) return errors
  if (sendInitialEvents === undefined) {
    errors.push(
      forbidden(
        matchPath,
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      ),
    )
  }
  if (match !== 'NotOlderThan') errors.push(notSupported(matchPath, match, ['NotOlderThan']))
  if (options.continue) errors.push(noMatchWithContinue)
  return errors
}
