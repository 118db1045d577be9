import { compareGoStrings, goQuote } from '../../go-format.ts'
import { CelError } from '../error.ts'
import { runtimeTypeName } from '../types.ts'
import { stringFrom } from '../values/conversions.ts'
import { typeOfValue } from '../values/kind.ts'
import { CelList } from '../values/list.ts'
import { CelMap } from '../values/map.ts'
import { CelDuration, CelTimestamp } from '../values/time.ts'
import { CelTypeValue } from '../values/type-value.ts'
import { CelUint } from '../values/uint.ts'
import type { CelValue } from '../values/value.ts'

/** `'%s has %d'.format([...])`. Source: cel-go's ext/formatting.go. */
export function formatText(format: string, args: CelList): string {
  let next = 0
  return format.replace(
    /%(?:%|(\.[0-9]*)?([^]?))/gu,
    (clause: string, precision: string | undefined, verb: string) => {
      if (clause === '%%') return '%'
      if (next >= args.size) throw new CelError(`index ${next} out of range`)
      if (verb === '' || verb === undefined) {
        throw new CelError(
          precision === undefined
            ? 'unexpected end of string'
            : unparsable('could not find end of precision specifier', true),
        )
      }
      return formatClause(verb, precision, args.at(next++))
    },
  )
}

function unparsable(problem: string, inPrecision = false): string {
  return `could not parse formatting clause: ${inPrecision ? 'error while parsing precision: ' : ''}${problem}`
}

const defaultPrecision = 6

function formatClause(verb: string, precisionText: string | undefined, value: CelValue): string {
  if (precisionText === '.') {
    const problem = 'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax'
    throw new CelError(unparsable(problem, true))
  }
  const precision = precisionText === undefined ? defaultPrecision : Number(precisionText.slice(1))
  if (precision > 100) {
    throw new CelError(unparsable(`precision ${precision} exceeds maximum allowed precision 100`, true))
  }
  switch (verb) {
    case 's':
      return text(value)
    case 'd':
      return decimal(value)
    case 'f':
      return withNumber(value, 'fixed-point', (number) => fixedPoint(number, precision))
    case 'e':
      return withNumber(value, 'scientific', (number) => scientific(number, precision))
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : inBase(value, 2, 'binary')
    case 'x':
      return hexadecimal(value)
    case 'X':
      return hexadecimal(value).toUpperCase()
    case 'o':
      return inBase(value, 8, 'octal')
    default:
      throw new CelError(unparsable(`unrecognized formatting clause "${verb}"`))
  }
}

function typeName(value: CelValue): string {
  return runtimeTypeName(typeOfValue(value))
}

function wrong(problem: string): never {
  throw new CelError(`error during formatting: ${problem}`)
}

function text(value: CelValue): string {
  if (value === null) return 'null'
  if (value instanceof CelList) return list(value)
  if (value instanceof CelMap) return map(value)
  if (value instanceof CelTypeValue) return value.name
  const converted = stringFrom(value)
  if (typeof converted === 'string') return converted
  const allowed = 'strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps'
  return wrong(`string clause can only be used on ${allowed}, was given ${typeName(value)}`)
}

function decimal(value: CelValue): string {
  if (typeof value === 'bigint') return String(value)
  if (value instanceof CelUint) return String(value.value)
  if (typeof value === 'number' && !Number.isFinite(value)) return nonFinite(value)
  return wrong(`decimal clause can only be used on integers, was given ${typeName(value)}`)
}

function nonFinite(value: number): string {
  return Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
}

function withNumber(value: CelValue, clause: string, format: (number: number) => string): string {
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return value
  const number = typeof value === 'number' ? value : undefined
  if (number === undefined) {
    return wrong(`${clause} clause can only be used on doubles, was given ${typeName(value)}`)
  }
  return Number.isFinite(number) ? format(number) : nonFinite(number)
}

const superscripts = '⁰¹²³⁴⁵⁶⁷⁸⁹'

/** As golang.org/x/text writes it in American English: `1.5×10⁰³`. */
function scientific(number: number, precision: number): string {
  const [digits, exponent] = number.toExponential(precision).split('e') as [string, string]
  const sign = exponent.startsWith('-') ? '⁻' : ''
  const power = exponent.slice(1).padStart(2, '0')
  return `${digits}×10${sign}${power.replace(/[0-9]/g, (digit) => superscripts[Number(digit)]!)}`
}

/** With commas, as golang.org/x/text writes it in American English. */
function fixedPoint(number: number, precision: number): string {
  const [whole, fraction] = evenlyRounded(number, precision).split('.') as [string, string | undefined]
  const grouped = whole.replace(/\B(?=(?:[0-9]{3})+$)/g, ',')
  return fraction === undefined ? grouped : `${grouped}.${fraction}`
}

/** As Go rounds: a tie goes to the even digit. */
function evenlyRounded(number: number, precision: number): string {
  const text = number.toFixed(precision)
  const tied = (Math.abs(number) * 10 ** precision) % 1 === 0.5
  if (!tied || /[02468]$/.test(text)) return text
  const step = number < 0 ? -1 : 1
  return (number - (step * 0.5) / 10 ** precision).toFixed(precision)
}

function inBase(value: CelValue, base: number, clause: string): string {
  const integer = typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined
  if (integer !== undefined) return integer.toString(base)
  const allowed = base === 2 ? 'integers and bools' : 'integers'
  return wrong(`${clause} clause can only be used on ${allowed}, was given ${typeName(value)}`)
}

function hexadecimal(value: CelValue): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  const integer = typeof value === 'bigint' ? value : value instanceof CelUint ? value.value : undefined
  if (integer !== undefined) return integer.toString(16)
  return wrong(
    `hex clause can only be used on integers, byte buffers, and strings, was given ${typeName(value)}`,
  )
}

function list(value: CelList): string {
  return `[${value.toArray().map(nested).join(', ')}]`
}

function map(value: CelMap): string {
  const entries = Array.from(value.keys(), (key) => {
    const { kind } = typeOfValue(key)
    if (!['string', 'bool', 'int', 'uint'].includes(kind)) {
      return wrong(`no formatting function for map key of type ${typeName(key)}`)
    }
    return [nested(key), nested(value.get(key)!)] as const
  })
  entries.sort(([a], [b]) => compareGoStrings(a, b))
  return `{${entries.map(([key, item]) => `${key}:${item}`).join(', ')}}`
}

/** Inside lists and maps, values look as in source. */
function nested(value: CelValue): string {
  if (typeof value === 'string') return goQuote(value)
  if (value instanceof Uint8Array) return `b${goQuote(text(value))}`
  if (typeof value === 'number')
    return Number.isFinite(value) ? value.toFixed(defaultPrecision) : `"${nonFinite(value)}"`
  if (value instanceof CelTimestamp) return `timestamp("${text(value)}")`
  if (value instanceof CelDuration) return `duration("${text(value)}")`
  return text(value)
}
