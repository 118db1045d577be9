import type { FieldRequirement } from '../../machinery/field-selector.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { StoredObject } from './stored-object.ts'

/** Which objects of a resource a list or a watch is about. */
export interface Selection {
  /** `''`: all namespaces, and cluster-scoped resources. */
  readonly namespace: string
  /** `''`: all names. */
  readonly name: string
  /** Absent: any labels. */
  readonly matchesLabels?: (labels: Readonly<Record<string, string>>) => boolean
  /** Field requirements beside name and namespace; all must hold. */
  readonly fields?: readonly FieldRequirement[]
  /** Which of the objects for which all of that holds are selected, where that cannot be told on the spot. */
  readonly refine?: (objects: readonly StoredObject[]) => Promise<(stored: StoredObject) => boolean>
}

export const everything: Selection = { namespace: '', name: '' }

/** Whether the selection has no label or field requirement: every object of the namespace is selected. */
export function isWholeNamespace(selection: Selection): boolean {
  const { name, matchesLabels, fields, refine } = selection
  return name === '' && !matchesLabels && !fields?.length && !refine
}

/** Whether an object is selected, as far as that can be told on the spot. */
export function isSelected<T extends KubernetesObject>(
  selection: Selection,
  stored: StoredObject<T>,
): boolean {
  if (selection.namespace !== '' && !stored.key.startsWith(`${selection.namespace}/`)) return false
  if (selection.name !== '' && stored.name !== selection.name) return false
  const { matchesLabels, fields } = selection
  if (matchesLabels && !matchesLabels(stored.object.metadata?.labels ?? noLabels)) return false
  return !fields || meetsAll(fields, stored.fields)
}

/** Whether values of fields, by label, are as required. */
export function meetsAll(
  requirements: readonly FieldRequirement[],
  values: Readonly<Record<string, string>>,
): boolean {
  return requirements.every(
    ({ field, operator, value }) => ((values[field] ?? '') === value) === (operator === '='),
  )
}

const noLabels: Readonly<Record<string, string>> = {}

/** What the keys of all selected objects start with: `namespace/`, or nothing. */
export function keyPrefix(selection: Selection): string {
  return selection.namespace === '' ? '' : `${selection.namespace}/`
}
