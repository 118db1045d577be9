import { approvalOf, needsApproval } from '../../api/apiextensions/api-approval.ts'
import { isCaBundle } from '../../api/apiextensions/conversion-validation.ts'
import { structuralErrors, unsupportedField } from '../../api/apiextensions/structural.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
} from '../../api/generated/apiextensions.v1.ts'
import { findCondition, isConditionTrue } from '../../machinery/conditions.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { aggregateFieldErrors, forbidden, path, type FieldError } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'

/** What the API server says of a definition, apart from when. Source: k8s.io/apiextensions-apiserver/pkg/controller. */
export type WantedCondition = Omit<CustomResourceDefinitionCondition, 'lastTransitionTime'>

export interface Naming {
  readonly acceptedNames: CustomResourceDefinitionNames
  readonly conditions: readonly WantedCondition[]
}

/** The names that a definition gets beside the `others` of its group, first come, first served; undefined when all is as it is. */
export function nameDefinition(
  definition: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): Naming | undefined {
  const { spec, status } = definition
  const accepted = status?.acceptedNames ?? { plural: '', kind: '' }
  if (jsonEqual(spec.names, accepted)) return undefined
  const taken = others.flatMap((other) => other.status?.acceptedNames ?? [])
  const resources = new Set(
    taken.flatMap(({ plural, singular, shortNames = [] }) => [plural, singular, ...shortNames]),
  )
  const kinds = new Set(taken.flatMap(({ kind, listKind }) => [kind, listKind]))
  const acceptedNames: {
    -readonly [Key in keyof CustomResourceDefinitionNames]: CustomResourceDefinitionNames[Key]
  } = { ...accepted }
  let refused: WantedCondition | undefined
  const claim = (
    name: 'plural' | 'singular' | 'kind' | 'listKind',
    used: ReadonlySet<string | undefined>,
  ) => {
    const wanted = spec.names[name] ?? ''
    if (wanted !== accepted[name] && used.has(wanted)) refused = namesRefused(name, [wanted])
    else acceptedNames[name] = wanted
  }
  claim('plural', resources)
  claim('singular', resources)
  const { shortNames = [] } = spec.names
  const known = new Set(accepted.shortNames)
  const conflicting = shortNames.filter((name) => !known.has(name) && resources.has(name))
  if (conflicting.length > 0) refused = namesRefused('shortNames', conflicting)
  else setOrDelete(acceptedNames, 'shortNames', spec.names.shortNames)
  claim('kind', kinds)
  claim('listKind', kinds)
  setOrDelete(acceptedNames, 'categories', spec.names.categories)
  const namesAccepted: WantedCondition = refused ?? {
    type: 'NamesAccepted',
    status: 'True',
    reason: 'NoConflicts',
    message: 'no conflicts found',
  }
  const before = findCondition(status?.conditions, 'NamesAccepted')
  if (jsonEqual(accepted, acceptedNames) && before && isSame(before, namesAccepted)) return undefined
  return { acceptedNames, conditions: [namesAccepted, ...notYetEstablished(definition, !refused)] }
}

function setOrDelete<Key extends 'shortNames' | 'categories'>(
  names: { [K in Key]?: readonly string[] },
  key: Key,
  value: readonly string[] | undefined,
): void {
  if (value) names[key] = value
  else delete names[key]
}

function namesRefused(name: keyof CustomResourceDefinitionNames, names: readonly string[]): WantedCondition {
  const messages = names.map((wanted) => `${goQuote(wanted)} is already in use`)
  return {
    type: 'NamesAccepted',
    status: 'False',
    reason: `${name.charAt(0).toUpperCase()}${name.slice(1)}Conflict`,
    message: messages.length === 1 ? messages[0]! : `[${messages.join(', ')}]`,
  }
}

function notYetEstablished(
  { status }: CustomResourceDefinition,
  isNamed: boolean,
): readonly WantedCondition[] {
  if (isConditionTrue(status?.conditions, 'Established')) return []
  if (isNamed) {
    const message = 'the initial names have been accepted'
    return [{ type: 'Established', status: 'False', reason: 'Installing', message }]
  }
  if (findCondition(status?.conditions, 'Established')) return []
  return [
    { type: 'Established', status: 'False', reason: 'NotAccepted', message: 'not all names are accepted' },
  ]
}

/** Whether a definition is served from now on; undefined when that has been said, or its names are not accepted. */
export function establishDefinition(definition: CustomResourceDefinition): WantedCondition | undefined {
  const { spec, status } = definition
  const { conditions } = status ?? {}
  if (!isConditionTrue(conditions, 'NamesAccepted') || isConditionTrue(conditions, 'Established'))
    return undefined
  const bundle = spec.conversion?.webhook?.clientConfig?.caBundle ?? ''
  const wanted: WantedCondition =
    bundle !== '' && !isCaBundle(bundle)
      ? {
          type: 'Established',
          status: 'False',
          reason: 'InvalidCABundle',
          message: 'The conversion webhook CABundle is invalid',
        }
      : {
          type: 'Established',
          status: 'True',
          reason: 'InitialNamesAccepted',
          message: 'the initial names have been accepted',
        }
  const before = findCondition(conditions, 'Established')
  return before && isSame(before, wanted) ? undefined : wanted
}

/** That a schema is not structural, in definitions of old; `remove` when it is no longer true. */
export function nonStructuralSchema(
  definition: CustomResourceDefinition,
): { readonly set: WantedCondition } | { readonly remove: true } | undefined {
  const errors = schemaFaults(definition)
  const before = findCondition(definition.status?.conditions, 'NonStructuralSchema')
  if (errors.length === 0) return before ? { remove: true } : undefined
  const wanted: WantedCondition = {
    type: 'NonStructuralSchema',
    status: 'True',
    reason: 'Violations',
    message: aggregateFieldErrors(errors),
  }
  return before && isSame(before, wanted) ? undefined : { set: wanted }
}

function schemaFaults({ spec }: CustomResourceDefinition): readonly FieldError[] {
  const preserved = spec.preserveUnknownFields
    ? [forbidden(path('spec', 'preserveUnknownFields'), 'must be false')]
    : []
  const faults = spec.versions.flatMap(({ schema }, index) => {
    const props = schema?.openAPIV3Schema
    if (!props) return []
    const at = path('spec', 'versions').index(index).child('schema', 'openAPIV3Schema')
    const unsupported = unsupportedField(props)
    return unsupported === undefined ? structuralErrors(props, at) : [forbidden(at, unsupported)]
  })
  return [...preserved, ...faults]
}

/** Whether a definition in one of the project's own groups was approved; undefined when that has been said. */
export function approvalCondition(definition: CustomResourceDefinition): WantedCondition | undefined {
  if (!needsApproval(definition.spec.group)) return undefined
  const { approval, reason: message } = approvalOf(definition)
  const said = {
    Approved: ['True', 'ApprovedAnnotation'],
    Bypassed: ['False', 'UnapprovedAnnotation'],
    Missing: ['False', 'MissingAnnotation'],
    Invalid: ['False', 'InvalidAnnotation'],
  } as const
  const [status, reason] = said[approval]
  const type = 'KubernetesAPIApprovalPolicyConformant'
  const wanted = { type, status, reason, message }
  const before = findCondition(definition.status?.conditions, type)
  return before && isSame(before, wanted) ? undefined : wanted
}

export function isSame(condition: WantedCondition, other: WantedCondition): boolean {
  return (
    condition.status === other.status &&
    condition.reason === other.reason &&
    condition.message === other.message
  )
}
