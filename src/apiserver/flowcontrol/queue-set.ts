import type { Clock } from '../../machinery/clock.ts'
import { Slots } from '../../machinery/slots.ts'
import type { WorkEstimate } from './work-estimate.ts'

/** How a level's requests wait: not at all (exempt), turned away at once, or in queues. */
export type Queuing =
  | { readonly type: 'exempt' }
  | { readonly type: 'reject' }
  | {
      readonly type: 'queue'
      readonly queues: number
      readonly handSize: number
      readonly queueLengthLimit: number
    }

/** A request at a queue set. */
export interface Turn<Request> {
  readonly request: Request
  readonly work: WorkEstimate
  readonly state: 'waiting' | 'executing' | 'lingering' | 'over'
  readonly arrivedMs: number
  readonly startedMs: number
}

/** Told of what becomes of turns. */
export interface QueueSetListener<Request> {
  /** A request that waited may begin. */
  onDispatch(turn: Turn<Request>): void
  /** Seats that requests use, and those that waiting ones will. */
  onDemand?(seats: number, nowMs: number): void
  /** The next in line needs more seats than are free. */
  onNoAccommodation?(turn: Turn<Request>): void
}

/** What `start` comes to. */
export type Start<Request> =
  | { readonly type: 'begun'; readonly turn: Turn<Request> }
  | { readonly type: 'waits'; readonly turn: Turn<Request>; readonly queueLength: number }
  | { readonly type: 'rejected'; readonly reason: 'concurrency-limit' | 'queue-full' }

interface OwnTurn<Request> extends Turn<Request> {
  state: Turn<Request>['state']
  startedMs: number
  readonly queue: Queue<Request> | undefined
  /** Initial and final work. Seats × milliseconds. */
  readonly totalWork: number
  readonly arrivalR: number
  readonly seats: number
  finalMs: number
  /** Among those that execute. */
  slot: number
}

interface Queue<Request> {
  readonly index: number
  readonly waiting: OwnTurn<Request>[]
  /** Virtual time at which the next request would begin. */
  nextDispatchR: number
  executing: number
  seatsInUse: number
  seatsWaiting: number
  workWaiting: number
}

/** How long requests are taken to last before they are known better. */
const estimatedServiceMs = 3

/**
 * Fair queueing for requests that take several seats each, for a time that is known only when they are over: the next
 * to begin is the one that would end first if all queues with requests were served at once, each at the same speed.
 * Driven by calls alone; all time comes from the clock. Source: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/queueset.
 */
export class QueueSet<Request> {
  readonly #clock: Clock
  readonly #listener: QueueSetListener<Request>
  readonly #queues: (Queue<Request> | undefined)[] = []
  /** Those with requests that wait. */
  readonly #waitingQueues = new Set<Queue<Request>>()
  readonly #executing = new Slots<OwnTurn<Request>>()
  #queuing: Queuing
  #limit: number
  /** Virtual time. */
  #currentR = 0
  #lastMs: number
  #activeQueues = 0
  #seatsInQueues = 0
  #lastServed = 0
  #enqueued = 0
  #seatsInUse = 0
  #seatsWaiting = 0
  #waiting = 0
  #lingering = 0

  constructor(clock: Clock, listener: QueueSetListener<Request>, queuing: Queuing, limit: number) {
    this.#clock = clock
    this.#listener = listener
    this.#queuing = queuing
    this.#limit = limit
    this.#lastMs = clock.monotonic()
  }

  get queuing(): Queuing {
    return this.#queuing
  }

  get limit(): number {
    return this.#limit
  }

  get seatsInUse(): number {
    return this.#seatsInUse
  }

  get seatsWaiting(): number {
    return this.#seatsWaiting
  }

  get waiting(): number {
    return this.#waiting
  }

  get executing(): number {
    return this.#executing.size
  }

  get isIdle(): boolean {
    return this.#waiting === 0 && this.#executing.size === 0
  }

  /** Virtual time, in seat-milliseconds. */
  get currentR(): number {
    return this.#currentR
  }

  /** Other queues and another number of seats from now on. What waits goes on waiting where it does. */
  configure(queuing: Queuing, limit: number): void {
    this.#advance()
    this.#queuing = queuing
    this.#limit = limit
    this.#dispatch()
  }

