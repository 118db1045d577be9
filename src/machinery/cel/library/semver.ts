import { CelError } from '../error.ts'
import { structType } from '../types.ts'
import { CelOpaque } from '../values/opaque.ts'
import type { CelValue } from '../values/value.ts'
import { globalFunction, memberFunction, type Library } from './function.ts'

/** Source: k8s.io/apiserver/pkg/cel/library/semverlib.go, and github.com/blang/semver/v4 for the messages. */

interface Version {
  readonly numbers: readonly [major: bigint, minor: bigint, patch: bigint]
  readonly prerelease: readonly string[]
}

const semverType = structType('kubernetes.Semver')

class CelSemver extends CelOpaque {
  override readonly type = semverType
  readonly version: Version

  constructor(version: Version) {
    super()
    this.version = version
  }

  override equals(other: CelValue): boolean {
    return other instanceof CelSemver && compare(this, other) === 0n
  }
}

function fail(problem: string): never {
  throw new CelError(problem)
}

function parse(text: string): Version {
  if (text === '') fail('Version string empty')
  const [major, minor, ...rest] = text.split('.')
  if (minor === undefined || rest.length === 0) fail('No Major.Minor.Patch elements found')
  const tail = rest.join('.')
  const plus = tail.indexOf('+')
  const beforeBuild = plus < 0 ? tail : tail.slice(0, plus)
  const dash = beforeBuild.indexOf('-')
  const patch = dash < 0 ? beforeBuild : beforeBuild.slice(0, dash)
  const prerelease = dash < 0 ? [] : beforeBuild.slice(dash + 1).split('.')
  const build = plus < 0 ? [] : tail.slice(plus + 1).split('.')
  const numbers = [number('Major', major!), number('Minor', minor), number('Patch', patch)] as const
  for (const part of prerelease) checkPrerelease(part)
  for (const part of build) {
    if (part === '') fail('Build meta data is empty')
    if (!/^[0-9A-Za-z-]+$/.test(part)) fail(`Invalid character(s) found in build meta data "${part}"`)
  }
  return { numbers, prerelease }
}

function number(name: string, text: string): bigint {
  if (!/^[0-9]+$/.test(text)) {
    if (text === '') fail(`strconv.ParseUint: parsing "": invalid syntax`)
    fail(`Invalid character(s) found in ${name.toLowerCase()} number "${text}"`)
  }
  if (text.length > 1 && text.startsWith('0')) {
    fail(`${name} number must not contain leading zeroes "${text}"`)
  }
  const value = BigInt(text)
  if (value >= 2n ** 64n) fail(`strconv.ParseUint: parsing "${text}": value out of range`)
  return value
}

function checkPrerelease(part: string): void {
  if (part === '') fail('Prerelease is empty')
  if (/^[0-9]+$/.test(part)) {
    if (part.length > 1 && part.startsWith('0')) {
      fail(`Numeric PreRelease version must not contain leading zeroes "${part}"`)
    }
  } else if (!/^[0-9A-Za-z-]+$/.test(part)) {
    fail(`Invalid character(s) found in prerelease "${part}"`)
  }
}

/** Without `v`, with minor and patch numbers, without leading zeros. */
function normalize(text: string): string {
  const [major, minor, ...rest] = text.replace(/^v/, '').split('.')
  const parts = [
    major!,
    ...(minor === undefined ? [] : [minor]),
    ...(rest.length === 0 ? [] : [rest.join('.')]),
  ]
  const trimmed = parts.map(withoutLeadingZeros)
  if (trimmed.length < 3 && /[+-]/.test(trimmed.at(-1)!)) {
    fail('short version cannot contain PreRelease/Build meta data')
  }
  while (trimmed.length < 3) trimmed.push('0')
  return trimmed.join('.')
}

function withoutLeadingZeros(part: string): string {
  if (part.length < 2) return part
  const rest = part.replace(/^0+/, '')
  return /^[0-9]/.test(rest) ? rest : `0${rest}`
}

/** Throws a CelError when the text is no version. */
export function semver(text: string, normalized = false): CelSemver {
  return new CelSemver(parse(normalized ? normalize(text) : text))
}

function isSemver(text: string, normalized = false): boolean {
  try {
    semver(text, normalized)
    return true
  } catch (error) {
    if (error instanceof CelError) return false
    throw error
  }
}

function compare({ version: a }: CelSemver, { version: b }: CelSemver): bigint {
  for (const at of [0, 1, 2] as const) {
    if (a.numbers[at] !== b.numbers[at]) return a.numbers[at] > b.numbers[at] ? 1n : -1n
  }
  if (a.prerelease.length === 0 || b.prerelease.length === 0) {
    return BigInt(Math.sign(b.prerelease.length - a.prerelease.length))
  }
  for (const [at, part] of a.prerelease.entries()) {
    const other = b.prerelease[at]
    if (other === undefined) return 1n
    const order = comparePrerelease(part, other)
    if (order !== 0n) return order
  }
  return a.prerelease.length < b.prerelease.length ? -1n : 0n
}

/** Numbers stand before words. */
function comparePrerelease(a: string, b: string): bigint {
  if (a === b) return 0n
  const [aNumeric, bNumeric] = [/^[0-9]+$/.test(a), /^[0-9]+$/.test(b)]
  if (aNumeric !== bNumeric) return aNumeric ? -1n : 1n
  if (aNumeric) return BigInt(a) > BigInt(b) ? 1n : -1n
  return a > b ? 1n : -1n
}

const type = 'kubernetes.Semver'
/** Beyond an int it wraps around, as upstream does. */
const part =
  (at: 0 | 1 | 2) =>
  ({ version }: CelSemver) =>
    BigInt.asIntN(64, version.numbers[at])

export const semverLibrary: Library = {
  since: 33,
  types: [semverType],
  functions: [
    globalFunction('semver', 'string_to_semver', ['string'], type, semver),
    globalFunction('semver', 'string_bool_to_semver', ['string', 'bool'], type, semver),
    globalFunction('isSemver', 'is_semver_string', ['string'], 'bool', isSemver),
    globalFunction('isSemver', 'is_semver_string_bool', ['string', 'bool'], 'bool', isSemver),
    memberFunction(
      'isGreaterThan',
      'semver_is_greater_than',
      [type, type],
      'bool',
      (a: CelSemver, b: CelSemver) => compare(a, b) > 0n,
    ),
    memberFunction(
      'isLessThan',
      'semver_is_less_than',
      [type, type],
      'bool',
      (a: CelSemver, b: CelSemver) => compare(a, b) < 0n,
    ),
    memberFunction('compareTo', 'semver_compare_to', [type, type], 'int', compare),
    memberFunction('major', 'semver_major', [type], 'int', part(0)),
    memberFunction('minor', 'semver_minor', [type], 'int', part(1)),
    memberFunction('patch', 'semver_patch', [type], 'int', part(2)),
  ],
}
