import type { TokenRequest } from '../../api/generated/authentication.v1.ts'
import type { Pod } from '../../api/generated/core.v1.ts'
import { serviceAccounts } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Random } from '../../machinery/random.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'

export interface TokenOptions {
  readonly audience?: string
  readonly expirationSeconds?: number
}

/** Tokens of service accounts, bound to the pod that uses them; each is asked for anew before it runs out. */
export interface TokenSource {
  token(pod: Pod, options: TokenOptions): Promise<string>
  /** As `token`, with the end of its life in RFC 3339. */
  boundToken(pod: Pod, options: TokenOptions): Promise<BoundToken>
  /** When the first of the pod's tokens is to be asked for anew; Infinity when it has none. */
  refreshAtMs(podUID: string): number
  forget(podUID: string): void
}

export interface BoundToken {
  readonly token: string
  readonly expirationTimestamp: string
}

interface Cached extends BoundToken {
  readonly refreshAtMs: number
}

const defaultExpirationSeconds = 3600
const maximumAgeMs = 24 * 3_600_000
const maximumJitterMs = 10_000
/** A token is asked for anew when this part of its life is over. */
const usedLife = 0.8

export function createTokenSource(context: {
  readonly client: Client
  readonly clock: Clock
  readonly random: Random
}): TokenSource {
  const { client, clock, random } = context
  const byPod = new Map<string, Map<string, Cached>>()

  async function ask(pod: Pod, { audience, expirationSeconds }: TokenOptions): Promise<Cached> {
    const { name = '', namespace = '', uid = '' } = pod.metadata ?? {}
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds: expirationSeconds ?? defaultExpirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    }
    const answer = await client.createSubresource<TokenRequest>(
      serviceAccounts,
      { namespace, name: pod.spec?.serviceAccountName || 'default' },
      'token',
      request,
    )
    const now = clock.now()
    const expiresAtMs =
      parseTime(answer.status?.expirationTimestamp) ??
      now + (expirationSeconds ?? defaultExpirationSeconds) * 1000
    const lifeMs = Math.min((expiresAtMs - now) * usedLife, maximumAgeMs)
    return {
      token: answer.status?.token ?? '',
      expirationTimestamp: formatTime(expiresAtMs),
      refreshAtMs: now + lifeMs - random.next() * Math.min(maximumJitterMs, lifeMs / 10),
    }
  }

  async function boundToken(pod: Pod, options: TokenOptions): Promise<BoundToken> {
    const uid = pod.metadata?.uid ?? ''
    const key = JSON.stringify([options.audience ?? '', options.expirationSeconds ?? 0])
    const cached = byPod.get(uid)?.get(key)
    if (cached && clock.now() < cached.refreshAtMs) return cached
    const fresh = await ask(pod, options)
    let tokens = byPod.get(uid)
    if (tokens === undefined) byPod.set(uid, (tokens = new Map()))
    tokens.set(key, fresh)
    return fresh
  }

  return {
    boundToken,
    token: async (pod, options) => (await boundToken(pod, options)).token,
    refreshAtMs(podUID) {
      return Math.min(
        Infinity,
        ...Array.from(byPod.get(podUID)?.values() ?? [], (cached) => cached.refreshAtMs),
      )
    },
    forget(podUID) {
      byPod.delete(podUID)
    },
  }
}
