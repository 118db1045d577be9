import type { Pod } from '../api/generated/core.v1.ts'
import type { Cancel, Clock } from '../machinery/clock.ts'
import type { ClusterChange } from './cluster-change.ts'
import { Heap } from './heap.ts'
import type { Plugin } from './framework.ts'
import { InFlight } from './in-flight.ts'
import { sameLabels, type PodInfo } from './pod-info.ts'

/** A pod that waits to be scheduled. */
export interface QueuedPod {
  pod: PodInfo
  /** Monotonic milliseconds: when it first came. */
  readonly addedAtMs: number
  /** When it came, or came back from its last attempt; orders pods of one priority. */
  queuedAtMs: number
  attempts: number
  /** How often no node did. */
  timesRefused: number
  /** How often in succession something went wrong. */
  errorsInSuccession: number
  /** Until then it backs off. */
  backoffUntilMs: number
  /** Plugins that refused it the last time. */
  refusedBy: ReadonlySet<string>
  /** The same for pods of which hints say the same, but for those that room is kept for; undefined for one of its own sort. */
  sort: object | undefined
  /** The plugin that keeps it from being tried. */
  gatedBy: string | undefined
}

/** The parts of the queue, as metrics name them. */
export type QueuePart = 'active' | 'backoff' | 'unschedulable'

export interface SchedulingQueueOptions {
  readonly clock: Clock
  /** Negative when `a` is tried before `b`. */
  compare(a: QueuedPod, b: QueuedPod): number
  /** Those of the pod's profile. */
  pluginsOf(pod: PodInfo): readonly Plugin[]
  /** Back-off after the first failed attempt, doubling to the greatest. */
  readonly firstBackoffMs: number
  readonly greatestBackoffMs: number
  /** The pods that room is kept for on a node, by key. */
  keptFor?(nodeName: string): { has(key: string): boolean } | undefined
  /** Called when there is a pod to be tried. */
  onReady(): void
  /** A pod came to a part of the queue, because of an event that upstream's metrics have a name for. */
  onIncoming?(part: QueuePart, event: string): void
}

/** A pod that no event moved is tried again after this long, in case a hint was wrong. */
const flushAfterMs = 5 * 60_000
const flushPeriodMs = 30_000
/** Pods whose back-off ends about the same time are tried by priority. */
const backoffWindowMs = 1000

type Happening = ClusterChange | { readonly type: 'activated'; readonly key: string }

/**
 * Pods that wait: ready to be tried (by priority, then age), backing off, or refused or gated until something changes that
 * may help. Pods that back off because no node did are tried before their time when nothing else is to be tried; those
 * that something went wrong with are not. Source: kube-scheduler's scheduling queue.
 */
export class SchedulingQueue {
  readonly #options: SchedulingQueueOptions
  readonly #clock: Clock
  readonly #waiting = new Map<string, QueuedPod>()
  readonly #active: Heap<QueuedPod>
  readonly #backingOff: Heap<QueuedPod>
  readonly #afterErrors = new Heap<QueuedPod>((a, b) => a.backoffUntilMs < b.backoffUntilMs)
  /** Refused, or gated. */
  readonly #unschedulable = new Set<QueuedPod>()
  readonly #inFlight = new InFlight<QueuedPod, Happening>()
  #timer: Cancel | undefined
  #timerAtMs = Infinity
  #flushTimer: Cancel | undefined

  constructor(options: SchedulingQueueOptions) {
    this.#options = options
    this.#clock = options.clock
    this.#active = new Heap((a, b) => options.compare(a, b) < 0)
    const windowOf = ({ backoffUntilMs }: QueuedPod) => Math.floor(backoffUntilMs / backoffWindowMs)
    this.#backingOff = new Heap((a, b) => (windowOf(a) - windowOf(b) || options.compare(a, b)) < 0)
  }

  /** Adds a pod, or takes its new version, which may lift what it was refused for. */
  set(pod: PodInfo): void {
    const known = this.#waiting.get(pod.key)
    if (known?.pod.uid === pod.uid) return this.#update(known, pod)
    if (known) this.remove(pod.key)
    const nowMs = this.#clock.monotonic()
    const queued: QueuedPod = {
      pod,
      addedAtMs: nowMs,
      queuedAtMs: nowMs,
      attempts: 0,
      timesRefused: 0,
      errorsInSuccession: 0,
      backoffUntilMs: 0,
      refusedBy: new Set(),
      sort: undefined,
      gatedBy: undefined,
    }
    this.#waiting.set(pod.key, queued)
    this.#move(queued, 'UnschedulablePodAdd')
  }

  remove(key: string): void {
    const queued = this.#waiting.get(key)
    if (!queued) return
    this.#waiting.delete(key)
    this.#leave(queued)
    this.#inFlight.delete(queued)
  }

  /** Whether there is a pod to be tried. */
  get isReady(): boolean {
    return this.#active.size > 0 || this.#backingOff.size > 0
  }

