import { compareGoStrings, goQuote } from '../go-format.ts'
import { applyConflict } from '../status-errors.ts'
import type { StatusError } from '../status.ts'
import { pathsOf, type FieldSet } from './field-set.ts'
import type { Manager } from './managers.ts'
import { printPath } from './path-element.ts'

/** Fields that an applier wants to change and that belong to another manager. */
export interface Conflict {
  readonly identifier: string
  readonly manager: Manager
  readonly path: readonly string[]
}

export function conflictsOf(
  owned: readonly { readonly identifier: string; readonly manager: Manager; readonly fields: FieldSet }[],
): Conflict[] {
  return owned
    .toSorted((a, b) => compareGoStrings(a.identifier, b.identifier))
    .flatMap(({ identifier, manager, fields }) =>
      pathsOf(fields).map((path) => ({ identifier, manager, path })),
    )
}

/** 409 with a cause per field; worded as upstream, which kubectl explains to its users. */
export function conflictError(conflicts: readonly Conflict[]): StatusError {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${printManager(manager)}`,
    field: printPath(path),
  }))
  return applyConflict(causes, conflictMessage(conflicts))
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [first, ...more] = conflicts
  if (first && more.length === 0) {
    const who = printManager(first.manager)
    return `Apply failed with 1 conflict: conflict with ${who}: ${printPath(first.path)}`
  }
  const lines: string[] = []
  let previous: string | undefined
  for (const { identifier, manager, path } of conflicts) {
    if (identifier !== previous) lines.push(`conflicts with ${printManager(manager)}:`)
    previous = identifier
    lines.push(`- ${printPath(path)}`)
  }
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`
}

function printManager({ manager, operation, apiVersion, subresource }: Manager): string {
  const name = goQuote(manager) + (subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`)
  return operation === 'Update' ? `${name} using ${apiVersion}` : name
}
