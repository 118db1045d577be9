import type { Quantity } from './meta.ts'

/**
 * Amounts of resources: `100m`, `1.5Gi`, `12e6`. Exact: never a floating-point number inside. Semantics and canonical
 * form of k8s.io/apimachinery/pkg/api/resource. API objects hold the text; functions here take the text or the parsed
 * form and never change either.
 */
export interface ParsedQuantity {
  /** The amount is `mantissa` × 10^`exponent`. */
  readonly mantissa: bigint
  readonly exponent: number
  /** How the text was written, and how the result of arithmetic is written. */
  readonly format: QuantityFormat
  /** The text parsed, where upstream keeps it instead of writing the canonical form. */
  readonly text?: Quantity
}

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent'

export type QuantityLike = Quantity | ParsedQuantity

/** The text is no quantity; worded as upstream. */
export class QuantityError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'QuantityError'
  }
}

const formatWrong =
  "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
const suffixWrong = "unable to parse quantity's suffix"

/** Sign, number without leading zeros, fraction, suffix. As lenient as upstream: every part may be missing. */
/** No text matches in two ways: where many do not match, trying all of them takes forever. */
const grammar = /^([+-]?)([0-9]*)(?:\.([0-9]*))?((?:[eEinumkKMGTP]+[-+]?[0-9]*|[-+][0-9]*)?)$/
const exponentSuffix = /^[eE]([-+]?[0-9]+)$/

const decimalSuffixes: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
}
/** In powers of two. */
const binarySuffixes: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }

const decimalSuffixOf = new Map(
  Object.entries(decimalSuffixes).map(([suffix, exponent]) => [exponent, suffix]),
)
const binarySuffixNames = ['', ...Object.keys(binarySuffixes)]

const nano = -9
const maxInt64 = 2n ** 63n - 1n
/** Beyond this many orders of magnitude between two amounts the smaller does not count. */
const maxAlignment = 10_000

/** No amount needs more, and reading millions of digits takes seconds. */
const maxTextLength = 65_536

const cache = new Map<string, ParsedQuantity>()
const maxCached = 4096

/** Parses `100m` and the like, or a JSON number. Throws a QuantityError. */
export function parseQuantity(text: Quantity | number): ParsedQuantity {
  const key = String(text)
  const cached = cache.get(key)
  if (cached) return cached
  const parsed = parse(key)
  if (cache.size >= maxCached) cache.clear()
  cache.set(key, parsed)
  return parsed
}

/** Whether parseQuantity takes it. */
export function isQuantity(text: Quantity | number): boolean {
  try {
    parseQuantity(text)
    return true
  } catch (error) {
    if (error instanceof QuantityError) return false
    throw error
  }
}

type Parts = readonly [
  text: string,
  sign: string,
  whole: string,
  fraction: string | undefined,
  suffix: string,
]

function parse(text: string): ParsedQuantity {
  const match = text === '' || text.length > maxTextLength ? null : grammar.exec(text)
  if (!match) throw new QuantityError(formatWrong)
  const [, sign, digitsBefore, fraction = '', suffix] = match as unknown as Parts
  const whole = digitsBefore.replace(/^0+/, '')
  const { base, power, format } = interpretSuffix(suffix)
  const digits = (whole === '' ? '0' : whole) + fraction
  const magnitude = BigInt(digits) * (base === 2 ? 1n << BigInt(power) : 1n)
  const exponent = (base === 2 ? 0 : power) - fraction.length

  if (keepsInt64(format, whole, fraction, power) && exponent >= nano) {
    const mantissa = sign === '-' ? -magnitude : magnitude
    const canonical = isWrittenCanonically(format, power, digits, exponent)
    return { mantissa, exponent, format, ...(canonical && { text }) }
  }
  return bounded({ mantissa: magnitude, exponent, format }, sign === '-')
}

function interpretSuffix(suffix: string): { base: 2 | 10; power: number; format: QuantityFormat } {
  const decimal = decimalSuffixes[suffix]
  if (decimal !== undefined) return { base: 10, power: decimal, format: 'DecimalSI' }
  const binary = binarySuffixes[suffix]
  if (binary !== undefined) return { base: 2, power: binary, format: 'BinarySI' }
  const exponent = exponentSuffix.exec(suffix)
  if (!exponent || exponent[1]!.length > 18) throw new QuantityError(suffixWrong)
  return { base: 10, power: Number(exponent[1]) | 0, format: 'DecimalExponent' }
}

