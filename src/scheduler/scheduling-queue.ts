import type { Cancel, Clock } from '../machinery/clock.ts'
import type { ClusterChange } from './cluster-change.ts'
import { Heap } from './heap.ts'
import type { Plugin } from './framework.ts'
import type { PodInfo } from './pod-info.ts'

/** A pod that waits to be scheduled. */
export interface QueuedPod {
  pod: PodInfo
  /** Monotonic milliseconds: when it came; orders pods of one priority. */
  readonly addedAtMs: number
  attempts: number
  /** Until then it backs off. */
  backoffUntilMs: number
  /** Plugins that refused it the last time. */
  refusedBy: ReadonlySet<string>
  waitingSinceMs: number
}

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** Negative when `a` is tried before `b`. */
  compare(a: QueuedPod, b: QueuedPod): number
  /** Those of the pod's profile. */
  pluginsOf(pod: PodInfo): readonly Plugin[]
  /** Back-off after the first failed attempt, doubling to the greatest. */
  readonly firstBackoffMs: number
  readonly greatestBackoffMs: number
  /** Called when a pod becomes ready to be tried. */
  onReady(): void
}

/** A pod that no event moved is tried again after this long, in case a hint was wrong. */
const flushAfterMs = 5 * 60_000
const flushPeriodMs = 30_000

