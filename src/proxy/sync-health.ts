import type { Clock } from '../machinery/clock.ts'

/** Whether rules follow what the API server says. Source: kubernetes/pkg/proxy/healthcheck, proxy_health.go. */
export interface SyncHealth {
  /** Rules wait to be written. */
  queued(): void
  /** Rules are as they should be. */
  updated(): void
  /** False when rules have been waiting for longer than the timeout; true while the proxy starts. */
  isHealthy(): boolean
  /** Milliseconds since the epoch; undefined before the first time. */
  lastUpdated(): number | undefined
}

export function createSyncHealth(clock: Clock, timeoutMs: number): SyncHealth {
  let waitingSince: number | undefined
  let last: number | undefined
  return {
    queued: () => void (waitingSince ??= clock.monotonic()),
    updated() {
      waitingSince = undefined
      last = clock.now()
    },
    isHealthy: () => waitingSince === undefined || clock.monotonic() - waitingSince < timeoutMs,
    lastUpdated: () => last,
  }
}
