import type { RequestInfo } from '../request-info.ts'

/** How many seats a request takes, and for how long after it has been answered. */
export interface WorkEstimate {
  readonly initialSeats: number
  /** While watches are told of the change. */
  readonly finalSeats: number
  readonly additionalLatencyMs: number
}

/** What estimates go by. */
export interface WorkFacts {
  readonly query: URLSearchParams
  /** What the level allows one request; undefined: it does not say. */
  readonly maxSeats: number | undefined
  /** How many objects there are of the request's resource, and how large; undefined where nobody knows. */
  objects(): ObjectStatistics | undefined
  /** Watches that will hear of the request's change. */
  watches(): number
}

export interface ObjectStatistics {
  readonly count: number
  readonly averageBytes: number
}

/* Source: k8s.io/apiserver/pkg/util/flowcontrol/request. */
const bytesPerSeat = 100_000
/** A list that is streamed from the cache is never in memory as a whole. */
const streamedBytes = 1_000_000
const maxListSeats = 100
const maxMutatingSeats = 10
const watchesPerSeat = 10
const eventLatencyMs = 5

const oneSeat: WorkEstimate = { initialSeats: 1, finalSeats: 0, additionalLatencyMs: 0 }

export function estimateWork(info: RequestInfo, facts: WorkFacts): WorkEstimate {
  switch (info.verb) {
    case 'list':
    case 'watch':
      return estimateList(info, facts)
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
      return estimateChange(info, facts)
    default:
      return oneSeat
  }
}

function estimateList(info: RequestInfo, { query, maxSeats, objects }: WorkFacts): WorkEstimate {
  const resourceVersion = query.get('resourceVersion') ?? ''
  if (info.verb === 'watch') {
    // A watch that begins with the objects there are costs as much as listing them.
    const sendsObjects = query.get('sendInitialEvents') === 'true'
    if (!sendsObjects && resourceVersion !== '' && resourceVersion !== '0') return oneSeat
  }
  const statistics = objects()
  if (!statistics) return oneSeat
  const isFromCache =
    info.verb === 'watch' || (query.get('resourceVersionMatch') !== 'Exact' && !query.get('continue'))
  const limit = Number(query.get('limit') ?? 0)
  const limited = limit > 0 ? Math.min(limit, statistics.count) : statistics.count
  let loaded = limited
  if (info.name !== '') loaded = 1
  else if (!isFromCache && (info.fieldSelector || info.labelSelector)) {
    loaded = Math.max(limited, Math.floor(statistics.count / 2))
  }
  const bytes = loaded * statistics.averageBytes
  const seats = Math.ceil((isFromCache ? Math.min(bytes, streamedBytes) : bytes) / bytesPerSeat)
  const initialSeats = Math.max(1, Math.min(seats, maxSeats ?? maxListSeats, maxListSeats))
  return initialSeats === 1 ? oneSeat : { ...oneSeat, initialSeats }
}

function estimateChange(info: RequestInfo, { maxSeats, watches }: WorkFacts): WorkEstimate {
  // No watch hears of a token.
  if (info.resource === 'serviceaccounts' && info.subresource === 'token') return oneSeat
  const count = watches()
  if (count < watchesPerSeat) return oneSeat
  const wanted = Math.ceil(count / watchesPerSeat)
  const finalSeats = Math.min(wanted, maxSeats ?? maxMutatingSeats, maxMutatingSeats)
  return { initialSeats: 1, finalSeats, additionalLatencyMs: (wanted * eventLatencyMs) / finalSeats }
}
