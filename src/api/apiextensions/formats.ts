import { parseCidr, parseIp } from '../../machinery/ip.ts'
import { dns1123LabelErrors, dns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { DurationError } from '../../machinery/duration.ts'
import { parseGoDuration } from '../go-duration.ts'

/**
 * The formats of strings that custom resources are held to; a name is written with or without dashes. Others are
 * ignored, with a warning when they come up. Source: k8s.io/kube-openapi/pkg/validation/strfmt.
 */
const formats: Readonly<Record<string, (text: string) => boolean>> = {
  bsonobjectid: (text) => /^[0-9a-fA-F]{24}$/.test(text),
  uri: isRequestUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: (text) => text.includes('.') && parseIp(text, { allowLeadingZeros: true }) !== undefined,
  ipv6: (text) => text.includes(':') && parseIp(text) !== undefined,
  cidr: (text) => parseCidr(text, { allowLeadingZeros: true }) !== undefined,
  mac: isMac,
  uuid: uuid('', ''),
  uuid3: uuid('3', ''),
  uuid4: uuid('4', '[89ab]'),
  uuid5: uuid('5', '[89ab]'),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: (text) => /^\d{3}[- ]?\d{2}[- ]?\d{4}$/.test(text),
  hexcolor: (text) => /^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/.test(text),
  rgbcolor: isRgbColor,
  byte: (text) =>
    /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/.test(text),
  password: () => true,
  date: isDate,
  duration: isDuration,
  datetime: isDateTime,
  k8sshortname: (text) => dns1123LabelErrors(text).length === 0,
  k8slongname: (text) => dns1123SubdomainErrors(text).length === 0,
}

const numberFormats: Readonly<Record<string, readonly string[]>> = {
  integer: ['int32', 'int64'],
  number: ['float', 'double'],
}

/** Whether the format means something for values of the type; `''` is no type. */
export function isKnownFormat(format: string, type: string): boolean {
  if (type === '' || type === 'string') return Object.hasOwn(formats, normalized(format))
  return numberFormats[type]?.includes(format) ?? false
}

/** Whether a text is of a known format. */
export function hasFormat(format: string, text: string): boolean {
  return formats[normalized(format)]!(text)
}

function normalized(format: string): string {
  return format.replaceAll('-', '')
}

function uuid(version: string, variant: string): (text: string) => boolean {
  const third = version === '' ? '[0-9a-f]{4}' : `${version}[0-9a-f]{3}`
  const fourth = variant === '' ? '[0-9a-f]{4}' : `${variant}[0-9a-f]{3}`
  const pattern = new RegExp(`^[0-9a-f]{8}-?[0-9a-f]{4}-?${third}-?${fourth}-?[0-9a-f]{12}$`, 'i')
  return (text) => pattern.test(text)
}

/** As Go's url.ParseRequestURI: an absolute URI or an absolute path. */
function isRequestUri(text: string): boolean {
  if (text === '' || /[\p{Cc} ]/u.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return false
  if (text === '*' || text.startsWith('/')) return true
  if (!/^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text)) return false
  const rest = text.slice(text.indexOf(':') + 1)
  return rest.startsWith('/') ? rest === '/' || !rest.startsWith('//') || URL.canParse(text) : true
}

/** The usual part of RFC 5322: an address, with or without a name before it. */
function isEmail(text: string): boolean {
  const address = /<([^<>]*)>\s*$/.exec(text)?.[1] ?? text.trim()
  const atom = "[\\p{L}\\p{N}!#$%&'*+/=?^_`{|}~-]+"
  const local = `(?:${atom}(?:\\.${atom})*|"(?:[^"\\\\\\r\\n]|\\\\.)*")`
  const domain = `(?:${atom}(?:\\.${atom})*|\\[[^\\[\\]\\\\]*\\])`
  return new RegExp(`^${local}@${domain}$`, 'u').test(address)
}

const hostname =
  /^(?:[a-zA-Z0-9\p{S}\p{L}](?:(?:-?[a-zA-Z0-9\p{S}\p{L}]{0,62})?)|(?:(?:[a-zA-Z0-9\p{S}\p{L}](?:(?:[a-zA-Z0-9\-\p{S}\p{L}]{0,61}[a-zA-Z0-9\p{S}\p{L}])?)(?:\.))+(?:[a-zA-Z\p{L}]){2,63}))$/u

function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > 255 || text.split('.').some((label) => Buffer.byteLength(label) > 63))
    return false
  return hostname.test(text)
}

function isMac(text: string): boolean {
  return (
    /^[0-9a-fA-F]{2}(?:([:-])[0-9a-fA-F]{2})(?:\1[0-9a-fA-F]{2}){4}(?:(?:\1[0-9a-fA-F]{2}){2}|(?:\1[0-9a-fA-F]{2}){14})?$/.test(
      text,
    ) ||
    /^[0-9a-fA-F]{4}(?:\.[0-9a-fA-F]{4})(?:\.[0-9a-fA-F]{4})(?:\.[0-9a-fA-F]{4}(?:(?:\.[0-9a-fA-F]{4}){6})?)?$/.test(
      text,
    )
  )
}

function isIsbn10(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, '')
  if (!/^(?:\d{9}X|\d{10})$/.test(digits)) return false
  const sum = Array.from(digits).reduce(
    (total, digit, index) => total + (index + 1) * (digit === 'X' ? 10 : Number(digit)),
    0,
  )
  return sum % 11 === 0
}

function isIsbn13(text: string): boolean {
  const digits = text.replaceAll(/[\s-]/g, '')
  if (!/^\d{13}$/.test(digits)) return false
  return (
    Array.from(digits).reduce((total, digit, index) => total + (index % 2 === 0 ? 1 : 3) * Number(digit), 0) %
      10 ===
    0
  )
}

function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/[^0-9]/g, '')
  const issuers =
    /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}|6(?:011|5\d\d)\d{12}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|(?:2131|1800|35\d{3})\d{11}|6[27]\d{14})$/
  if (!issuers.test(digits)) return false
  let sum = 0
  for (const [index, digit] of Array.from(digits).toReversed().entries()) {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2)
    sum += value > 9 ? value - 9 : value
  }
  return sum % 10 === 0
}

function isRgbColor(text: string): boolean {
  const part = String.raw`(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])`
  return new RegExp(`^rgb\\(\\s*${part}\\s*,\\s*${part}\\s*,\\s*${part}\\s*\\)$`).test(text)
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const time = Date.parse(`${text}T00:00:00Z`)
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text)
}

function isDateTime(text: string): boolean {
  const match = /^(\d{4}-\d{2}-\d{2})[tT](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[zZ]|[+-]\d{2}:\d{2})$/.exec(
    text,
  )
  if (!match || !isDate(match[1]!)) return false
  return Number(match[2]) <= 23 && Number(match[3]) <= 59 && Number(match[4]) <= 59
}

const durationUnits = new Set(['ns', 'us', 'µs', 'ms', 's', 'm', 'h', 'd', 'w', 'wk', 'hr', 'min', 'sec'])
const longDurationUnits = ['nano', 'micro', 'milli', 'sec', 'min', 'hour', 'day', 'week']

/** As Go writes durations, or words as Scala does: `3 days`. */
function isDuration(text: string): boolean {
  try {
    parseGoDuration(text)
    return true
  } catch (error) {
    if (!(error instanceof DurationError)) throw error
  }
  return [...text.matchAll(/\d+\s*([A-Za-zµ]+)/g)].some(([, word = '']) => {
    const unit = word.toLowerCase()
    return durationUnits.has(unit) || longDurationUnits.some((long) => unit.startsWith(long))
  })
}
