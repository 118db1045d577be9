import type { Pod } from '../../api/generated/core.v1.ts'
import { sleep, type Clock } from '../../machinery/clock.ts'
import type { Logger } from '../../machinery/log.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { terminationGraceSeconds } from '../pods/plan/grace.ts'
import type { Failure } from '../pods/status/pod-status.ts'
import type { ShutdownInhibitor } from './inhibitor.ts'
import { groupByPriority, type ShutdownPeriod } from './shutdown-groups.ts'

/** Ends pods in order when the machine is about to go down, which waits for it. */
export interface ShutdownManager {
  /** Why the node is not ready; undefined while the machine stays. */
  readonly problem: string | undefined
  stop(): void
}

export interface ShutdownManagerOptions {
  readonly inhibitor: ShutdownInhibitor
  readonly periods: readonly ShutdownPeriod[]
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: Metrics
  /** Pods that hold resources of this node. */
  readonly pods: () => readonly Pod[]
  readonly end: (pod: Pod, failure: Failure) => void
  /** Nothing of the pod runs any more, and it has no volumes. */
  readonly hasEnded: (pod: Pod) => boolean
  readonly onChange: () => void
}

const message = 'Pod was terminated in response to imminent node shutdown.'
const reconnectMs = 1000
const checkMs = 100

/** Source: kubernetes/pkg/kubelet/nodeshutdown. */
export function createShutdownManager(options: ShutdownManagerOptions): ShutdownManager {
  const { inhibitor, periods, clock, log, metrics, onChange } = options
  const abort = new AbortController()
  const { signal } = abort
  const wantedMs = periods.reduce((sum, period) => sum + period.shutdownGracePeriodSeconds, 0) * 1000
  const gauge = (name: string, help: string) => metrics.gauge({ name, help }).with({})
  const startTime = gauge(
    'kubelet_graceful_shutdown_start_time_seconds',
    'Last graceful shutdown start time since unix epoch in seconds',
  )
  const endTime = gauge(
    'kubelet_graceful_shutdown_end_time_seconds',
    'Last graceful shutdown end time since unix epoch in seconds',
  )
  let isShuttingDown = false
  let release: (() => void) | undefined

  async function ensureDelay(): Promise<void> {
    const delayMs = await inhibitor.delayMs()
    if (delayMs >= wantedMs) return
    await inhibitor.setDelay(wantedMs)
    const newDelayMs = await inhibitor.delayMs()
    if (newDelayMs >= wantedMs) return
    throw new Error(
      `node shutdown manager was unable to update logind InhibitDelayMaxSec to ${wantedMs / 1000}s (ShutdownGracePeriod), current value of InhibitDelayMaxSec (${newDelayMs / 1000}s) is less than requested ShutdownGracePeriod`,
    )
  }

  async function lock(): Promise<void> {
    release?.()
    release = undefined
    const unlock = await inhibitor.lock()
    if (signal.aborted) unlock()
    else release = unlock
  }

  async function watch(): Promise<void> {
    await ensureDelay()
    await lock()
    const watching = await inhibitor.watch((now) => {
      if (now === isShuttingDown || signal.aborted) return
      log.info(now ? 'the node shuts down' : 'the shutdown of the node is called off')
      isShuttingDown = now
      onChange()
      const done = now ? endPods() : lock()
      done.catch((error: unknown) => log.error('handling the shutdown of the node failed', { error }))
    })
    const stopWatching = () => watching.stop()
    signal.addEventListener('abort', stopWatching, { once: true })
    if (signal.aborted) stopWatching()
    await watching.ended
    signal.removeEventListener('abort', stopWatching)
  }

  /** Until it is stopped: what tells of shutdowns may be started anew itself. */
  async function keepWatching(): Promise<void> {
    while (!signal.aborted) {
      try {
        await watch()
      } catch (error) {
        log.error('watching for the shutdown of the node failed', { error })
      }
      await sleep(clock, reconnectMs, signal).catch(() => undefined)
    }
  }

  async function endPods(): Promise<void> {
    startTime.set(clock.now() / 1000)
    try {
      for (const { pods, shutdownGracePeriodSeconds } of groupByPriority(periods, options.pods())) {
        for (const pod of pods) {
          const graceSeconds = Math.min(terminationGraceSeconds(pod), shutdownGracePeriodSeconds)
          log.info('ending a pod for the shutdown of the node', { pod: pod.metadata?.name, graceSeconds })
          const disruption = 'TerminationByKubelet'
          options.end(pod, { reason: 'Terminated', message, graceSeconds, disruption })
        }
        await untilEnded(pods, shutdownGracePeriodSeconds * 1000)
      }
    } finally {
      endTime.set(clock.now() / 1000)
      release?.()
      release = undefined
    }
  }

  async function untilEnded(pods: readonly Pod[], timeoutMs: number): Promise<void> {
    const deadlineMs = clock.monotonic() + timeoutMs
    while (!pods.every(options.hasEnded)) {
      if (clock.monotonic() >= deadlineMs) {
        log.warn('pods have not ended in their time', { count: pods.length })
        return
      }
      await sleep(clock, checkMs, signal)
    }
  }

  void keepWatching()
  return {
    get problem() {
      return isShuttingDown ? 'node is shutting down' : undefined
    },
    stop() {
      abort.abort(new Error('the kubelet stops'))
      release?.()
    },
  }
}
