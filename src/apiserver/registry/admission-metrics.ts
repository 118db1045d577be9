import type { Histogram, Metrics } from '../../machinery/metrics.ts'
import type { Operation } from '../admission/plugin.ts'

/** A step of admission, in upstream's words: mutation is `admit`. */
export type AdmissionStep = 'admit' | 'validate'

/** Seconds. */
const buckets = [0.005, 0.025, 0.1, 0.5, 1, 2.5]

/** Times admission and its plugins, under upstream's names. Source: k8s.io/apiserver/pkg/admission/metrics. */
export class AdmissionMetrics {
  readonly #plugins
  readonly #steps
  /** By what the labels are made of: looking labels up for each plugin costs more than most plugins. */
  readonly #series = new Map<string, Histogram>()

  constructor(metrics: Metrics) {
    this.#plugins = metrics.histogram({
      name: 'apiserver_admission_controller_admission_duration_seconds',
      help: 'How long admission plugins took, by plugin, operation and type (validate or admit).',
      labels: ['name', 'type', 'operation', 'rejected'],
      buckets,
      stability: 'STABLE',
    })
    this.#steps = metrics.histogram({
      name: 'apiserver_admission_step_admission_duration_seconds',
      help: 'How long all admission plugins took together, by operation and type (validate or admit).',
      labels: ['type', 'operation', 'rejected'],
      buckets,
      stability: 'STABLE',
    })
  }

  observePlugin(name: string, type: AdmissionStep, operation: Operation, ms: number, failed: boolean): void {
    const rejected = String(failed)
    this.#seriesOf(`${name} ${type} ${operation} ${rejected}`, () =>
      this.#plugins.with({ name, type, operation, rejected }),
    ).observe(ms / 1000)
  }

  observeStep(type: AdmissionStep, operation: Operation, ms: number, failed: boolean): void {
    const rejected = String(failed)
    this.#seriesOf(`${type} ${operation} ${rejected}`, () =>
      this.#steps.with({ type, operation, rejected }),
    ).observe(ms / 1000)
  }

  #seriesOf(key: string, make: () => Histogram): Histogram {
    let series = this.#series.get(key)
    if (!series) this.#series.set(key, (series = make()))
    return series
  }
}
