import type { KubernetesObject } from '../../machinery/meta.ts'

export interface Selection {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
}

/** Whether a list or watch with these options has the object. Set-based requirements with a list are not read. */
export function matches(object: KubernetesObject, selection: Selection): boolean {
  const { namespace, labelSelector = '', fieldSelector = '' } = selection
  if (namespace && object.metadata?.namespace !== namespace) return false
  const { labels = {} } = object.metadata ?? {}
  return (
    requirements(labelSelector).every((requirement) => holds(requirement, (key) => labels[key])) &&
    requirements(fieldSelector).every((requirement) =>
      holds(requirement, (path) => fieldAt(object, path) ?? ''),
    )
  )
}

function requirements(selector: string): readonly string[] {
  return selector.split(',').filter((requirement) => requirement !== '')
}

function holds(requirement: string, valueOf: (key: string) => string | undefined): boolean {
  const parsed = /^([^=!]+?)(==|=|!=)(.*)$/.exec(requirement)
  if (!parsed) {
    return requirement.startsWith('!')
      ? valueOf(requirement.slice(1)) === undefined
      : valueOf(requirement) !== undefined
  }
  const [, key = '', operator, value] = parsed
  return operator === '!=' ? valueOf(key) !== value : valueOf(key) === value
}

function fieldAt(object: KubernetesObject, path: string): string | undefined {
  let value: unknown = object
  for (const step of path.split('.')) value = (value as Readonly<Record<string, unknown>> | undefined)?.[step]
  return value === undefined ? undefined : String(value)
}
