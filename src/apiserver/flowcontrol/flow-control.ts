import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol.v1.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '../../api/flowcontrol/mandatory.ts'
import { flowSchemas, priorityLevelConfigurations } from '../../api/generated/resources.ts'
import { every, type Cancel, type Clock } from '../../machinery/clock.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import type { User } from '../authentication/authenticator.ts'
import type { Objects } from '../objects.ts'
import type { RequestInfo } from '../request-info.ts'
import { adjustSeats, seatLimits } from './borrowing.ts'
import { Flow } from './flow.ts'
import { FlowControlMetrics } from './flow-control-metrics.ts'
import { inMatchingOrder } from './matching.ts'
import { noteExecuting, noteWaiting, PriorityLevel, type FlowRequest } from './priority-level.ts'
import type { Turn } from './queue-set.ts'
import { WatchTracker } from './watch-tracker.ts'
import { estimateWork, type ObjectStatistics } from './work-estimate.ts'

export interface FlowControlOptions {
  readonly objects: Objects
  /** Requests of one seat that are served at a time, long-running ones not counted. */
  readonly serverSeats: number
  /** How many objects there are of a resource, and how large they are. */
  statistics(info: RequestInfo): ObjectStatistics | undefined
  readonly clock: Clock
  readonly metrics: Metrics
}

/** A request that asks for its turn. */
export interface Applicant {
  readonly info: RequestInfo
  readonly user: User
  readonly query: URLSearchParams
  /** How long it may wait, in milliseconds. */
  readonly waitLimitMs: number
  /** Made only where the request waits. */
  signal(): AbortSignal
}

/** What a request's turn comes to, with the names by which clients are told who decided. */
export type Admission = { readonly flowSchemaUid: string; readonly priorityLevelUid: string } & (
  | {
      readonly type: 'admitted'
      /** The request is done, or the watch has begun. Must be called once. */
      end(): void
    }
  | { readonly type: 'rejected'; readonly retryAfterSeconds: number }
)

const borrowingPeriodMs = 10_000

/**
 * API priority and fairness: whose turn it is, by the FlowSchemas and PriorityLevelConfigurations there are. Source:
 * k8s.io/apiserver/pkg/util/flowcontrol, KEP-1040.
 */
export class FlowControl {
  readonly watches = new WatchTracker()
  readonly #options: FlowControlOptions
  readonly #metrics: FlowControlMetrics
  readonly #levels = new Map<string, PriorityLevel>()
  readonly #cancels: Cancel[] = []
  #flows: readonly Flow[] = []
  #digestPending = false

  constructor(options: FlowControlOptions) {
    this.#options = options
    this.#metrics = new FlowControlMetrics(options.metrics, () => this.#levels.values())
    this.#digest()
  }

  get levels(): ReadonlyMap<string, PriorityLevel> {
    return this.#levels
  }

  /** Follows the objects, and lends seats between levels, until `close`. */
  start(): void {
    const { objects, clock } = this.#options
    for (const resource of [flowSchemas, priorityLevelConfigurations]) {
      const follow = objects.onChange<FlowSchema | PriorityLevelConfiguration>(resource, (change) => {
        const previous = change.type === 'set' ? change.previous : undefined
        if (!previous || !jsonEqual(previous.spec, change.object.spec)) this.#digestSoon()
      })
      this.#cancels.push(follow)
    }
    this.#cancels.push(every(clock, borrowingPeriodMs, () => this.#adjust()))
    this.#digest()
  }

