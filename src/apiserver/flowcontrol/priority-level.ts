import type {
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../../api/generated/flowcontrol.v1.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { User } from '../authentication/authenticator.ts'
import type { RequestInfo } from '../request-info.ts'
import type { SeatLimits, Shares } from './borrowing.ts'
import type { Flow } from './flow.ts'
import { QueueSet, seatsOf, type Queuing, type Turn } from './queue-set.ts'
import { RetryAfter } from './retry-after.ts'
import { Integrator, noDemand, updatedDemand, type SeatDemand } from './seat-demand.ts'

/** A request as its queue knows it. */
export interface FlowRequest {
  readonly flow: Flow
  readonly distinguisher: string
  readonly info: RequestInfo
  readonly user: User
  /** Called when a request that waits may begin. */
  begin: (() => void) | undefined
}

/** What of a level one request may take. Source: k8s.io/apiserver/pkg/util/flowcontrol. */
const maxSeatsShare = 0.15

/** A priority level at work. It outlives its object as long as requests are under way. */
export class PriorityLevel {
  readonly name: string
  readonly queues: QueueSet<FlowRequest>
  readonly retryAfter = new RetryAfter()
  readonly counts = { dispatched: 0, rejected: 0, cancelled: 0 }
  readonly #clock: Clock
  readonly #integrator: Integrator
  #configuration: PriorityLevelConfiguration
  #queuing: Queuing
  #limits: SeatLimits = { nominal: 0, lower: 0, upper: 0 }
  #demand: SeatDemand = noDemand
  /** Its object is gone. */
  isQuiescing = false

  constructor(configuration: PriorityLevelConfiguration, clock: Clock) {
    this.name = configuration.metadata?.name ?? ''
    this.#clock = clock
    this.#configuration = configuration
    this.#queuing = queuingOf(configuration.spec)
    this.#integrator = new Integrator(clock.monotonic())
    this.queues = new QueueSet<FlowRequest>(
      clock,
      {
        onDispatch: ({ request }) => request.begin?.(),
        onDemand: (seats, nowMs) => this.#integrator.set(seats, nowMs),
        onNoAccommodation: ({ request }) => request.flow.metrics.noAccommodation.add(),
      },
      this.#queuing,
      0,
    )
  }

  get uid(): string {
    return this.#configuration.metadata?.uid ?? ''
  }

  get queuing(): Queuing {
    return this.#queuing
  }

  get isExempt(): boolean {
    return this.#queuing.type === 'exempt'
  }

  get limits(): SeatLimits {
    return this.#limits
  }

  get demand(): SeatDemand {
    return this.#demand
  }

  get shares(): Shares {
    const { limited, exempt } = this.#configuration.spec ?? {}
    return limited ?? exempt ?? {}
  }

  /** What one request may take of it, where it has queues. */
  get maxSeats(): number | undefined {
    if (this.#queuing.type !== 'queue') return undefined
    const { nominal } = this.#limits
    const { handSize } = this.#queuing
    return Math.max(1, Math.min(Math.ceil(nominal * maxSeatsShare), Math.floor(nominal / handSize)))
  }

  update(configuration: PriorityLevelConfiguration): void {
    this.#configuration = configuration
    this.#queuing = queuingOf(configuration.spec)
    this.isQuiescing = false
  }

  /** Takes what it has by its configuration, before it is lent or borrowed. */
  limit(limits: SeatLimits): void {
    this.#limits = limits
  }

  /** Looks at how many seats were wanted since it last did. */
  measureDemand(): SeatDemand {
    this.#demand = updatedDemand(this.#demand, this.#integrator.read(this.#clock.monotonic()))
    return this.#demand
  }

  /** Has so many seats from now on. */
  giveSeats(seats: number): void {
    this.queues.configure(this.#queuing, seats)
  }
}

/** Counts a turn in the gauges of its flow. */
export function noteExecuting({ request, work }: Turn<FlowRequest>, direction: 1 | -1): void {
  const { executing, seatsExecuting } = request.flow.metrics
  executing.add(direction)
  seatsExecuting.add(direction * seatsOf(work))
}

export function noteWaiting({ request, work }: Turn<FlowRequest>, direction: 1 | -1): void {
  const { waiting, seatsWaiting } = request.flow.metrics
  waiting.add(direction)
  seatsWaiting.add(direction * seatsOf(work))
}

function queuingOf(spec: PriorityLevelConfigurationSpec | undefined): Queuing {
  if (spec?.type === 'Exempt') return { type: 'exempt' }
  const queuing = spec?.limited?.limitResponse?.queuing
  if (!queuing) return { type: 'reject' }
  const { queues = 64, handSize = 8, queueLengthLimit = 50 } = queuing
  return { type: 'queue', queues, handSize, queueLengthLimit }
}
