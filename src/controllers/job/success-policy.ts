import type { SuccessPolicy } from '../../api/generated/batch.v1.ts'
import {
  countCommonIndexes,
  countIndexes,
  parseIndexes,
  type CompletionIndexes,
} from './completion-indexes.ts'

/** Which rule of the policy the succeeded indexes satisfy, in words; undefined when none. */
export function matchSuccessPolicy(
  policy: SuccessPolicy | undefined,
  completions: number,
  succeeded: CompletionIndexes,
): string | undefined {
  if (succeeded.length === 0) return undefined
  const index = (policy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount = Infinity }) => {
    if (succeededIndexes === undefined) return countIndexes(succeeded) >= succeededCount
    const wanted = parseIndexes(succeededIndexes, completions)
    if (wanted.length === 0) return false
    const common = countCommonIndexes(wanted, succeeded)
    return common === countIndexes(wanted) || common >= succeededCount
  })
  return index < 0 ? undefined : `Matched rules at index ${index}`
}
