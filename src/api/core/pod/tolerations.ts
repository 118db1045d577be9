import { jsonEqual } from '../../../machinery/equal.ts'
import type { Toleration } from '../../generated/core.v1.ts'

/*
 * Tolerations as sets of taints. Source: kubernetes/pkg/util/tolerations.
 */

/** All of both, but for those that another one includes. */
export function mergeTolerations(
  first: readonly Toleration[],
  second: readonly Toleration[],
): readonly Toleration[] {
  const all = [...first, ...second]
  const merged: Toleration[] = []
  for (const [index, one] of all.entries()) {
    const isIncluded =
      merged.some((other) => includes(other, one)) ||
      all.slice(index + 1).some((other) => !jsonEqual(one, other) && includes(other, one))
    if (!isIncluded) merged.push(one)
  }
  return merged
}

/** Whether each is included in one of the allowed; where none is named, all are. */
export function areTolerationsAllowed(
  tolerations: readonly Toleration[],
  allowed: readonly Toleration[],
): boolean {
  return allowed.length === 0 || tolerations.every((one) => allowed.some((other) => includes(other, one)))
}

/** Whether everything that `inner` tolerates is tolerated by `outer`. */
function includes(outer: Toleration, inner: Toleration): boolean {
  if (jsonEqual(outer, inner)) return true
  const isAnyKey = !outer.key && outer.operator === 'Exists'
  if ((inner.key ?? '') !== (outer.key ?? '') && !isAnyKey) return false
  if (outer.effect && inner.effect !== outer.effect) return false
  if (outer.effect === 'NoExecute' && outer.tolerationSeconds !== undefined) {
    if (inner.tolerationSeconds === undefined || inner.tolerationSeconds > outer.tolerationSeconds)
      return false
  }
  switch (outer.operator) {
    case 'Equal':
    case undefined:
      return inner.operator === 'Equal' && (inner.value ?? '') === (outer.value ?? '')
    case 'Exists':
      return true
    default:
      return false
  }
}
