import type { Pod, Service } from '../../api/generated/core.v1.ts'
import { parseTime } from '../../machinery/time.ts'
import { podCondition } from '../pods/pod-state.ts'

export const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'

/**
 * Since when the endpoints of a service are due for a change, so that it can be measured how long the change takes to
 * arrive. Remembers what each service was last computed from.
 */
export interface TriggerTimes {
  /** RFC 3339; undefined when nothing has changed that says when it did. */
  compute(key: string, service: Service, pods: readonly Pod[]): string | undefined
  forget(key: string): void
}

interface Seen {
  readonly service: number
  readonly pods: ReadonlyMap<string, number>
}

export function createTriggerTimes(): TriggerTimes {
  const seen = new Map<string, Seen>()
  return {
    compute(key, service, pods) {
      const before = seen.get(key)
      const created = parseTime(service.metadata?.creationTimestamp) ?? 0
      const times = new Map<string, number>()
      let earliest = Infinity
      for (const pod of pods) {
        const time = parseTime(podCondition(pod, 'Ready')?.lastTransitionTime)
        if (time === undefined) continue
        const name = pod.metadata?.name ?? ''
        times.set(name, time)
        if (time > (before?.pods.get(name) ?? -Infinity)) earliest = Math.min(earliest, time)
      }
      if (created > (before?.service ?? -Infinity)) earliest = Math.min(earliest, created)
      seen.set(key, { service: created, pods: times })
      return Number.isFinite(earliest) ? `${new Date(earliest).toISOString().slice(0, 19)}Z` : undefined
    },
    forget: (key) => void seen.delete(key),
  }
}
