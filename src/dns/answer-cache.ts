import type { Answer, Question } from 'dns-packet'
import type { Clock } from '../machinery/clock.ts'
import { longestZone, type CacheConfiguration } from './configuration.ts'
import type { DnsMetrics } from './dns-metrics.ts'
import { responseCodes, type Resolution } from './response.ts'

/** Keeps what upstream servers said for as long as they and the configuration allow. */
export interface AnswerCache {
  /** What is known, its times to live counted down. */
  get(question: Question): Resolution | undefined
  /** The answer as it is to be given: with the time to live that it is kept for. */
  keep(question: Question, resolution: Resolution): Resolution
}

interface Kept {
  readonly expiresAtMs: number
  readonly resolution: Resolution
}

export function createAnswerCache(
  { zones, success, denial, servfailSeconds, disabled }: CacheConfiguration,
  clock: Clock,
  metrics: DnsMetrics,
): AnswerCache {
  const kept = { success: new Map<string, Kept>(), denial: new Map<string, Kept>() }
  const kinds = ['success', 'denial'] as const
  const capacities = { success: success.capacity, denial: denial.capacity }

  /** Undefined: not to be kept. */
  function lifetimeSeconds(resolution: Resolution): number | undefined {
    const { code, answers, authorities } = resolution
    if (code === responseCodes.serverFailure) return servfailSeconds || undefined
    if (code !== responseCodes.noError && code !== responseCodes.noSuchName) return undefined
    const limits = isSuccess(resolution) ? success : denial
    // A denial without the zone's SOA does not say for how long it holds (RFC 2308).
    if (!isSuccess(resolution) && !authorities.some(({ type }) => type === 'SOA')) return undefined
    const ttls = [...answers, ...authorities].flatMap((record) => ('ttl' in record ? [record.ttl ?? 0] : []))
    return Math.min(limits.maxTtlSeconds, Math.max(limits.minTtlSeconds, Math.min(...ttls)))
  }

  function put(key: string, kind: (typeof kinds)[number], entry: Kept): void {
    const map = kept[kind]
    map.delete(key)
    if (map.size >= capacities[kind]) map.delete(map.keys().next().value!)
    map.set(key, entry)
    metrics.cacheEntries(kind).set(map.size)
  }

  return {
    get(question) {
      metrics.cacheRequests.add()
      const key = keyOf(question)
      const nowMs = clock.monotonic()
      for (const kind of kinds) {
        const entry = kept[kind].get(key)
        if (!entry) continue
        if (entry.expiresAtMs > nowMs) {
          metrics.cacheHits(kind).add()
          return withTtl(entry.resolution, Math.ceil((entry.expiresAtMs - nowMs) / 1000))
        }
        kept[kind].delete(key)
      }
      metrics.cacheMisses.add()
      return undefined
    },
    keep(question, resolution) {
      const seconds = lifetimeSeconds(resolution)
      const kind = isSuccess(resolution) ? 'success' : 'denial'
      const name = question.name.toLowerCase()
      const isKept = longestZone(name, zones) !== undefined && longestZone(name, disabled[kind]) === undefined
      if (seconds === undefined || !isKept) return resolution
      const capped = withTtl(resolution, seconds)
      const entry = { resolution: capped, expiresAtMs: clock.monotonic() + seconds * 1000 }
      put(keyOf(question), kind, entry)
      return capped
    },
  }
}

function keyOf({ type, name }: Question): string {
  return `${type} ${name.toLowerCase()}`
}

function isSuccess({ code, answers }: Resolution): boolean {
  return code === responseCodes.noError && answers.length > 0
}

function withTtl(resolution: Resolution, ttl: number): Resolution {
  const timed = (record: Answer): Answer => ('ttl' in record ? { ...record, ttl } : record)
  return {
    ...resolution,
    answers: resolution.answers.map(timed),
    authorities: resolution.authorities.map(timed),
    additionals: resolution.additionals.map(timed),
  }
}
