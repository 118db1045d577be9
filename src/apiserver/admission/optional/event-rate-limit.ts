import { decodeConfiguration } from '../../../api/configuration/decode-configuration.ts'
import { file, integer, listOf, struct, text } from '../../../api/configuration/configuration-schema.ts'
import { events } from '../../../api/generated/resources.ts'
import type { Event } from '../../../api/generated/core.v1.ts'
import type { Clock } from '../../../machinery/clock.ts'
import {
  fieldErrorText,
  invalid,
  notSupported,
  path,
  type FieldError,
} from '../../../machinery/field-error.ts'
import { StatusError } from '../../../machinery/status.ts'
import { TokenBucket } from '../../../machinery/token-bucket.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'

const limitTypes = ['Namespace', 'Server', 'SourceAndObject', 'User'] as const

/** How many events there may be of whom. */
export interface EventRateLimit {
  readonly type: (typeof limitTypes)[number]
  readonly qps: number
  readonly burst: number
  /** How many of them are told apart; those that were not heard of for longest are forgotten. */
  readonly cacheSize?: number
}

const schema = file({
  limits: listOf(struct({ type: text, qps: integer, burst: integer, cacheSize: integer })),
})
const kind = { group: 'eventratelimit.admission.k8s.io', version: 'v1alpha1', kind: 'Configuration', schema }

/** Throws an Error that says everything that is wrong. Source: kubernetes/plugin/pkg/admission/eventratelimit/apis. */
export function readEventRateLimits(content: string): readonly EventRateLimit[] {
  const { limits = [] } = decodeConfiguration(content, [kind]) as {
    readonly limits?: readonly Partial<EventRateLimit>[]
  }
  const errors: FieldError[] = []
  const field = path('limits')
  if (limits.length === 0) errors.push(invalid(field, null, 'must not be empty'))
  for (const [index, { type, qps = 0, burst = 0, cacheSize = 0 }] of limits.entries()) {
    const at = field.index(index)
    const isKnown = limitTypes.some((one) => one === type)
    if (!isKnown) errors.push(notSupported(at.child('type'), type ?? '', limitTypes))
    if (burst <= 0) errors.push(invalid(at.child('burst'), burst, 'must be positive'))
    if (qps <= 0) errors.push(invalid(at.child('qps'), qps, 'must be positive'))
    if (type !== 'Server' && cacheSize < 0) {
      errors.push(invalid(at.child('cacheSize'), cacheSize, 'must not be negative'))
    }
  }
  if (errors.length > 0) throw new Error(errors.map(fieldErrorText).join(', '))
  return limits as readonly EventRateLimit[]
}

const defaultCacheSize = 4096

/** Refuses events of those who send too many. Source: kubernetes/plugin/pkg/admission/eventratelimit. */
export function createEventRateLimit(limits: readonly EventRateLimit[], clock: Clock): AdmissionPlugin {
  const enforcers = limits.map((limit) => ({ limit, buckets: new Map<string, TokenBucket>() }))
  return {
    name: 'EventRateLimit',
    handles: ({ operation, resource, subresource, dryRun }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      resource.kind === events.kind &&
      (resource.group === '' || resource.group === 'events.k8s.io') &&
      subresource === '' &&
      !dryRun,
    validate(request) {
      const reached = enforcers.flatMap(({ limit, buckets }) => {
        const key = keyOf(limit.type, request)
        const isAllowed = bucketOf(buckets, key, limit, clock).tryTake()
        return isAllowed ? [] : [`limit reached on type ${limit.type} for key ${key}`]
      })
      const [first, ...others] = new Set(reached)
      if (first === undefined) return
      const message = others.length > 0 ? `[${[first, ...others].join(', ')}]` : first
      throw new StatusError(429, 'TooManyRequests', `Too many requests: ${message}`)
    },
  }
}

/** What is used moves to the end; what stands first is forgotten. */
function bucketOf(
  buckets: Map<string, TokenBucket>,
  key: string,
  { qps, burst, cacheSize }: EventRateLimit,
  clock: Clock,
): TokenBucket {
  const bucket = buckets.get(key) ?? new TokenBucket({ qps, burst, clock })
  buckets.delete(key)
  buckets.set(key, bucket)
  if (buckets.size > (cacheSize || defaultCacheSize)) buckets.delete(buckets.keys().next().value!)
  return bucket
}

function keyOf(type: EventRateLimit['type'], { namespace, user, object }: AdmissionRequest): string {
  switch (type) {
    case 'Server':
      return ''
    case 'Namespace':
      return namespace
    case 'User':
      return user.name
    case 'SourceAndObject': {
      const { source = {}, involvedObject: about } = object as unknown as Event
      const parts = [source.component, source.host, about.kind, about.namespace, about.name, about.uid]
      return [...parts, about.apiVersion].join('')
    }
  }
}
