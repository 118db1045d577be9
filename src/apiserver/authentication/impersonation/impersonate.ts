import { isForbidden } from '../../../machinery/status-errors.ts'
import type { Attributes, Authorizer } from '../../authorization/authorizer.ts'
import type { User } from '../authenticator.ts'
import { nodeNameKey, splitNodeUsername, splitServiceAccountUsername } from '../known-users.ts'
import { checkAllowed, checkWantedUser } from './check-wanted-user.ts'

/** Who a request is made as, and by which right. */
export interface Impersonated {
  readonly user: User
  /** `impersonate:user-info` and so on; `''` for the plain right to impersonate. For the audit log. */
  readonly constraint: string
}

interface Mode {
  readonly name: string
  applies(wanted: User, requestor: User): boolean
}

/** The constrained ways, each with rights of its own, from the narrowest on. */
const constrainedModes: readonly Mode[] = [
  { name: 'associated-node', applies: isAssociatedNode },
  {
    name: 'arbitrary-node',
    applies: (wanted) => isNameOnly(wanted) && splitNodeUsername(wanted.name) !== undefined,
  },
  {
    name: 'serviceaccount',
    applies: (wanted) => isNameOnly(wanted) && splitServiceAccountUsername(wanted.name) !== undefined,
  },
  {
    name: 'user-info',
    applies: ({ name }) =>
      splitNodeUsername(name) === undefined && splitServiceAccountUsername(name) === undefined,
  },
]

/**
 * Makes the request that `attributes` describe one of `wanted`'s, if its user may impersonate. First the constrained
 * ways are tried, which also need the right to do this very thing as another, then the plain right to impersonate.
 * Throws Forbidden with the first refusal.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation.
 */
export async function impersonate(
  authorizer: Authorizer,
  attributes: Attributes,
  wanted: User,
): Promise<Impersonated> {
  let refusal: unknown
  for (const mode of constrainedModes) {
    if (!mode.applies(wanted, attributes.user)) continue
    try {
      return await impersonateIn(mode, authorizer, attributes, wanted)
    } catch (error) {
      if (!isForbidden(error)) throw error
      refusal ??= error
    }
  }
  try {
    const kind = { verb: 'impersonate', constrained: false }
    return { user: await checkWantedUser(authorizer, kind, attributes.user, wanted), constraint: '' }
  } catch (error) {
    throw refusal ?? error
  }
}

async function impersonateIn(
  mode: Mode,
  authorizer: Authorizer,
  attributes: Attributes,
  wanted: User,
): Promise<Impersonated> {
  const anyNode = mode.name === 'associated-node'
  const requestor = anyNode ? withoutExtra(attributes.user) : attributes.user
  await checkAllowed(authorizer, {
    ...attributes,
    user: requestor,
    verb: `impersonate-on:${mode.name}:${attributes.verb}`,
  })
  const verb = `impersonate:${mode.name}`
  const user = await checkWantedUser(authorizer, { verb, constrained: true, anyNode }, requestor, wanted)
  return { user, constraint: verb }
}

function isNameOnly({ uid, groups, extra = {} }: User): boolean {
  return !uid && groups.length === 0 && Object.keys(extra).length === 0
}

/** A service account in a pod may be allowed to act as the very node that the pod runs on. */
function isAssociatedNode(wanted: User, requestor: User): boolean {
  const nodeName = splitNodeUsername(wanted.name)
  return (
    nodeName !== undefined &&
    isNameOnly(wanted) &&
    splitServiceAccountUsername(requestor.name) !== undefined &&
    requestor.extra?.[nodeNameKey]?.length === 1 &&
    requestor.extra[nodeNameKey][0] === nodeName
  )
}

/** That the node is its own has been checked; which node it is shall not matter to the authorisers. */
function withoutExtra(user: User): User {
  return {
    ...user,
    extra: { 'authentication.kubernetes.io/associated-node-keys': Object.keys(user.extra ?? {}).sort() },
  }
}
