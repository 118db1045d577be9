import { fieldErrorText, path } from '../../../machinery/field-error.ts'
import { goQuote } from '../../../machinery/go-format.ts'
import { validateDomainPrefixedPath } from '../../../machinery/validation/domain-names.ts'
import { forbidden } from '../../authorization/forbidden.ts'
import type { Attributes, Authorizer } from '../../authorization/authorizer.ts'
import type { User } from '../authenticator.ts'
import {
  anonymousUser,
  authenticatedGroup,
  mastersGroup,
  nodesGroup,
  serviceAccountGroups,
  splitNodeUsername,
  splitServiceAccountUsername,
  unauthenticatedGroup,
  withGroup,
} from '../known-users.ts'

/** How a requestor may take on another identity. */
export interface ImpersonationKind {
  /** `impersonate`, or `impersonate:associated-node` and so on. */
  readonly verb: string
  /** Constrained kinds know nodes, ask in the group authentication.k8s.io and refuse what is never right. */
  readonly constrained: boolean
  /** Ask about every node at once instead of the one that is wanted. */
  readonly anyNode?: boolean
}

/** So many groups or extra values, and one question about `*` comes first. */
const manyValues = 4

/**
 * The user that `wanted` becomes, when `requestor` may impersonate each part of it. Throws Forbidden otherwise.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation/mode.go.
 */
export async function checkWantedUser(
  authorizer: Authorizer,
  kind: ImpersonationKind,
  requestor: User,
  wanted: User,
): Promise<User> {
  const ask = (part: Partial<Attributes>) =>
    checkAllowed(authorizer, { ...partAttributes(requestor, kind), ...part })
  const groups = await checkName(ask, kind, wanted)
  if (wanted.uid) await ask({ group: authenticationGroup, version: 'v1', resource: 'uids', name: wanted.uid })
  await checkGroups(ask, kind, requestor, wanted.groups)
  await checkExtra(ask, kind, requestor, wanted.extra ?? {})

  const user = { ...wanted, groups }
  if (user.name === anonymousUser) return withGroup(user, unauthenticatedGroup)
  return groups.includes(unauthenticatedGroup) ? user : withGroup(user, authenticatedGroup)
}

type Ask = (part: Partial<Attributes>) => Promise<void>

const authenticationGroup = 'authentication.k8s.io'

/** Throws Forbidden, in the words that the client sees, unless the authoriser allows. */
export async function checkAllowed(authorizer: Authorizer, attributes: Attributes): Promise<void> {
  const decision = await authorizer.authorize(attributes)
  if (decision.type === 'allow') return
  const reasons = [decision.error?.message ?? '', decision.reason].filter((reason) => reason !== '')
  throw forbidden(attributes, reasons.join(': '))
}

function partAttributes(requestor: User, { verb, constrained }: ImpersonationKind): Attributes {
  return {
    user: requestor,
    verb,
    isResourceRequest: true,
    group: constrained ? authenticationGroup : '',
    version: 'v1',
    resource: '',
    subresource: '',
    namespace: '',
    name: '',
    path: '',
  }
}

/** Answers the groups that come with the name, or those that are wanted. */
async function checkName(ask: Ask, kind: ImpersonationKind, wanted: User): Promise<readonly string[]> {
  const account = splitServiceAccountUsername(wanted.name)
  if (account) {
    await ask({ resource: 'serviceaccounts', ...account })
    return wanted.groups.length > 0 ? wanted.groups : serviceAccountGroups(account.namespace)
  }
  const nodeName = kind.constrained ? splitNodeUsername(wanted.name) : undefined
  if (nodeName !== undefined) {
    await ask({ resource: 'nodes', name: kind.anyNode ? '*' : nodeName })
    return [nodesGroup]
  }
  await ask({ resource: 'users', name: wanted.name })
  return wanted.groups
}

async function checkGroups(
  ask: Ask,
  kind: ImpersonationKind,
  requestor: User,
  groups: readonly string[],
): Promise<void> {
  if (groups.length === 0) return
  const attributes = { ...partAttributes(requestor, kind), resource: 'groups' }
  if (kind.constrained && groups.includes('')) {
    throw forbidden(attributes, 'impersonating the empty string group is not allowed')
  }
  if (kind.constrained && groups.includes(mastersGroup)) {
    throw forbidden(
      { ...attributes, name: mastersGroup },
      'impersonating the system:masters group is not allowed',
    )
  }
  if (
    kind.constrained &&
    groups.length >= manyValues &&
    (await allows(ask, { resource: 'groups', name: '*' }))
  ) {
    return
  }
  for (const name of groups) await ask({ resource: 'groups', name })
}

async function checkExtra(
  ask: Ask,
  kind: ImpersonationKind,
  requestor: User,
  extra: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const entries = Object.entries(extra)
  if (entries.length === 0) return
  const part = { group: authenticationGroup, resource: 'userextras' }
  const fault = kind.constrained ? extraFault(entries) : undefined
  if (fault !== undefined) throw forbidden({ ...partAttributes(requestor, kind), ...part }, fault)
  const count = entries.reduce((sum, [, values]) => sum + values.length, 0)
  const isLarge = entries.length >= manyValues || count >= manyValues
  if (kind.constrained && isLarge && (await allows(ask, { ...part, subresource: '*', name: '*' }))) return
  for (const [subresource, values] of entries) {
    for (const name of values) await ask({ ...part, subresource, name })
  }
}

function extraFault(entries: readonly (readonly [string, readonly string[]])[]): string | undefined {
  for (const [key, values] of entries) {
    if (key === '') return 'impersonating the empty string key in extra is not allowed'
    const faults = validateDomainPrefixedPath(path('extra', 'key'), key).map(fieldErrorText)
    if (faults.length > 0) {
      const listed = faults.length === 1 ? faults[0] : `[${faults.join(', ')}]`
      return `impersonating an invalid key in extra is not allowed: ${listed}`
    }
    if (key !== key.toLowerCase()) {
      return `impersonating a non-lowercase key in extra is not allowed: ${goQuote(key)}`
    }
    if (values.length === 0) return 'impersonating empty values in extra is not allowed'
    if (values.includes('')) return 'impersonating the empty string value in extra is not allowed'
  }
  return undefined
}

async function allows(ask: Ask, part: Partial<Attributes>): Promise<boolean> {
  try {
    await ask(part)
    return true
  } catch {
    return false
  }
}
