import type { User } from '../authentication/authenticator.ts'
import type { RequestInfo } from '../request-info.ts'
import type { HttpReply } from './http-exchange.ts'
import { textReply } from './reply.ts'

/** Requests that are served at a time, beside long-running ones. 0: no limit. */
export interface MaxInFlight {
  /** Default 400. */
  readonly readOnly?: number
  /** Default 200. */
  readonly mutating?: number
}

/** How many requests are served at a time in all. */
export function totalInFlight({ readOnly = 400, mutating = 200 }: MaxInFlight = {}): number {
  return readOnly + mutating
}

const privilegedGroup = 'system:masters'

/** Source: k8s.io/apiserver/pkg/server/filters/maxinflight.go. */
export class InFlightLimit {
  readonly #limits: { readonly readOnly: number; readonly mutating: number }
  readonly #counts = { readOnly: 0, mutating: 0 }

  constructor({ readOnly = 400, mutating = 200 }: MaxInFlight = {}) {
    this.#limits = { readOnly, mutating }
  }

  /** Whether one more may begin; administrators always may. If so, `leave` must follow. */
  enter(info: RequestInfo, user: User): boolean {
    const kind = isMutating(info) ? 'mutating' : 'readOnly'
    const limit = this.#limits[kind]
    const isFull = limit > 0 && this.#counts[kind] >= limit
    if (isFull && !user.groups?.includes(privilegedGroup)) return false
    this.#counts[kind]++
    return true
  }

  leave(info: RequestInfo): void {
    this.#counts[isMutating(info) ? 'mutating' : 'readOnly']--
  }
}

const readOnlyVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch'])

export function isMutating({ verb }: RequestInfo): boolean {
  return !readOnlyVerbs.has(verb)
}

/** What a request is told that may not begin. */
export function tooManyRequestsReply(retryAfterSeconds: number): HttpReply {
  const reply = textReply(429, 'Too many requests, please try again later.\n')
  return { ...reply, headers: { ...reply.headers, 'retry-after': String(retryAfterSeconds) } }
}