  /** A request of a flow whose hand of queues is `hand` (empty where there are none). After `begun`, `finish` must follow. */
  start(request: Request, work: WorkEstimate, hand: readonly number[]): Start<Request> {
    const nowMs = this.#advance()
    if (this.#queuing.type !== 'queue') {
      const seats = seatsOf(work)
      if (!this.#fits(seats)) return { type: 'rejected', reason: 'concurrency-limit' }
      const turn = this.#turn(request, work, undefined, nowMs)
      this.#begin(turn, nowMs)
      return { type: 'begun', turn }
    }
    const queue = this.#shortest(hand)
    if (this.#seatsInUse >= this.#limit && queue.waiting.length >= this.#queuing.queueLengthLimit) {
      return { type: 'rejected', reason: 'queue-full' }
    }
    const turn = this.#turn(request, work, queue, nowMs)
    if (queue.waiting.length === 0 && queue.executing === 0) {
      queue.nextDispatchR = this.#currentR
      this.#activeQueues++
    }
    this.#seatsInQueues += turn.seats
    queue.seatsWaiting += turn.seats
    queue.workWaiting += turn.totalWork
    queue.waiting.push(turn)
    if (queue.waiting.length === 1) this.#waitingQueues.add(queue)
    this.#waiting++
    this.#seatsWaiting += turn.seats
    const queueLength = queue.waiting.length
    bound(queue)
    this.#dispatch(turn)
    if (turn.state === 'executing') return { type: 'begun', turn }
    this.#tellDemand(nowMs)
    return { type: 'waits', turn, queueLength }
  }

  /** The request is done: its seats are free, or will be when its extra time is over. */
  finish(given: Turn<Request>): void {
    const turn = given as OwnTurn<Request>
    if (turn.state !== 'executing') throw new Error(`a turn that is ${turn.state} cannot end`)
    const nowMs = this.#advance()
    this.#executing.remove(turn.slot)
    const { queue } = turn
    if (queue) {
      queue.executing--
      queue.nextDispatchR -= turn.work.initialSeats * (estimatedServiceMs - (nowMs - turn.startedMs))
      bound(queue)
      if (queue.executing === 0 && queue.waiting.length === 0) this.#activeQueues--
    }
    if (turn.finalMs <= 0) {
      this.#release(turn, nowMs)
      this.#dispatch()
      return
    }
    turn.state = 'lingering'
    this.#lingering++
    this.#dispatch()
    this.#clock.after(turn.finalMs, () => {
      this.#lingering--
      this.#release(turn, this.#advance())
      this.#dispatch()
    })
  }

  /** The request waits no longer. False when it does not wait any more. */
  cancel(given: Turn<Request>): boolean {
    const turn = given as OwnTurn<Request>
    if (turn.state !== 'waiting') return false
    const nowMs = this.#advance()
    turn.state = 'over'
    const queue = turn.queue!
    queue.waiting.splice(queue.waiting.indexOf(turn), 1)
    this.#leaveQueue(queue, turn)
    this.#seatsInQueues -= turn.seats
    bound(queue)
    if (queue.waiting.length === 0 && queue.executing === 0) this.#activeQueues--
    this.#tellDemand(nowMs)
    return true
  }

  /** What is there now, for those who look for what is wrong. */
  dump(): QueueSetDump<Request> {
    const executing = [...this.#executing]
    const number = this.#queuing.type === 'queue' ? this.#queuing.queues : 0
    const queues = Array.from({ length: Math.max(number, this.#queues.length) }, (_, index) => {
      const queue = this.#queues[index]
      return {
        waiting: queue?.waiting ?? [],
        executing: executing.filter((turn) => turn.queue === queue && queue !== undefined),
        seatsInUse: queue?.seatsInUse ?? 0,
        nextDispatchR: queue?.nextDispatchR ?? 0,
        workWaiting: queue?.workWaiting ?? 0,
      }
    })
    return { queues, withoutQueue: executing.filter(({ queue }) => !queue) }
  }

  /** Brings virtual time up to the clock's: it runs at the speed at which each queue with requests is served. */
  #advance(): number {
    const nowMs = this.#clock.monotonic()
    const elapsed = nowMs - this.#lastMs
    this.#lastMs = nowMs
    if (elapsed > 0 && this.#activeQueues > 0) {
      this.#currentR += (Math.min(this.#seatsInQueues, this.#limit) / this.#activeQueues) * elapsed
    }
    return nowMs
  }

  #turn(
    request: Request,
    work: WorkEstimate,
    queue: Queue<Request> | undefined,
    nowMs: number,
  ): OwnTurn<Request> {
    return {
      request,
      work,
      queue,
      state: 'waiting',
      arrivedMs: nowMs,
      startedMs: 0,
      arrivalR: this.#currentR,
      seats: seatsOf(work),
      totalWork: work.initialSeats * estimatedServiceMs + work.finalSeats * work.additionalLatencyMs,
      finalMs: work.additionalLatencyMs,
      slot: -1,
    }
  }

  /** Of the flow's queues the one with least work, beginning with another each time. */
  #shortest(hand: readonly number[]): Queue<Request> {
    const offset = this.#enqueued++ % hand.length
    let best: Queue<Request> | undefined
    for (let step = 0; step < hand.length; step++) {
      const index = hand[(offset + step) % hand.length]!
      const queue = (this.#queues[index] ??= newQueue(index))
      if (queue.workWaiting === 0) return queue
      if (!best || queue.workWaiting < best.workWaiting) best = queue
    }
    return best!
  }

  #fits(seats: number): boolean {
    if (this.#queuing.type === 'exempt') return true
    // A request larger than the level would wait for ever: it may go alone.
    if (seats > this.#limit) return this.#executing.size === 0 && this.#lingering === 0
    return this.#seatsInUse + seats <= this.#limit
  }

  /** Begins what can begin. The caller of `start` sees by its state that `own` does: nobody is told. */
  #dispatch(own?: OwnTurn<Request>): void {
    while (this.#waiting > 0 && (this.#seatsInUse < this.#limit || this.#queuing.type === 'exempt')) {
      const queue = this.#next()
      const turn = queue.waiting[0]!
      if (!this.#fits(turn.seats)) {
        this.#listener.onNoAccommodation?.(turn)
        return
      }
      this.#lastServed = queue.index
      queue.waiting.shift()
      this.#leaveQueue(queue, turn)
      const { finalSeats } = turn.work
      if (finalSeats > this.#limit) {
        turn.finalMs = (finalSeats * turn.work.additionalLatencyMs) / Math.max(1, this.#limit)
      }
      queue.executing++
      queue.seatsInUse += turn.seats
      queue.nextDispatchR += turn.totalWork
      bound(queue)
      this.#begin(turn, this.#lastMs)
      if (turn !== own) this.#listener.onDispatch(turn)
    }
  }

  /** The queue whose first request would end first; among equals, the one behind that which was served last. */
  #next(): Queue<Request> {
    let best: Queue<Request> | undefined
    let bestR = Infinity
    let bestDistance = 0
    const size = this.#queues.length
    for (const queue of this.#waitingQueues) {
      const finishR = queue.nextDispatchR + queue.waiting[0]!.totalWork
      if (finishR > bestR) continue
      const distance = (queue.index - this.#lastServed - 1 + size) % size
      if (best && finishR === bestR && distance > bestDistance) continue
      best = queue
      bestR = finishR
      bestDistance = distance
    }
    return best!
  }

  #leaveQueue(queue: Queue<Request>, turn: OwnTurn<Request>): void {
    queue.seatsWaiting -= turn.seats
    queue.workWaiting = queue.waiting.length === 0 ? 0 : queue.workWaiting - turn.totalWork
    if (queue.waiting.length === 0) this.#waitingQueues.delete(queue)
    this.#waiting--
    this.#seatsWaiting -= turn.seats
  }

  #begin(turn: OwnTurn<Request>, nowMs: number): void {
    turn.state = 'executing'
    turn.startedMs = nowMs
    turn.slot = this.#executing.add(turn)
    this.#seatsInUse += turn.seats
    this.#tellDemand(nowMs)
  }

  #release(turn: OwnTurn<Request>, nowMs: number): void {
    turn.state = 'over'
    this.#seatsInUse -= turn.seats
    if (turn.queue) {
      turn.queue.seatsInUse -= turn.seats
      this.#seatsInQueues -= turn.seats
    }
    this.#tellDemand(nowMs)
  }

  #tellDemand(nowMs: number): void {
    this.#listener.onDemand?.(this.#seatsInUse + this.#seatsWaiting, nowMs)
  }
}

export interface QueueSetDump<Request> {
  readonly queues: readonly {
    readonly waiting: readonly Turn<Request>[]
    readonly executing: readonly Turn<Request>[]
    readonly seatsInUse: number
    readonly nextDispatchR: number
    readonly workWaiting: number
  }[]
  readonly withoutQueue: readonly Turn<Request>[]
}

export function seatsOf({ initialSeats, finalSeats }: WorkEstimate): number {
  return Math.max(initialSeats, finalSeats)
}

function newQueue<Request>(index: number): Queue<Request> {
  return {
    index,
    waiting: [],
    nextDispatchR: 0,
    executing: 0,
    seatsInUse: 0,
    seatsWaiting: 0,
    workWaiting: 0,
  }
}

/** No queue may begin a request before it came: time in which a queue was empty is not saved up. */
function bound<Request>(queue: Queue<Request>): void {
  const first = queue.waiting[0]
  if (first && queue.nextDispatchR < first.arrivalR) queue.nextDispatchR = first.arrivalR
}
