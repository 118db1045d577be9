import type { FieldPath } from '../../machinery/field-error.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { Quantity } from '../../machinery/meta.ts'
import { canonicalQuantity, parseQuantity } from '../../machinery/quantity.ts'

/** A part of a byte is accepted and means nothing. */
export function fractionalBytesWarnings(amount: Quantity | undefined, at: FieldPath): string[] {
  if (amount === undefined || milliUnits(amount) % 1000n === 0n) return []
  return [
    `${String(at)}: fractional byte value ${goQuote(canonicalQuantity(amount))} is invalid, must be an integer`,
  ]
}

/** Rounded away from zero, as upstream rounds. */
function milliUnits(amount: Quantity): bigint {
  const { mantissa, exponent } = parseQuantity(amount)
  if (exponent >= -3) return mantissa * 10n ** BigInt(exponent + 3)
  const unit = 10n ** BigInt(-3 - exponent)
  const whole = mantissa / unit
  if (mantissa % unit === 0n) return whole
  return mantissa < 0n ? whole - 1n : whole + 1n
}