/** Where upstream computes in int64: there it neither rounds nor caps, and may keep the text. */
function keepsInt64(format: QuantityFormat, whole: string, fraction: string, power: number): boolean {
  const wholeDigits = Math.max(1, whole.length)
  if (format !== 'BinarySI') return wholeDigits + fraction.length <= 18
  return fraction === '' && 15 - wholeDigits - Math.trunc((power * 3) / 10) - 1 >= 0
}

function isWrittenCanonically(
  format: QuantityFormat,
  power: number,
  digits: string,
  exponent: number,
): boolean {
  if (format === 'BinarySI') return power % 10 === 0 && (BigInt(digits) & 7n) !== 0n
  return exponent % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0')
}

/** Rounds up to nanos, caps binary amounts at int64's maximum, and writes binary fractions of 1 as decimals. */
function bounded(magnitude: ParsedQuantity, negative: boolean): ParsedQuantity {
  let { mantissa, exponent, format } = magnitude
  if (exponent < nano) {
    mantissa = divideAwayFromZero(mantissa, nano - exponent)
    exponent = nano
  }
  if (format === 'BinarySI') {
    const amount = { mantissa, exponent, format }
    if (compareQuantity(amount, { mantissa: maxInt64, exponent: 0, format }) > 0) {
      mantissa = maxInt64
      exponent = 0
    } else if (mantissa > 0n && compareQuantity(amount, { mantissa: 1n, exponent: 0, format }) < 0) {
      format = 'DecimalSI'
    }
  }
  return { mantissa: negative ? -mantissa : mantissa, exponent, format }
}

/** The text of an amount: as it was written where upstream keeps that, else in canonical form. */
export function formatQuantity(quantity: QuantityLike): Quantity {
  const parsed = toParsed(quantity)
  return parsed.text ?? canonicalText(parsed)
}

/** What upstream's decoder and encoder make of a quantity: `1000m` becomes `1`. Throws a QuantityError. */
export function canonicalQuantity(text: Quantity | number): Quantity {
  return formatQuantity(parseQuantity(text))
}

function canonicalText(quantity: ParsedQuantity): Quantity {
  if (quantity.mantissa === 0n) return '0'
  const { format } = quantity
  if (format === 'DecimalExponent') return decimalText(quantity, (exponent) => `e${exponent}`)
  return (format === 'BinarySI' && binaryText(quantity)) || decimalText(quantity)
}

/** Undefined where only decimals say it exactly, and below 1024, where there is nothing to gain. */
function binaryText({ mantissa, exponent }: ParsedQuantity): Quantity | undefined {
  if (exponent < 0) {
    const divisor = 10n ** BigInt(-exponent)
    if (mantissa % divisor !== 0n) return undefined
    mantissa /= divisor
  } else {
    if (exponent > maxAlignment) return undefined
    mantissa *= 10n ** BigInt(exponent)
  }
  if (mantissa > -1024n && mantissa < 1024n) return undefined
  let times = 0
  for (; mantissa % 1024n === 0n && times < binarySuffixNames.length - 1; times++) mantissa /= 1024n
  return `${mantissa}${binarySuffixNames[times]}`
}

/**
 * The largest exponent divisible by three that leaves no fraction. Without `suffixOf`, SI suffixes, up to `E` and
 * down to `n` only (upstream prints amounts beyond them without any suffix, which is another number).
 */
function decimalText(
  { mantissa, exponent }: ParsedQuantity,
  suffixOf?: (exponent: number) => string,
): Quantity {
  const zeros = trailingZeros(mantissa.toString())
  mantissa /= 10n ** BigInt(zeros)
  exponent += zeros
  for (; exponent % 3 !== 0; exponent--) mantissa *= 10n
  if (exponent === 0) return mantissa.toString()
  if (suffixOf) return mantissa.toString() + suffixOf(exponent)
  if (exponent > 18 && exponent <= maxAlignment) {
    mantissa *= 10n ** BigInt(exponent - 18)
    exponent = 18
  }
  return mantissa.toString() + (decimalSuffixOf.get(exponent) ?? `e${exponent}`)
}

/** Counted in the text: dividing by ten again and again takes minutes where a client sends a million zeros. */
function trailingZeros(digits: string): number {
  let end = digits.length
  while (digits[end - 1] === '0') end--
  return digits.length - end
}

/** A whole amount. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): ParsedQuantity {
  return { mantissa: BigInt(value), exponent: 0, format }
}

/** A whole number of thousandths. */
export function milliQuantityOf(
  milliValue: number | bigint,
  format: QuantityFormat = 'DecimalSI',
): ParsedQuantity {
  return { mantissa: BigInt(milliValue), exponent: -3, format }
}

