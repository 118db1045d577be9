import type { Taint, Toleration } from '../generated/core.v1.ts'

/** Whether one toleration covers one taint. Source: core/v1 Toleration.ToleratesTaint. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false
  if (toleration.key && toleration.key !== taint.key) return false
  switch (toleration.operator ?? 'Equal') {
    case 'Exists':
      return true
    case 'Equal':
      // An empty key with Equal matches nothing but is refused by validation.
      return (toleration.value ?? '') === (taint.value ?? '')
    case 'Lt':
      return compareNumbers(taint.value, toleration.value, (a, b) => a < b)
    case 'Gt':
      return compareNumbers(taint.value, toleration.value, (a, b) => a > b)
    default:
      return false
  }
}

/** The first taint that none of the tolerations covers. */
export function findUntolerated(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
): Taint | undefined {
  return taints.find((taint) => !tolerations.some((toleration) => tolerates(toleration, taint)))
}

function compareNumbers(
  taintValue: string | undefined,
  tolerationValue: string | undefined,
  holds: (taint: number, toleration: number) => boolean,
): boolean {
  const numbers = [taintValue, tolerationValue].map((text) =>
    /^(0|-?[1-9]\d*)$/.test(text ?? '') ? Number(text) : NaN,
  )
  return holds(numbers[0]!, numbers[1]!)
}
