import { isForbidden } from '../../../machinery/status-errors.ts'
import type { Attributes, Authorizer } from '../../authorization/authorizer.ts'
import type { User } from '../authenticator.ts'
import { nodeNameKey, splitNodeUsername, splitServiceAccountUsername } from '../known-users.ts'
import { checkAllowed, checkWantedUser } from './check-wanted-user.ts'
import type { ImpersonationMetrics } from './impersonation-metrics.ts'

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

export interface ImpersonationOptions {
  readonly authorizer: Authorizer
  readonly metrics: ImpersonationMetrics
}

/** So many requestors are remembered by the way that was open to them. */
const rememberedRequestors = 10_000
/** The plain right to impersonate. */
const plain = 'plain'

type Way = Mode | typeof plain

const allWays: readonly Way[] = [...constrainedModes, plain]

/**
 * Makes requests those of others, where who makes them may impersonate.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/impersonation.
 */
export class Impersonation {
  readonly #authorizer: Authorizer
  readonly #metrics: ImpersonationMetrics
  /** By name of the requestor: the way that was open last, which is tried first. */
  readonly #lastWays = new Map<string, Way>()

  constructor({ authorizer, metrics }: ImpersonationOptions) {
    this.#authorizer = metrics.observeAuthorizer(authorizer)
    this.#metrics = metrics
  }

  /**
   * Makes the request that `attributes` describe one of `wanted`'s, if its user may impersonate. First the constrained
   * ways are tried, which also need the right to do this very thing as another, then the plain right to impersonate.
   * Throws Forbidden with the first refusal.
   */
  impersonate(attributes: Attributes, wanted: User): Promise<Impersonated> {
    return this.#metrics.attempt(
      () => this.#impersonate(attributes, wanted),
      ({ constraint }) => constraint,
    )
  }

  async #impersonate(attributes: Attributes, wanted: User): Promise<Impersonated> {
    const requestor = attributes.user.name
    const last = this.#lastWays.get(requestor)
    const ways = last === undefined ? allWays : [last, ...allWays.filter((way) => way !== last)]
    let refusal: unknown
    for (const way of ways) {
      if (way !== plain && !way.applies(wanted, attributes.user)) continue
      try {
        const impersonated = await this.#impersonateBy(way, attributes, wanted)
        this.#remember(requestor, way)
        return impersonated
      } catch (error) {
        if (!isForbidden(error)) throw error
        refusal ??= error
      }
    }
    throw refusal
  }

  #impersonateBy(way: Way, attributes: Attributes, wanted: User): Promise<Impersonated> {
    return way === plain
      ? impersonatePlainly(this.#authorizer, attributes, wanted)
      : impersonateIn(way, this.#authorizer, attributes, wanted)
  }

  #remember(requestor: string, way: Way): void {
    this.#lastWays.delete(requestor)
    this.#lastWays.set(requestor, way)
    if (this.#lastWays.size <= rememberedRequestors) return
    const [oldest] = this.#lastWays.keys()
    if (oldest !== undefined) this.#lastWays.delete(oldest)
  }
}

async function impersonatePlainly(
  authorizer: Authorizer,
  attributes: Attributes,
  wanted: User,
): Promise<Impersonated> {
  const kind = { verb: 'impersonate', constrained: false }
  return { user: await checkWantedUser(authorizer, kind, attributes.user, wanted), constraint: '' }
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
