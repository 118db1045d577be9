import type { Clock } from '../../machinery/clock.ts'
import { exponentialBuckets, type Metrics } from '../../machinery/metrics.ts'
import { StatusError } from '../../machinery/status.ts'
import type { RequestAuthenticator } from '../authentication/union.ts'
import type { Authorizer, Decision } from '../authorization/authorizer.ts'

/** Seconds. */
const buckets = exponentialBuckets(0.001, 2, 15)

type AuthenticationResult = 'success' | 'failure' | 'error'
type AuthorizationResult = 'allowed' | 'denied' | 'no-opinion' | 'error'

/**
 * Counts and times who requests come from, and whether they may, under upstream's names.
 * Source: k8s.io/apiserver/pkg/endpoints/filters/metrics.go.
 */
export class AccessMetrics {
  readonly #clock: Clock
  readonly #users
  readonly #authentications
  readonly #authorizations

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock
    const users = metrics.counter({
      name: 'authenticated_user_requests',
      help: 'Requests of known users, by kind of name.',
      labels: ['username'],
    })
    this.#users = eachOnce((username) => users.with({ username }))
    const [attempts, seconds] = [
      metrics.counter({
        name: 'authentication_attempts',
        help: 'Requests that were to be authenticated, by result.',
        labels: ['result'],
      }),
      metrics.histogram({
        name: 'authentication_duration_seconds',
        help: 'How long authentication took, by result.',
        labels: ['result'],
        buckets,
      }),
    ]
    this.#authentications = eachOnce((result: AuthenticationResult) => ({
      count: attempts.with({ result }),
      seconds: seconds.with({ result }),
    }))
    const [decisions, decisionSeconds] = [
      metrics.counter({
        name: 'authorization_attempts_total',
        help: "Requests that were to be authorised, by result: 'allowed', 'denied', 'no-opinion' or 'error'.",
        labels: ['result'],
      }),
      metrics.histogram({
        name: 'authorization_duration_seconds',
        help: 'How long authorisation took, by result.',
        labels: ['result'],
        buckets,
      }),
    ]
    this.#authorizations = eachOnce((result: AuthorizationResult) => ({
      count: decisions.with({ result }),
      seconds: decisionSeconds.with({ result }),
    }))
  }

  /** As `authenticator`, counted. */
  observeAuthenticator(authenticator: RequestAuthenticator): RequestAuthenticator {
    return {
      authenticate: async (credentials, path) => {
        const started = this.#clock.monotonic()
        try {
          const user = await authenticator.authenticate(credentials, path)
          this.#users(kindOfName(user.name)).add()
          this.#authenticated('success', started)
          return user
        } catch (error) {
          // Without a cause nobody brought credentials, and must have brought some.
          const isPlain = error instanceof StatusError && error.cause === undefined
          this.#authenticated(isPlain ? 'failure' : 'error', started)
          throw error
        }
      },
    }
  }

  /** As `authorizer`, counted. */
  observeAuthorizer(authorizer: Authorizer): Authorizer {
    const observe = (decision: Decision, started: number): Decision => {
      const { count, seconds } = this.#authorizations(resultOf(decision))
      count.add()
      seconds.observe((this.#clock.monotonic() - started) / 1000)
      return decision
    }
    return {
      name: authorizer.name,
      get isLocal() {
        return authorizer.isLocal ?? false
      },
      authorize: (attributes) => {
        const started = this.#clock.monotonic()
        const answer = authorizer.authorize(attributes)
        return answer instanceof Promise
          ? answer.then((decision) => observe(decision, started))
          : observe(answer, started)
      },
    }
  }

  #authenticated(result: AuthenticationResult, started: number): void {
    const { count, seconds } = this.#authentications(result)
    count.add()
    seconds.observe((this.#clock.monotonic() - started) / 1000)
  }
}

/** Remembers what was made for each key: looking labels up costs more than to count. */
function eachOnce<Key extends string, T>(make: (key: Key) => T): (key: Key) => T {
  const made = new Map<Key, T>()
  return (key) => {
    let one = made.get(key)
    if (one === undefined) made.set(key, (one = make(key)))
    return one
  }
}

function resultOf(decision: Decision): AuthorizationResult {
  if (decision.type === 'allow') return 'allowed'
  if (decision.error) return 'error'
  return decision.type === 'deny' ? 'denied' : 'no-opinion'
}

const ownNames: ReadonlySet<string> = new Set([
  'admin',
  'client',
  'kube_proxy',
  'kubelet',
  'system:serviceaccount:kube-system:default',
])

/** Names are many, and nobody's business: a few kinds of them are counted. */
function kindOfName(name: string): string {
  if (ownNames.has(name)) return name
  return name.includes('@') ? 'email_id' : 'other'
}
