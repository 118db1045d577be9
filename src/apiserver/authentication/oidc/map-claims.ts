import { CelBudget } from '../../../machinery/cel/budget.ts'
import type { CelProgram } from '../../../machinery/cel/cel.ts'
import { celToJson } from '../../../machinery/cel/values/to-json.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import type { Claims } from '../../../machinery/pki/json-web-token.ts'
import type { User } from '../authenticator.ts'
import type {
  ClaimMappings,
  Mapping,
  PrefixedMapping,
} from '../configuration/authentication-configuration.ts'
import { credentialIdKey } from '../known-users.ts'
import { compileExpression } from './claim-expressions.ts'

/** Makes users of claims, by valid mappings. What it answers throws an Error for claims that make none. */
export function createUserMapping(mappings: ClaimMappings): (claims: Claims) => User {
  const { username = {}, groups = {}, uid = {}, extra = [] } = mappings
  const nameOf = usernameMapping(username)
  const groupsOf = groupsMapping(groups)
  const uidOf = uidMapping(uid)
  const extraOf = extra.map(({ key = '', valueExpression = '' }) => ({
    key,
    program: programOf(valueExpression),
  }))
  return (claims) => {
    const name = nameOf(claims)
    const userGroups = groupsOf(claims)
    const userUid = uidOf(claims)
    const entries = extraOf.map(({ key, program }): [string, readonly string[]] => {
      const what = `extra claim expression: ${program.expression}`
      return [key, textList(evaluate(program, { claims }, what), what)]
    })
    const credential = claims['jti']
    if (typeof credential === 'string' && credential !== '') {
      entries.unshift([credentialIdKey, [`JTI=${credential}`]])
    }
    const filled = entries.filter(([, values]) => values.length > 0)
    return {
      name,
      groups: userGroups,
      ...(userUid !== '' && { uid: userUid }),
      ...(filled.length > 0 && { extra: Object.fromEntries(filled) }),
    }
  }
}

/** What a program yields for these variables, as JSON. */
export function evaluate(
  program: CelProgram,
  variables: Readonly<Record<string, unknown>>,
  what: string,
): JsonValue {
  const outcome = program.evaluate(variables, new CelBudget())
  if ('error' in outcome) {
    throw new Error(
      `oidc: error evaluating ${what}: expression '${program.expression}' resulted in error: ${outcome.error.message}`,
    )
  }
  return celToJson(outcome.value)
}

function programOf(expression: string): CelProgram {
  const program = compileExpression('claims', 'mapping', expression)
  if (typeof program === 'string') throw new TypeError(program)
  return program
}

function usernameMapping({
  claim = '',
  prefix = '',
  expression,
}: PrefixedMapping): (claims: Claims) => string {
  if (expression) {
    const program = programOf(expression)
    return (claims) => {
      const name = evaluate(program, { claims }, 'username claim expression')
      if (typeof name !== 'string') {
        throw new Error(
          'oidc: error evaluating username claim expression: username claim expression must return a string',
        )
      }
      if (name === '') throw new Error('oidc: empty username via CEL expression is not allowed')
      return name
    }
  }
  return (claims) => {
    const name = claims[claim]
    if (typeof name !== 'string') {
      const detail = name === undefined ? 'claim not present' : 'it is not a string'
      throw new Error(`oidc: parse username claims "${claim}": ${detail}`)
    }
    if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
      const verified = claims['email_verified']
      if (typeof verified !== 'boolean')
        throw new Error("oidc: parse 'email_verified' claim: it is not a bool")
      if (!verified) throw new Error('oidc: email not verified')
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
    const what = 'group claim expression'
    return (claims) => textList(evaluate(program, { claims }, what), what)
  }
  if (!claim) return () => []
  return (claims) => {
    if (!Object.hasOwn(claims, claim)) {
      refuseDistributed(claims, claim)
      return []
    }
    const groups = [claims[claim] ?? []].flat()
    if (!groups.every((group) => typeof group === 'string')) {
      throw new Error(`oidc: parse groups claim "${claim}": it is neither a string nor a list of strings`)
    }
    return groups.map((group) => `${prefix}${group}`)
  }
}

/** Claims that stand elsewhere are not fetched: a user without their groups could do what the groups may not. */
function refuseDistributed(claims: Claims, claim: string): void {
  const { _claim_names: names } = claims
  if (typeof names === 'object' && names !== null && Object.hasOwn(names, claim)) {
    throw new Error(`oidc: could not expand distributed claims: claim "${claim}" is not in the token itself`)
  }
}

function uidMapping({ claim, expression }: Mapping): (claims: Claims) => string {
  if (expression) {
    const program = programOf(expression)
    return (claims) => {
      const uid = evaluate(program, { claims }, 'uid claim expression')
      if (typeof uid === 'string') return uid
      throw new Error(
        'oidc: error evaluating uid claim expression: uid claim expression must return a string',
      )
    }
  }
  if (!claim) return () => ''
  return (claims) => {
    const uid = claims[claim]
    if (typeof uid === 'string') return uid
    const detail = uid === undefined ? 'claim not present' : 'it is not a string'
    throw new Error(`oidc: parse uid claim "${claim}": ${detail}`)
  }
}

/** A text or a list of texts; null and empty ones count as absent. */
function textList(value: JsonValue, what: string): readonly string[] {
  if (value === null) return []
  const values = [value].flat()
  if (!values.every((one) => typeof one === 'string')) {
    throw new Error(`oidc: error evaluating ${what}: expression must return a string or a list of strings`)
  }
  return values.map(String).filter((one) => one !== '')
}
