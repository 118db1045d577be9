/** How deep JSON may nest: what is deeper is refused before code that goes down level by level runs out of stack. */
export const maxJsonDepth = 1000

/** Whether arrays and objects in `value` nest deeper than `levels`. */
export function exceedsDepth(value: unknown, levels = maxJsonDepth): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (levels === 0) return true
  for (const item of Object.values(value)) if (exceedsDepth(item, levels - 1)) return true
  return false
}
