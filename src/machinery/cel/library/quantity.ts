import {
  addQuantity,
  compareQuantity,
  isQuantity,
  parseQuantity,
  QuantityError,
  quantityOf,
  quantitySign,
  quantityToFloat,
  subtractQuantity,
  type ParsedQuantity,
} from '../../quantity.ts'
import { CelError } from '../error.ts'
import { structType } from '../types.ts'
import { CelOpaque } from '../values/opaque.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'

const quantityType = structType('kubernetes.Quantity')

/** An amount of a resource. Source: k8s.io/apiserver/pkg/cel/library/quantity.go. */
export class CelQuantity extends CelOpaque {
  override readonly type = quantityType
  readonly quantity: ParsedQuantity

  constructor(quantity: ParsedQuantity) {
    super()
    this.quantity = quantity
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelQuantity && compareQuantity(this.quantity, other.quantity) === 0
  }
}

function parse(text: string): CelQuantity {
  try {
    return new CelQuantity(parseQuantity(text))
  } catch (error) {
    if (error instanceof QuantityError) throw new CelError(error.message)
    throw error
  }
}

/** Exactly, in 64 bits; undefined for other amounts. */
function integerOf({ quantity: { mantissa, exponent } }: CelQuantity): bigint | undefined {
  if (mantissa === 0n) return 0n
  if (exponent > 18) return undefined
  const scale = 10n ** BigInt(Math.abs(exponent))
  if (exponent < 0 && mantissa % scale !== 0n) return undefined
  const value = exponent < 0 ? mantissa / scale : mantissa * scale
  return BigInt.asIntN(64, value) === value ? value : undefined
}

function asInteger(quantity: CelQuantity): bigint {
  const value = integerOf(quantity)
  if (value === undefined) throw new CelError('cannot convert value to integer')
  return value
}

function compare(a: CelQuantity, b: CelQuantity): number {
  return compareQuantity(a.quantity, b.quantity)
}

function amount(value: CelQuantity | bigint): ParsedQuantity {
  return typeof value === 'bigint' ? quantityOf(value, 'DecimalExponent') : value.quantity
}

const add = (a: CelQuantity, b: CelQuantity | bigint) => new CelQuantity(addQuantity(a.quantity, amount(b)))
const subtract = (a: CelQuantity, b: CelQuantity | bigint) =>
  new CelQuantity(subtractQuantity(a.quantity, amount(b)))

const type = 'kubernetes.Quantity'

export const quantityLibrary: Library = {
  since: 28,
  types: [quantityType],
  functions: [
    globalFunction('quantity', 'string_to_quantity', ['string'], type, parse),
    globalFunction('isQuantity', 'is_quantity_string', ['string'], 'bool', isQuantity),
    globalFunction('sign', 'quantity_sign', [type], 'int', ({ quantity }: CelQuantity) =>
      BigInt(quantitySign(quantity)),
    ),
    memberFunction(
      'isGreaterThan',
      'quantity_is_greater_than',
      [type, type],
      'bool',
      (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0,
    ),
    memberFunction(
      'isLessThan',
      'quantity_is_less_than',
      [type, type],
      'bool',
      (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0,
    ),
    memberFunction(
      'compareTo',
      'quantity_compare_to',
      [type, type],
      'int',
      (a: CelQuantity, b: CelQuantity) => BigInt(compare(a, b)),
    ),
    memberFunction(
      'asApproximateFloat',
      'quantity_get_float',
      [type],
      'double',
      ({ quantity }: CelQuantity) => quantityToFloat(quantity),
    ),
    memberFunction('asInteger', 'quantity_get_int', [type], 'int', asInteger),
    memberFunction(
      'isInteger',
      'quantity_is_integer',
      [type],
      'bool',
      (quantity: CelQuantity) => integerOf(quantity) !== undefined,
    ),
    memberFunction('add', 'quantity_add', [type, type], type, add),
    memberFunction('add', 'quantity_add_int', [type, 'int'], type, add),
    memberFunction('sub', 'quantity_sub', [type, type], type, subtract),
    memberFunction('sub', 'quantity_sub_int', [type, 'int'], type, subtract),
  ],
}
