import { hash } from 'node:crypto'
import type { Clock } from '../../../machinery/clock.ts'
import type { Gauge, Metric, Metrics } from '../../../machinery/metrics.ts'

/** Seconds. */
const buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export interface JwtMetricsOptions {
  readonly metrics: Metrics
  readonly clock: Clock
  /** Which of several API servers this is. */
  readonly serverId: string
}

/**
 * Times the verification of other issuers' tokens, and tells of their keys, under upstream's names. Names of issuers and
 * servers are hashed. Source: k8s.io/apiserver/plugin/pkg/authenticator/token/oidc/metrics.go.
 */
export class JwtMetrics {
  readonly #clock: Clock
  readonly #serverHash: string
  readonly #latency
  readonly #fetchedAt
  readonly #keySets: Metric<Gauge, 'jwt_issuer_hash' | 'apiserver_id_hash' | 'hash'>
  readonly #keySetHashes = new Map<string, string>()

  constructor({ metrics, clock, serverId }: JwtMetricsOptions) {
    this.#clock = clock
    this.#serverHash = sha256(serverId)
    this.#latency = metrics.histogram({
      name: 'apiserver_authentication_jwt_authenticator_latency_seconds',
      help: 'How long it took to verify a token, by result and hash of its issuer.',
      labels: ['result', 'jwt_issuer_hash'],
      buckets,
    })
    this.#fetchedAt = metrics.gauge({
      name: 'apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds',
      help: "When an issuer's keys were fetched last, by result.",
      labels: ['result', 'jwt_issuer_hash', 'apiserver_id_hash'],
    })
    this.#keySets = metrics.gauge({
      name: 'apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info',
      help: 'The hash of the keys of an issuer that were fetched last.',
      labels: ['jwt_issuer_hash', 'apiserver_id_hash', 'hash'],
    })
  }

  /** As `authenticate`, timed; a token that it does not know is none of the issuer's. */
  observe<T, Arguments extends readonly unknown[]>(
    issuer: string,
    authenticate: (...given: Arguments) => Promise<T | undefined>,
  ): (...given: Arguments) => Promise<T | undefined> {
    const issuerHash = sha256(issuer)
    const record = (result: 'success' | 'failure', started: number) =>
      this.#latency
        .with({ result, jwt_issuer_hash: issuerHash })
        .observe((this.#clock.monotonic() - started) / 1000)
    return async (...given) => {
      const started = this.#clock.monotonic()
      try {
        const answer = await authenticate(...given)
        if (answer !== undefined) record('success', started)
        return answer
      } catch (error) {
        record('failure', started)
        throw error
      }
    }
  }

  /** Undefined when the keys could not be fetched. */
  keysFetched(issuer: string, keySet: string | undefined): void {
    const labels = this.#labels(issuer)
    const result = keySet === undefined ? 'failure' : 'success'
    this.#fetchedAt.with({ result, ...labels }).set(this.#clock.now() / 1000)
    if (keySet === undefined) return
    this.#forgetKeySet(issuer)
    const keySetHash = sha256(keySet)
    this.#keySetHashes.set(issuer, keySetHash)
    this.#keySets.with({ ...labels, hash: keySetHash }).set(1)
  }

  /** For an issuer that is not believed any more. */
  forget(issuer: string): void {
    const labels = this.#labels(issuer)
    this.#forgetKeySet(issuer)
    for (const result of ['success', 'failure']) this.#fetchedAt.remove({ result, ...labels })
  }

  #forgetKeySet(issuer: string): void {
    const keySetHash = this.#keySetHashes.get(issuer)
    if (keySetHash !== undefined) this.#keySets.remove({ ...this.#labels(issuer), hash: keySetHash })
    this.#keySetHashes.delete(issuer)
  }

  #labels(issuer: string) {
    return { jwt_issuer_hash: sha256(issuer), apiserver_id_hash: this.#serverHash }
  }
}

/** `sha256:` and hexadecimal digits; nothing of nothing. */
export function sha256(text: string): string {
  return text === '' ? '' : `sha256:${hash('sha256', text)}`
}