/** Negative, zero or positive, as `a` is less than, equal to or more than `b`. */
export function compareQuantity(a: QuantityLike, b: QuantityLike): number {
  const left = toParsed(a)
  const right = toParsed(b)
  const signs = quantitySign(left) - quantitySign(right)
  if (signs !== 0 || left.mantissa === 0n) return Math.sign(signs)
  if (Math.abs(left.exponent - right.exponent) > maxAlignment) {
    return left.exponent > right.exponent ? quantitySign(left) : -quantitySign(left)
  }
  const [leftMantissa, rightMantissa] = aligned(left, right)
  return leftMantissa < rightMantissa ? -1 : Number(leftMantissa > rightMantissa)
}

/** The sum, in the format of `a`, or of `b` when `a` is zero. */
export function addQuantity(a: QuantityLike, b: QuantityLike): ParsedQuantity {
  const left = toParsed(a)
  const right = toParsed(b)
  const format = left.mantissa === 0n ? right.format : left.format
  if (left.mantissa === 0n || right.mantissa === 0n) {
    const { mantissa, exponent } = left.mantissa === 0n ? right : left
    return { mantissa, exponent, format }
  }
  if (Math.abs(left.exponent - right.exponent) > maxAlignment) {
    const { mantissa, exponent } = left.exponent > right.exponent ? left : right
    return { mantissa, exponent, format }
  }
  const [leftMantissa, rightMantissa] = aligned(left, right)
  const exponent = Math.min(left.exponent, right.exponent)
  return { mantissa: leftMantissa + rightMantissa, exponent, format }
}

/** `a` less `b`, in the format of `a`, or of `b` when `a` is zero. */
export function subtractQuantity(a: QuantityLike, b: QuantityLike): ParsedQuantity {
  return addQuantity(a, negateQuantity(b))
}

export function negateQuantity(quantity: QuantityLike): ParsedQuantity {
  const { mantissa, exponent, format } = toParsed(quantity)
  return { mantissa: -mantissa, exponent, format }
}

/** `quantity` times a whole number. */
export function multiplyQuantity(quantity: QuantityLike, factor: number | bigint): ParsedQuantity {
  const { mantissa, exponent, format } = toParsed(quantity)
  return { mantissa: mantissa * BigInt(factor), exponent, format }
}

export function quantitySign(quantity: QuantityLike): -1 | 0 | 1 {
  const { mantissa } = toParsed(quantity)
  return mantissa === 0n ? 0 : mantissa < 0n ? -1 : 1
}

/** In whole units, rounded away from zero; at most 2^63 in magnitude. */
export function quantityValue(quantity: QuantityLike): number {
  return scaledQuantityValue(quantity, 0)
}

/** In thousandths, rounded away from zero; at most 2^63 in magnitude. */
export function quantityMilliValue(quantity: QuantityLike): number {
  return scaledQuantityValue(quantity, -3)
}

/** In units of 10^`scale`, rounded away from zero; at most 2^63 in magnitude. */
export function scaledQuantityValue(quantity: QuantityLike, scale: number): number {
  const { mantissa, exponent } = toParsed(quantity)
  const shift = exponent - scale
  if (shift < 0) return Number(clampInt64(divideAwayFromZero(mantissa, -shift)))
  if (shift > 19) return mantissa === 0n ? 0 : Number(clampInt64(mantissa < 0n ? -maxInt64 : maxInt64))
  return Number(clampInt64(mantissa * 10n ** BigInt(shift)))
}

/** The nearest floating-point number. */
export function quantityToFloat(quantity: QuantityLike): number {
  const { mantissa, exponent } = toParsed(quantity)
  return Number(`${mantissa}e${exponent}`)
}

function toParsed(quantity: QuantityLike): ParsedQuantity {
  return typeof quantity === 'object' ? quantity : parseQuantity(quantity)
}

function aligned(a: ParsedQuantity, b: ParsedQuantity): [bigint, bigint] {
  const shift = a.exponent - b.exponent
  if (shift === 0) return [a.mantissa, b.mantissa]
  if (shift > 0) return [a.mantissa * 10n ** BigInt(shift), b.mantissa]
  return [a.mantissa, b.mantissa * 10n ** BigInt(-shift)]
}

function divideAwayFromZero(mantissa: bigint, orders: number): bigint {
  if (mantissa === 0n) return 0n
  const away = mantissa < 0n ? -1n : 1n
  if (orders > mantissa.toString().length) return away
  const divisor = 10n ** BigInt(orders)
  return mantissa / divisor + (mantissa % divisor === 0n ? 0n : away)
}

function clampInt64(value: bigint): bigint {
  return value > maxInt64 ? maxInt64 : value < -maxInt64 ? -maxInt64 : value
}
