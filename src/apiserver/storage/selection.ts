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
}

export const everything: Selection = { namespace: '', name: '' }

/** Whether the selection has no label or field requirement: every object of the namespace is selected. */
export function isWholeNamespace(selection: Selection): boolean {
  return selection.name === '' && !selection.matchesLabels && !selection.fields?.length
}

export function isSelected<T extends KubernetesObject>(
  selection: Selection,
  stored: StoredObject<T>,
): boolean {
  if (selection.namespace !== '' && !stored.key.startsWith(`${selection.namespace}/`)) return false
  if (selection.name !== '' && stored.name !== selection.name) return false
  const { matchesLabels, fields } = selection
  if (matchesLabels && !matchesLabels(stored.object.metadata?.labels ?? noLabels)) return false
  if (!fields) return true
  const values = stored.fields
  return fields.every(
    ({ field, operator, value }) => ((values[field] ?? '') === value) === (operator === '='),
  )
}

const noLabels: Readonly<Record<string, string>> = {}

/** What the keys of all selected objects start with: `namespace/`, or nothing. */
export function keyPrefix(selection: Selection): string {
  return selection.namespace === '' ? '' : `${selection.namespace}/`
}
