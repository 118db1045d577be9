import { goJson } from '../../machinery/go-json.ts'
import { badRequest } from '../../machinery/status-errors.ts'

/** Where a list goes on. Source: k8s.io/apiserver/pkg/storage/continue.go. */
export interface ContinueToken {
  /** The revision the list began at; undefined to go on with the latest state (an inconsistent list). */
  readonly revision: bigint | undefined
  /** The first key that may follow, relative to the prefix of the list. */
  readonly startKey: string
}

const apiVersion = 'meta.k8s.io/v1'
/** Stands for the latest revision in the token that an expired list answers with. */
const latest = -1n

export function encodeContinue({ revision = latest, startKey }: ContinueToken): string {
  // The revision is written as a number that may exceed what a double holds exactly.
  const json = `{"v":"${apiVersion}","rv":${revision},"start":${goJson(startKey)}}`
  return Buffer.from(json).toString('base64url')
}

export function decodeContinue(token: string): ContinueToken {
  const parsed = parse(token)
  if (parsed['v'] !== apiVersion) {
    throw invalidToken(
      `continue key is not valid: server does not recognize this encoded version ${String(parsed['v'])}`,
    )
  }
  const revision = parsed['rv']
  if (typeof revision !== 'bigint' || revision === 0n) {
    throw invalidToken(
      'continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)',
    )
  }
  const startKey = parsed['start']
  if (typeof startKey !== 'string' || startKey === '') {
    throw invalidToken('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)')
  }
  if (!isCleanPath(startKey)) throw invalidToken(`continue key is not valid: ${startKey}`)
  return { revision: revision < 0n ? undefined : revision, startKey: startKey.replace(/^\//, '') }
}

function parse(token: string): Record<string, unknown> {
  if (/[^A-Za-z0-9_-]/.test(token)) throw invalidToken('continue key is not valid: illegal base64 data')
  const text = Buffer.from(token, 'base64url').toString()
  try {
    const parsed: unknown = JSON.parse(text, keepRevision)
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch (error) {
    throw invalidToken(`continue key is not valid: ${(error as Error).message}`)
  }
  throw invalidToken('continue key is not valid: not an object')
}

function keepRevision(key: string, value: unknown, context?: { readonly source?: string }): unknown {
  const source = context?.source ?? String(value)
  return key === 'rv' && typeof value === 'number' && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** Whether nothing in it climbs out of the list: no `..`, `.` or empty segment. */
function isCleanPath(path: string): boolean {
  const segments = path.replace(/^\//, '').split('/')
  return segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..')
}

function invalidToken(message: string): Error {
  return badRequest(`invalid continue token: ${message}`)
}
