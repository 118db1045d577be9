import {
  type Counter,
  type Gauge,
  type Histogram,
  type Metric,
  type Metrics,
} from '../../machinery/metrics.ts'
import type { Adjustment } from './borrowing.ts'
import type { PriorityLevel } from './priority-level.ts'

/* Source: k8s.io/apiserver/pkg/util/flowcontrol/metrics. Seconds. */
const durationBuckets = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
const lengthBuckets = [0, 10, 25, 50, 100, 250, 500, 1000]
const watchBuckets = [0, 1, 10, 100, 1000, 10_000]
const seatBuckets = [1, 2, 4, 8, 16, 32, 64, 100]

type FlowLabel = 'priority_level' | 'flow_schema'
const flowLabels = ['priority_level', 'flow_schema'] as const
const levelLabels = ['priority_level'] as const

/** Of the requests that one flow schema sends to one level. */
export interface FlowMetrics {
  readonly dispatched: Counter
  readonly waitedAndBegan: Histogram
  readonly waitedInVain: Histogram
  readonly execution: Histogram
  readonly watchInitialization: Histogram
  readonly queueLength: Histogram
  readonly seats: Histogram
  readonly watchCounts: Histogram
  readonly noAccommodation: Counter
  readonly waiting: Gauge
  readonly seatsWaiting: Gauge
  readonly executing: Gauge
  readonly seatsExecuting: Gauge
  rejected(reason: string): void
}

/** What priority and fairness count, under upstream's names. */
export class FlowControlMetrics {
  readonly #metrics: Metrics
  readonly #flows = new Map<string, FlowMetrics>()
  readonly #nominal: LevelGauge
  readonly #lower: LevelGauge
  readonly #upper: LevelGauge
  readonly #current: LevelGauge
  readonly #target: LevelGauge
  readonly #average: LevelGauge
  readonly #deviation: LevelGauge
  readonly #highWatermark: LevelGauge
  readonly #smoothed: LevelGauge
  readonly #virtualTime: LevelGauge
  readonly #fairFraction: Gauge

  constructor(metrics: Metrics, levels: () => Iterable<PriorityLevel>) {
    this.#metrics = metrics
    const gauge = (name: string, help: string, stability?: 'BETA') =>
      metrics.gauge({ name: fullName(name), help, labels: levelLabels, ...(stability && { stability }) })
    this.#nominal = gauge('nominal_limit_seats', 'Seats that are a level’s own.', 'BETA')
    this.#lower = gauge('lower_limit_seats', 'Seats that a level keeps whatever it lends.')
    this.#upper = gauge('upper_limit_seats', 'Seats that a level has whatever it borrows.')
    this.#current = gauge('current_limit_seats', 'Seats that a level has now.')
    this.#target = gauge('target_seats', 'Seats that a level would have if there were enough for all.')
    this.#average = gauge('demand_seats_average', 'Seats wanted in the last period, on average.')
    this.#deviation = gauge('demand_seats_stdev', 'Standard deviation of the seats wanted.')
    this.#highWatermark = gauge('demand_seats_high_watermark', 'Most seats wanted in the last period.')
    this.#smoothed = gauge('demand_seats_smoothed', 'Seats wanted, falling slowly.')
    this.#virtualTime = gauge('current_r', 'Virtual time of a level, in seat-seconds.')
    const fairFraction = { name: fullName('seat_fair_frac'), help: 'What of their targets levels get.' }
    this.#fairFraction = metrics.gauge(fairFraction).with({})
    metrics.onCollect(() => {
      for (const { name, queues } of levels()) {
        this.#virtualTime.with({ priority_level: name }).set(queues.currentR / 1000)
      }
    })
  }

  /** The same for the same names, so that counts outlive the objects. */
  flow(level: string, schema: string): FlowMetrics {
    const key = `${level}/${schema}`
    let flow = this.#flows.get(key)
    if (!flow) this.#flows.set(key, (flow = this.#create({ priority_level: level, flow_schema: schema })))
    return flow
  }

  /** Notes what levels have been given. */
  adjusted(levels: Iterable<PriorityLevel>, { levels: adjusted, fairFraction }: Adjustment): void {
    this.#fairFraction.set(fairFraction)
    for (const { name, limits, demand } of levels) {
      const label = { priority_level: name }
      const { seats, target } = adjusted.get(name)!
      this.#nominal.with(label).set(limits.nominal)
      this.#lower.with(label).set(limits.lower)
      this.#upper.with(label).set(limits.upper)
      this.#current.with(label).set(seats)
      this.#target.with(label).set(target)
      this.#average.with(label).set(demand.average)
      this.#deviation.with(label).set(demand.deviation)
      this.#highWatermark.with(label).set(demand.highWatermark)
      this.#smoothed.with(label).set(demand.smoothed)
    }
  }

  #create(labels: Readonly<Record<FlowLabel, string>>): FlowMetrics {
    const metrics = this.#metrics
    const counter = (name: string, help: string, stability?: 'BETA') =>
      metrics
        .counter({ name: fullName(name), help, labels: flowLabels, ...(stability && { stability }) })
        .with(labels)
    const gauge = (name: string, help: string, stability?: 'BETA') =>
      metrics
        .gauge({ name: fullName(name), help, labels: flowLabels, ...(stability && { stability }) })
        .with(labels)
    const histogram = (name: string, help: string, buckets: readonly number[]) =>
      metrics.histogram({ name: fullName(name), help, labels: flowLabels, buckets }).with(labels)
    const wait = metrics.histogram({
      name: fullName('request_wait_duration_seconds'),
      help: 'Time that requests waited for their turn.',
      labels: [...flowLabels, 'execute'],
      buckets: durationBuckets,
      stability: 'BETA',
    })
    const execution = metrics.histogram({
      name: fullName('request_execution_seconds'),
      help: 'Time that requests, and beginnings of watches, took once it was their turn.',
      labels: [...flowLabels, 'type'],
      buckets: durationBuckets,
    })
    const rejected = metrics.counter({
      name: fullName('rejected_requests_total'),
      help: 'Requests that were turned away.',
      labels: [...flowLabels, 'reason'],
      stability: 'BETA',
    })
    return {
      dispatched: counter('dispatched_requests_total', 'Requests whose turn came.', 'BETA'),
      waitedAndBegan: wait.with({ ...labels, execute: 'true' }),
      waitedInVain: wait.with({ ...labels, execute: 'false' }),
      execution: execution.with({ ...labels, type: 'regular' }),
      watchInitialization: execution.with({ ...labels, type: 'watch' }),
      queueLength: histogram(
        'request_queue_length_after_enqueue',
        'Requests in the queue that a request came to, itself among them.',
        lengthBuckets,
      ),
      seats: histogram('work_estimated_seats', 'Seats that requests take.', seatBuckets),
      watchCounts: histogram('watch_count_samples', 'Watches that hear of a change.', watchBuckets),
      noAccommodation: counter(
        'request_dispatch_no_accommodation_total',
        'Times that the next in line needed more seats than were free.',
      ),
      waiting: gauge('current_inqueue_requests', 'Requests that wait.', 'BETA'),
      seatsWaiting: gauge('current_inqueue_seats', 'Seats that waiting requests will take.'),
      executing: gauge('current_executing_requests', 'Requests whose turn it is.', 'BETA'),
      seatsExecuting: gauge('current_executing_seats', 'Seats that are taken.', 'BETA'),
      rejected: (reason) => rejected.with({ ...labels, reason }).add(),
    }
  }
}

type LevelGauge = Metric<Gauge, 'priority_level'>

function fullName(name: string): string {
  return `apiserver_flowcontrol_${name}`
}
