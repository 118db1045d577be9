import { matchesFields, parseFieldSelector } from '../../machinery/field-selector.ts'
import { matchesLabels, parseLabelSelector } from '../../machinery/label-selector.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'

export interface Selection {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** Whether a list or watch with these options has the object. Every path of it can be selected by. */
export function matches(object: KubernetesObject, selection: Selection): boolean {
  const { namespace, labelSelector = '', fieldSelector = '' } = selection
  if (namespace && object.metadata?.namespace !== namespace) return false
  if (!matchesLabels(parseLabelSelector(labelSelector), object.metadata?.labels ?? {})) return false
  const parsed = parseFieldSelector(fieldSelector)
  const fields = Object.fromEntries(parsed.requirements.map(({ field }) => [field, fieldAt(object, field)]))
  return matchesFields(parsed, fields)
}

function fieldAt(object: KubernetesObject, path: string): string {
  let value: unknown = object
  for (const step of path.split('.')) value = (value as Readonly<Record<string, unknown>> | undefined)?.[step]
  return value === undefined ? '' : String(value)
}