  /** The next pod to try; it stays known, and must come back by `refuse` or `retry`, be done, or be removed. */
  pop(): QueuedPod | undefined {
    let queued = this.#active.pop()
    if (!queued) {
      queued = this.#backingOff.pop()
      if (!queued) return undefined
      this.#options.onIncoming?.('active', 'PopFromBackoffQ')
    }
    queued.attempts++
    this.#inFlight.add(queued)
    return queued
  }

  /** From here on nothing that happens in the cluster matters to the attempt: it may only go wrong. */
  done(queued: QueuedPod): void {
    this.#inFlight.delete(queued)
  }

  /** Tries a pod again at once, or after its back-off when it is just being tried. */
  activate(key: string): void {
    const queued = this.#waiting.get(key)
    if (!queued) return
    if (this.#inFlight.has(queued)) return this.#inFlight.happen({ type: 'activated', key })
    if (this.#active.has(queued)) return
    queued.backoffUntilMs = 0
    this.#leave(queued)
    this.#move(queued, 'ForceActivate')
  }

  /**
   * No node fits: the pod waits for a change that one of the plugins says may help. All pods of one `sort` are refused by the
   * same plugins, for reasons that `mayHelp` tells apart no further.
   */
  refuse(queued: QueuedPod, refusedBy: ReadonlySet<string>, sort?: object): void {
    const missed = this.#inFlight.delete(queued)
    if (this.#waiting.get(queued.pod.key) !== queued) return
    queued.refusedBy = refusedBy
    queued.sort = sort
    queued.timesRefused++
    queued.errorsInSuccession = 0
    this.#setBackoff(queued, queued.timesRefused)
    if (missed.some((happening) => this.#mayHelp(queued, happening)))
      return this.#move(queued, 'ScheduleAttemptFailure')
    this.#keepUnschedulable(queued, 'ScheduleAttemptFailure')
  }

  /** Something went wrong that may go well the next time: again after a back-off. */
  retry(queued: QueuedPod): void {
    this.#inFlight.delete(queued)
    if (this.#waiting.get(queued.pod.key) !== queued) return
    queued.refusedBy = new Set()
    queued.errorsInSuccession++
    this.#setBackoff(queued, queued.errorsInSuccession)
    this.#move(queued, 'ScheduleAttemptFailure')
  }

  /** Moves the pods that the change may help. */
  notice(change: ClusterChange): void {
    this.#inFlight.happen(change)
    const keptFor = change.type === 'podRemoved' ? this.#options.keptFor?.(change.nodeName) : undefined
    /** The answer for each sort of pods, by who keeps them out: many of a few sorts may wait, and many changes happen. */
    const answers = new Map<string | undefined, Map<object, boolean>>()
    for (const queued of this.#unschedulable) {
      const sort = keptFor?.has(queued.pod.key) ? undefined : queued.sort
      let said = sort && answers.get(queued.gatedBy)
      if (sort && !said) answers.set(queued.gatedBy, (said = new Map()))
      let mayHelp = sort && said?.get(sort)
      if (mayHelp === undefined) {
        mayHelp = this.#mayHelp(queued, change)
        if (sort) said?.set(sort, mayHelp)
      }
      if (mayHelp) this.#move(queued, eventOf(change))
    }
  }

  get counts() {
    let gated = 0
    for (const { gatedBy } of this.#unschedulable) if (gatedBy !== undefined) gated++
    return {
      active: this.#active.size,
      backoff: this.#backingOff.size + this.#afterErrors.size,
      unschedulable: this.#unschedulable.size - gated,
      gated,
    }
  }

  /** How many pods wait because of each plugin. */
  *waitingBecauseOf(): Generator<{ readonly pod: PodInfo; readonly plugin: string }> {
    for (const { pod, refusedBy, gatedBy } of this.#unschedulable) {
      for (const plugin of refusedBy) yield { pod, plugin }
      if (gatedBy !== undefined && !refusedBy.has(gatedBy)) yield { pod, plugin: gatedBy }
    }
  }

  close(): void {
    this.#timer?.()
    this.#flushTimer?.()
  }

  #update(queued: QueuedPod, pod: PodInfo): void {
    const previous = queued.pod
    // Its priority orders it, so the pod is not in a heap while it changes.
    const heap = [this.#active, this.#backingOff, this.#afterErrors].find((each) => each.delete(queued))
    queued.pod = pod
    heap?.push(queued)
    if (heap || !concernsScheduling(previous, pod)) return
    const change = { type: 'podUpdated', pod } as const
    if (this.#inFlight.has(queued)) this.#inFlight.happen(change)
    else this.#consider(queued, change)
  }

  #leave(queued: QueuedPod): void {
    this.#active.delete(queued)
    this.#backingOff.delete(queued)
    this.#afterErrors.delete(queued)
    this.#unschedulable.delete(queued)
  }

  #consider(queued: QueuedPod, change: ClusterChange): void {
    if (this.#unschedulable.has(queued) && this.#mayHelp(queued, change)) this.#move(queued, eventOf(change))
  }

  #mayHelp({ pod, refusedBy, gatedBy }: QueuedPod, happening: Happening): boolean {
    if (happening.type === 'activated') return happening.key === pod.key
    if (happening.type === 'podUpdated' && happening.pod.key !== pod.key) return false
    const plugins = this.#options.pluginsOf(pod)
    const says = (name: string) => {
      const plugin = plugins.find((each) => each.name === name)
      return plugin?.mayHelp?.(happening, pod) ?? true
    }
    if (gatedBy !== undefined && !says(gatedBy)) return false
    if (refusedBy.size === 0) return true
    for (const name of refusedBy) if (says(name)) return true
    return false
  }

  /** To where it waits for its turn, unless a plugin keeps it out. */
  #move(queued: QueuedPod, event: string): void {
    const { onIncoming, onReady, pluginsOf } = this.#options
    queued.gatedBy = pluginsOf(queued.pod).find((plugin) => plugin.gate?.(queued.pod) !== undefined)?.name
    if (queued.gatedBy !== undefined) return this.#keepUnschedulable(queued, event)
    this.#unschedulable.delete(queued)
    if (queued.backoffUntilMs <= this.#clock.monotonic()) {
      this.#active.push(queued)
      onIncoming?.('active', event)
      return onReady()
    }
    const isAfterError = queued.errorsInSuccession > 0
    const heap = isAfterError ? this.#afterErrors : this.#backingOff
    heap.push(queued)
    onIncoming?.('backoff', event)
    this.#setTimer(queued.backoffUntilMs)
    if (!isAfterError) onReady()
  }

  #keepUnschedulable(queued: QueuedPod, event: string): void {
    if (this.#unschedulable.has(queued)) return
    this.#unschedulable.add(queued)
    this.#options.onIncoming?.('unschedulable', event)
    this.#flushTimer ??= this.#clock.after(flushPeriodMs, () => this.#flush())
  }

  #setBackoff(queued: QueuedPod, failures: number): void {
    const { firstBackoffMs, greatestBackoffMs } = this.#options
    queued.queuedAtMs = this.#clock.monotonic()
    const backoffMs = Math.min(greatestBackoffMs, firstBackoffMs * 2 ** (failures - 1))
    queued.backoffUntilMs = queued.queuedAtMs + backoffMs
  }

  #setTimer(atMs: number): void {
    if (atMs >= this.#timerAtMs) return
    this.#timer?.()
    this.#timerAtMs = atMs
    this.#timer = this.#clock.after(Math.max(0, atMs - this.#clock.monotonic()), () => {
      this.#timerAtMs = Infinity
      this.#endBackoff()
    })
  }

  #endBackoff(): void {
    const nowMs = this.#clock.monotonic()
    for (const heap of [this.#backingOff, this.#afterErrors]) {
      for (let next = heap.peek(); next; next = heap.peek()) {
        if (next.backoffUntilMs > nowMs) {
          this.#setTimer(next.backoffUntilMs)
          break
        }
        heap.pop()
        this.#active.push(next)
        this.#options.onIncoming?.('active', 'BackoffComplete')
      }
    }
    if (this.#active.size > 0) this.#options.onReady()
  }

  #flush(): void {
    this.#flushTimer = undefined
    const beforeMs = this.#clock.monotonic() - flushAfterMs
    for (const queued of this.#unschedulable)
      if (queued.queuedAtMs <= beforeMs) this.#move(queued, 'UnschedulableTimeout')
    if (this.#unschedulable.size > 0) this.#flushTimer = this.#clock.after(flushPeriodMs, () => this.#flush())
  }
}

/** Whether a new version of a pod may be scheduled where the one before could not. */
function concernsScheduling({ pod: previous }: PodInfo, { pod: next }: PodInfo): boolean {
  return (
    previous.metadata?.generation !== next.metadata?.generation ||
    !sameLabels(previous.metadata?.labels, next.metadata?.labels) ||
    claimsMadeFor(previous) !== claimsMadeFor(next)
  )
}

function claimsMadeFor({ status }: Pod): string | undefined {
  const { resourceClaimStatuses, extendedResourceClaimStatus } = status ?? {}
  if (!resourceClaimStatuses && !extendedResourceClaimStatus) return undefined
  return JSON.stringify([resourceClaimStatuses, extendedResourceClaimStatus])
}

/** As upstream's metrics name events. */
function eventOf(change: ClusterChange): string {
  switch (change.type) {
    case 'nodeAdded':
      return 'NodeAdd'
    case 'nodeUpdated':
      return 'NodeUpdate'
    case 'podPlaced':
      return change.previous ? 'AssignedPodUpdate' : 'AssignedPodAdd'
    case 'podRemoved':
      return 'AssignedPodDelete'
    case 'podUpdated':
      return 'UnschedulablePodUpdate'
    case 'namespaceUpdated':
      return 'NamespaceUpdate'
    case 'objectChanged': {
      const action = change.object ? (change.previous ? 'Update' : 'Add') : 'Delete'
      return `${change.resource.kind}${action}`
    }
  }
}