  close(): void {
    for (const cancel of this.#cancels.splice(0)) cancel()
  }

  /** A request's turn: at once where there are seats. */
  admit(applicant: Applicant): Admission | Promise<Admission> {
    const { info, user, query } = applicant
    const flow = this.#flowOf(info, user)
    const { level } = flow
    const distinguisher = flow.distinguisherOf(info, user)
    const request: FlowRequest = { flow, distinguisher, info, user, begin: undefined }
    const work = estimateWork(info, {
      query,
      maxSeats: level.maxSeats,
      objects: () => this.#options.statistics(info),
      watches: () => {
        const count = this.watches.interestedIn(info)
        flow.metrics.watchCounts.observe(count)
        return count
      },
    })
    flow.metrics.seats.observe(Math.max(work.initialSeats, work.finalSeats))
    const start = level.queues.start(request, work, flow.hand(distinguisher))
    switch (start.type) {
      case 'begun':
        if (level.queuing.type === 'queue') flow.metrics.queueLength.observe(1)
        return this.#begun(start.turn)
      case 'waits':
        flow.metrics.queueLength.observe(start.queueLength)
        return this.#wait(start.turn, applicant)
      case 'rejected':
        return this.#reject(flow, start.reason)
    }
  }

  #flowOf(info: RequestInfo, user: User): Flow {
    for (const flow of this.#flows) if (flow.matches(info, user)) return flow
    // Nobody is outside of both groups that catch-all names, unless an authenticator says so.
    return this.#flows.findLast(({ name }) => name === 'catch-all')!
  }

  #begun(turn: Turn<FlowRequest>): Admission {
    const { flow, info } = turn.request
    const { level, metrics } = flow
    level.counts.dispatched++
    metrics.dispatched.add()
    noteExecuting(turn, 1)
    if (!level.isExempt) metrics.waitedAndBegan.observe((turn.startedMs - turn.arrivedMs) / 1000)
    return {
      type: 'admitted',
      flowSchemaUid: flow.uid,
      priorityLevelUid: level.uid,
      end: () => {
        noteExecuting(turn, -1)
        const seconds = (this.#options.clock.monotonic() - turn.startedMs) / 1000
        if (info.verb === 'watch') metrics.watchInitialization.observe(seconds)
        else metrics.execution.observe(seconds)
        level.queues.finish(turn)
        if (level.isQuiescing && level.queues.isIdle) this.#digestSoon()
      },
    }
  }

  #reject(flow: Flow, reason: 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled'): Admission {
    const { level, metrics } = flow
    level.counts.rejected++
    metrics.rejected(reason)
    level.retryAfter.note(this.#options.clock.now())
    return {
      type: 'rejected',
      flowSchemaUid: flow.uid,
      priorityLevelUid: level.uid,
      retryAfterSeconds: level.retryAfter.seconds,
    }
  }

  /** Until it is its turn, it has waited too long, or its client has gone. */
  async #wait(turn: Turn<FlowRequest>, { waitLimitMs, signal }: Applicant): Promise<Admission> {
    const { clock } = this.#options
    const { request } = turn
    const { flow } = request
    const aborted = signal()
    noteWaiting(turn, 1)
    let onAbort: (() => void) | undefined
    let cancelTimer: Cancel | undefined
    try {
      const hasBegun = await new Promise<boolean>((resolve) => {
        const giveUp = () => {
          if (flow.level.queues.cancel(turn)) resolve(false)
        }
        request.begin = () => resolve(true)
        onAbort = giveUp
        aborted.addEventListener('abort', giveUp, { once: true })
        cancelTimer = clock.after(waitLimitMs, giveUp)
        if (aborted.aborted) giveUp()
      })
      if (hasBegun) return this.#begun(turn)
      flow.level.counts.cancelled++
      flow.metrics.waitedInVain.observe((clock.monotonic() - turn.arrivedMs) / 1000)
      return this.#reject(flow, 'time-out')
    } finally {
      noteWaiting(turn, -1)
      cancelTimer?.()
      if (onAbort) aborted.removeEventListener('abort', onAbort)
    }
  }

  /** Changes that come together are looked at together. */
  #digestSoon(): void {
    if (this.#digestPending) return
    this.#digestPending = true
    queueMicrotask(() => {
      this.#digestPending = false
      this.#digest()
    })
  }

  /** Makes levels and flows of the objects there are, and of the mandatory ones where those are missing. */
  #digest(): void {
    const { objects, clock } = this.#options
    const configurations = completed(objects.list(priorityLevelConfigurations), mandatoryPriorityLevels)
    for (const configuration of configurations) {
      const name = configuration.metadata?.name ?? ''
      const level = this.#levels.get(name)
      if (level) level.update(configuration)
      else this.#levels.set(name, new PriorityLevel(configuration, clock))
    }
    const names = new Set(configurations.map(({ metadata }) => metadata?.name))
    for (const [name, level] of this.#levels) {
      if (names.has(name)) continue
      level.isQuiescing = true
      if (level.queues.isIdle) this.#levels.delete(name)
    }
    const flows: Flow[] = []
    for (const schema of inMatchingOrder(completed(objects.list(flowSchemas), mandatoryFlowSchemas))) {
      const level = this.#levels.get(schema.spec?.priorityLevelConfiguration.name ?? '')
      if (!level || level.isQuiescing) continue
      flows.push(new Flow(schema, level, this.#metrics.flow(level.name, schema.metadata?.name ?? '')))
    }
    this.#flows = flows
    this.#limit()
    this.#adjust()
  }

  #limit(): void {
    const levels = [...this.#levels.values()]
    const allShares = levels.reduce((all, { shares }) => all + (shares.nominalConcurrencyShares ?? 0), 0)
    for (const level of levels) level.limit(seatLimits(level.shares, this.#options.serverSeats, allShares))
  }

  #adjust(): void {
    const levels = [...this.#levels.values()]
    const adjustment = adjustSeats(
      levels.map((level) => ({
        name: level.name,
        isExempt: level.isExempt,
        limits: level.limits,
        demand: level.measureDemand(),
      })),
    )
    for (const level of levels) level.giveSeats(adjustment.levels.get(level.name)!.seats)
    this.#metrics.adjusted(levels, adjustment)
  }
}

/** The objects, and what must be there where it is not (yet). */
function completed<Spec, T extends { readonly metadata?: { readonly name?: string }; readonly spec?: Spec }>(
  objects: readonly T[],
  mandatory: Readonly<Record<string, Spec>>,
): readonly T[] {
  const names = new Set(objects.map(({ metadata }) => metadata?.name))
  const missing = Object.entries(mandatory).filter(([name]) => !names.has(name))
  return [...objects, ...missing.map(([name, spec]) => ({ metadata: { name }, spec }) as unknown as T)]
}
