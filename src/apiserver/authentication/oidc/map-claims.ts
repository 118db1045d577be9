import { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelProgram } from '../../../machinery/cel/cel.ts'
import { CelList } from '../../../machinery/cel/values/list.ts'
import type { CelValue } from '../../../machinery/cel/values/value.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import type { Claims } from '../../../machinery/pki/json-web-token.ts'
import type { User } from '../authenticator.ts'
import type {
  ClaimMappings,
  Mapping,
  PrefixedMapping,
} from '../configuration/authentication-configuration.ts'
import { credentialIdKey } from '../known-users.ts'
import { compileExpression } from './claim-expressions.ts'
import { flagClaim, textClaim, textsClaim } from './decode-claim.ts'

/** Makes users of claims, by valid mappings. What it answers throws an Error for claims that make none. */
export function createUserMapping(mappings: ClaimMappings): (claims: Claims) => User {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings
  const nameOf = usernameMapping(username)
  const groupsOf = groupsMapping(groups)
  const uidOf = uidMapping(uid)
  const extraOf = extraMapping(extra)
  return (claims) => {
    const name = nameOf(claims)
    const userGroups = groupsOf(claims)
    const userUid = uidOf(claims)
    const userExtra = extraOf(claims)
    return {
      name,
      groups: userGroups,
      ...(userUid !== '' && { uid: userUid }),
      ...(Object.keys(userExtra).length > 0 && { extra: userExtra }),
    }
  }
}

/** What a program yields for these variables. Throws an Error where it fails. */
export function evaluate(program: CelProgram, variables: Readonly<Record<string, unknown>>): CelValue {
  const outcome = program.evaluate(variables, new CelBudget())
  if ('error' in outcome) {
    throw new Error(`expression '${program.expression}' resulted in error: ${outcome.error.message}`)
  }
  return outcome.value
}

/** Runs `act`, and says what was being done where it throws. */
export function during<T>(what: string, act: () => T): T {
  try {
    return act()
  } catch (error) {
    throw new Error(`oidc: ${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    })
  }
}

function programOf(expression: string): CelProgram {
  const program = compileExpression('claims', 'mapping', expression)
  if (typeof program === 'string') throw new TypeError(program)
  return program
}

/** A claim that must be there. */
function presentText(claims: Claims, claim: string): string {
  const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
  if (value === undefined) throw new Error('claim not present')
  return textClaim(value)
}

function usernameMapping({
  claim = '',
  prefix = '',
  expression,
}: PrefixedMapping): (claims: Claims) => string {
  if (expression) {
    const program = programOf(expression)
    return (claims) => {
      const name = textOf(program, claims, 'username')
      if (name === '') throw new Error('oidc: empty username via CEL expression is not allowed')
      return name
    }
  }
  return (claims) => {
    const name = during(`parse username claims ${goQuote(claim)}`, () => presentText(claims, claim))
    if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
      const isVerified = during("parse 'email_verified' claim", () =>
        flagClaim(claims['email_verified'] ?? null),
      )
      if (!isVerified) throw new Error('oidc: email not verified')
    }
    return `${prefix}${name}`
  }
}

function groupsMapping({
  claim,
  prefix = '',
  expression,
}: PrefixedMapping): (claims: Claims) => readonly string[] {
  if (expression) {
    const program = programOf(expression)
    return (claims) =>
      during('error evaluating group claim expression', () => textList(evaluate(program, { claims })))
  }
  if (!claim) return () => []
  return (claims) => {
    const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined
    if (value === undefined) return []
    const groups = during(`parse groups claim ${goQuote(claim)}`, () => textsClaim(value))
    return groups.map((group) => `${prefix}${group}`)
  }
}

function uidMapping({ claim, expression }: Mapping): (claims: Claims) => string {
  if (expression) {
    const program = programOf(expression)
    return (claims) => textOf(program, claims, 'uid')
  }
  if (!claim) return () => ''
  return (claims) => during(`parse uid claim ${goQuote(claim)}`, () => presentText(claims, claim))
}

/** Values that are empty make no key. All expressions are evaluated before one of the values is looked at. */
function extraMapping(
  extra: NonNullable<ClaimMappings['extra']>,
): (claims: Claims) => NonNullable<User['extra']> {
  const mapped = extra.map(({ key = '', valueExpression = '' }) => ({
    key,
    program: programOf(valueExpression),
  }))
  return (claims) => {
    const credential = claims['jti']
    const entries: [string, readonly string[]][] =
      typeof credential === 'string' && credential !== '' ? [[credentialIdKey, [`JTI=${credential}`]]] : []
    const values = mapped.map(({ program }) => evaluate(program, { claims }))
    mapped.forEach(({ key, program }, index) => {
      const texts = during(`error evaluating extra claim expression: ${program.expression}`, () =>
        textList(values[index]!),
      )
      if (texts.length > 0) entries.push([key, texts])
    })
    return Object.fromEntries(entries)
  }
}

function textOf(program: CelProgram, claims: Claims, what: 'username' | 'uid'): string {
  return during(`error evaluating ${what} claim expression`, () => {
    const text = evaluate(program, { claims })
    if (typeof text !== 'string') throw new TypeError(`${what} claim expression must return a string`)
    return text
  })
}

/** A text or a list of texts; null and empty ones count as absent. */
function textList(value: CelValue): readonly string[] {
  if (value === null) return []
  const texts: readonly CelValue[] = value instanceof CelList ? value.toArray() : [value]
  if (!texts.every((text) => typeof text === 'string')) {
    throw new TypeError('expression must return a string or a list of strings')
  }
  return texts.filter((text) => text !== '')
}
