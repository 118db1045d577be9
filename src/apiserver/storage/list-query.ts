import { badRequest } from '../../machinery/status-errors.ts'
import { goQuote } from '../../machinery/go-format.ts'
import { decodeContinue } from './continue-token.ts'
import { keyPrefix, type Selection } from './selection.ts'

/** What a client says of the state it wants to read. */
export interface ListParameters {
  readonly limit?: number
  readonly continue?: string
  readonly resourceVersion?: string
  readonly resourceVersionMatch?: string
}

/** Which state to list, and from where. */
export interface ListQuery {
  /**
   * `latest`: all that was acknowledged before; `atLeast`: what the cache has, once it has this revision; `exact`: the
   * state right after the revision.
   */
  readonly state:
    | { readonly type: 'latest' }
    | { readonly type: 'atLeast'; readonly revision: bigint }
    | { readonly type: 'exact'; readonly revision: bigint }
  /** The whole key at which the list starts. */
  readonly startKey: string
  /** 0: no limit. */
  readonly limit: number
  /** Whether it is a further page: too old means a token to go on with. */
  readonly paging: boolean
}

/** Source: the table of semantics in Kubernetes' API concepts, and k8s.io/apiserver/pkg/storage/cacher/delegator. */
export function listQuery(selection: Selection, parameters: ListParameters): ListQuery {
  const { resourceVersion = '', resourceVersionMatch = '' } = parameters
  const limit = Math.max(0, parameters.limit ?? 0)
  if (parameters.continue) return continuedQuery(selection, parameters.continue, resourceVersion, limit)
  const startKey = keyPrefix(selection)
  if (resourceVersion === '') return { state: { type: 'latest' }, startKey, limit, paging: false }
  const revision = parseListRevision(resourceVersion)
  const exact =
    resourceVersionMatch === 'Exact' || (resourceVersionMatch === '' && limit > 0 && revision > 0n)
  if (exact) return { state: { type: 'exact', revision }, startKey, limit, paging: false }
  // Any state will do: the whole of it is in the cache, so the limit does not help anyone.
  const effectiveLimit = revision === 0n ? 0 : limit
  return { state: { type: 'atLeast', revision }, startKey, limit: effectiveLimit, paging: false }
}

function continuedQuery(
  selection: Selection,
  token: string,
  resourceVersion: string,
  limit: number,
): ListQuery {
  const { revision, startKey } = decodeContinue(token)
  if (resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue')
  }
  return {
    state: revision === undefined ? { type: 'latest' } : { type: 'exact', revision },
    startKey: keyPrefix(selection) + startKey,
    limit,
    paging: true,
  }
}

/** The revision in a resourceVersion; undefined when it is not a number without sign. */
export function parseRevision(resourceVersion: string): bigint | undefined {
  return /^\d+$/.test(resourceVersion) ? BigInt(resourceVersion) : undefined
}

/** What Go's strconv says of text that is no unsigned integer. */
export function revisionSyntaxError(resourceVersion: string): string {
  return `strconv.ParseUint: parsing ${goQuote(resourceVersion)}: invalid syntax`
}

function parseListRevision(resourceVersion: string): bigint {
  const revision = parseRevision(resourceVersion)
  if (revision !== undefined) return revision
  const quoted = goQuote(resourceVersion)
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: ${quoted}: ${revisionSyntaxError(resourceVersion)}`,
  )
}
