import { readFile } from 'node:fs/promises'
import type { Clock } from '../../machinery/clock.ts'

/** Upstream's client-go reads a token file again after this long. */
const maxTokenAgeMs = 60_000

/** Where a bearer token comes from: as it is, from a file that others replace, or from a function (exec plugins). */
export type TokenSource = () => Promise<string | undefined>

/** Reads the file again when a minute has passed; a failing read keeps the token there is. */
export function tokenFromFile(path: string, clock: Clock): TokenSource {
  let token: string | undefined
  let readAtMs = -Infinity
  return async () => {
    if (token !== undefined && clock.monotonic() - readAtMs < maxTokenAgeMs) return token
    readAtMs = clock.monotonic()
    try {
      token = (await readFile(path, 'utf8')).trim()
    } catch (error) {
      if (token === undefined) throw error
    }
    return token
  }
}

/** Who to act as; needs the `impersonate` permission. */
export interface Impersonation {
  readonly user: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: Readonly<Record<string, readonly string[]>>
}

/** Request headers for an impersonation. Source: k8s.io/api/authentication/v1, ImpersonateUserHeader and siblings. */
export function impersonationHeaders(
  impersonate: Impersonation | undefined,
): Record<string, string | string[]> {
  if (!impersonate) return {}
  const { user, uid, groups = [], extra = {} } = impersonate
  const headers: Record<string, string | string[]> = { 'impersonate-user': user }
  if (uid) headers['impersonate-uid'] = uid
  if (groups.length > 0) headers['impersonate-group'] = [...groups]
  for (const [key, values] of Object.entries(extra)) {
    headers[`impersonate-extra-${encodeURIComponent(key).toLowerCase()}`] = [...values]
  }
  return headers
}