/**
 * Pods that wait: ready to be tried (by priority, then age), backing off, refused until something changes that may help,
 * or gated. Source: kube-scheduler's scheduling queue.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions
  readonly #clock: Clock
  readonly #waiting = new Map<string, QueuedPod>()
  readonly #active: Heap<QueuedPod>
  readonly #backingOff = new Heap<QueuedPod>((a, b) => a.backoffUntilMs < b.backoffUntilMs)
  readonly #refused = new Set<QueuedPod>()
  /** With the plugin that keeps each out. */
  readonly #gated = new Map<QueuedPod, Plugin>()
  #timer: Cancel | undefined
  #flushTimer: Cancel | undefined

  constructor(options: SchedulingQueueOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#active = new Heap((a, b) => options.compare(a, b) < 0)
  }

  /** Adds a pod, or takes its new version, which may lift what it was refused for. */
  set(pod: PodInfo): void {
    const known = this.#waiting.get(pod.key)
    if (known?.pod.uid === pod.uid) {
      const isOnlyStatus = known.pod.pod.metadata?.generation === pod.pod.metadata?.generation
      const sameLabels = known.pod.pod.metadata?.labels === pod.pod.metadata?.labels
      const wasGated = this.#gated.has(known)
      // Priority orders the heap, so the pod leaves it while it changes.
      const wasActive = this.#active.delete(known)
      known.pod = pod
      if (wasActive) this.#active.push(known)
      else if (wasGated) this.#admit(known)
      else if (!isOnlyStatus || !sameLabels) this.#consider(known, { type: 'podUpdated', pod })
      return
    }
    if (known) this.remove(pod.key)
    const nowMs = this.#clock.monotonic()
    const queued: QueuedPod = {
      pod,
      addedAtMs: nowMs,
      attempts: 0,
      backoffUntilMs: 0,
      refusedBy: new Set(),
      waitingSinceMs: nowMs,
    }
    this.#waiting.set(pod.key, queued)
    this.#admit(queued)
  }

  remove(key: string): void {
    const queued = this.#waiting.get(key)
    if (!queued) return
    this.#waiting.delete(key)
    this.#leave(queued)
  }

  /** The next pod to try; it stays known, and must come back by `refuse` or `retry`, or be removed. */
  pop(): QueuedPod | undefined {
    const queued = this.#active.pop()
    if (queued) queued.attempts++
    return queued
  }

  /** Tries a pod again as soon as its back-off allows. */
  activate(key: string): void {
    const queued = this.#waiting.get(key)
    if (queued && this.#refused.has(queued)) this.#activate(queued)
  }

  /** No node fits: the pod waits for a change that one of the plugins says may help. */
  refuse(queued: QueuedPod, refusedBy: ReadonlySet<string>): void {
    if (this.#waiting.get(queued.pod.key) !== queued) return
    queued.refusedBy = refusedBy
    queued.waitingSinceMs = this.#clock.monotonic()
    this.#setBackoff(queued)
    this.#refused.add(queued)
    this.#flushTimer ??= this.#clock.after(flushPeriodMs, () => this.#flush())
  }

  /** Something went wrong that may go well the next time: again after a back-off. */
  retry(queued: QueuedPod): void {
    if (this.#waiting.get(queued.pod.key) !== queued) return
    this.#setBackoff(queued)
    this.#activate(queued)
  }

  /** Moves the refused pods that the change may help. */
  notice(change: ClusterChange): void {
    for (const queued of this.#refused) this.#consider(queued, change)
    for (const [queued, plugin] of this.#gated) {
      const mayHelp = plugin.mayHelp?.(change, queued.pod) ?? true
      if (mayHelp && plugin.gate?.(queued.pod) === undefined) this.#admit(queued)
    }
  }

  get counts() {
    return {
      active: this.#active.size,
      backoff: this.#backingOff.size,
      unschedulable: this.#refused.size,
      gated: this.#gated.size,
    }
  }

  close(): void {
    this.#timer?.()
    this.#flushTimer?.()
  }

  #admit(queued: QueuedPod): void {
    const gate = this.#options.pluginsOf(queued.pod).find((plugin) => plugin.gate?.(queued.pod) !== undefined)
    this.#leave(queued)
    if (gate) this.#gated.set(queued, gate)
    else this.#activate(queued)
  }

  #leave(queued: QueuedPod): void {
    this.#active.delete(queued)
    this.#backingOff.delete(queued)
    this.#refused.delete(queued)
    this.#gated.delete(queued)
  }

  #consider(queued: QueuedPod, change: ClusterChange): void {
    if (!this.#refused.has(queued)) return
    const mayHelp =
      queued.refusedBy.size === 0 ||
      this.#options.pluginsOf(queued.pod).some((plugin) => {
        return queued.refusedBy.has(plugin.name) && (plugin.mayHelp?.(change, queued.pod) ?? true)
      })
    if (mayHelp) this.#activate(queued)
  }

  #setBackoff(queued: QueuedPod): void {
    const { firstBackoffMs, greatestBackoffMs } = this.#options
    const backoffMs = Math.min(greatestBackoffMs, firstBackoffMs * 2 ** (queued.attempts - 1))
    queued.backoffUntilMs = this.#clock.monotonic() + backoffMs
  }

  #activate(queued: QueuedPod): void {
    this.#refused.delete(queued)
    if (queued.backoffUntilMs <= this.#clock.monotonic()) {
      this.#active.push(queued)
      this.#options.onReady()
      return
    }
    this.#backingOff.push(queued)
    this.#setTimer()
  }

  #setTimer(): void {
    this.#timer?.()
    this.#timer = undefined
    const next = this.#backingOff.peek()
    if (!next) return
    this.#timer = this.#clock.after(Math.max(0, next.backoffUntilMs - this.#clock.monotonic()), () => {
      const nowMs = this.#clock.monotonic()
      for (
        let due = this.#backingOff.peek();
        due && due.backoffUntilMs <= nowMs;
        due = this.#backingOff.peek()
      ) {
        this.#backingOff.pop()
        this.#active.push(due)
      }
      this.#setTimer()
      if (this.#active.size > 0) this.#options.onReady()
    })
  }

  #flush(): void {
    this.#flushTimer = undefined
    const beforeMs = this.#clock.monotonic() - flushAfterMs
    for (const queued of this.#refused) if (queued.waitingSinceMs <= beforeMs) this.#activate(queued)
    if (this.#refused.size > 0) this.#flushTimer = this.#clock.after(flushPeriodMs, () => this.#flush())
  }
}
