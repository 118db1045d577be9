/**
 * Numbers about a running process, in Prometheus' data model and text format (version 0.0.4). Names, labels and buckets
 * are upstream's, so that existing dashboards and alerts read them.
 */

/** What of a metric never changes. */
export interface MetricOptions<Label extends string = never> {
  /** As upstream names it: `workqueue_depth`. */
  readonly name: string
  readonly help: string
  /** Label names, in the order they are written. */
  readonly labels?: readonly Label[]
  /** Written in front of the help text, as upstream does. Default `ALPHA`. */
  readonly stability?: 'ALPHA' | 'BETA' | 'STABLE'
}

export interface HistogramOptions<Label extends string = never> extends MetricOptions<Label> {
  /** Upper bounds, ascending, without +Inf. */
  readonly buckets: readonly number[]
}

/** The values of all labels of one series. */
export type Labels<Label extends string> = Readonly<Record<Label, string>>

/** One metric: a family of series, one per combination of label values. */
export interface Metric<Series, Label extends string> {
  /** The series with these label values; made on first use. Hold on to it where it is written often. */
  with(labels: Labels<Label>): Series
  /** Forgets the series with these label values. */
  remove(labels: Labels<Label>): void
}

/** Only grows. */
export interface Counter {
  readonly value: number
  /** Adds `amount`, at least 0; 1 when absent. */
  add(amount?: number): void
}

export interface Gauge {
  readonly value: number
  set(value: number): void
  add(amount: number): void
}

export interface Histogram {
  readonly count: number
  readonly sum: number
  observe(value: number): void
}

/** All metrics of a process. Asking for a metric that exists returns it; a different type or labels is a mistake and throws. */
export interface Metrics {
  counter<Label extends string = never>(options: MetricOptions<Label>): Metric<Counter, Label>
  gauge<Label extends string = never>(options: MetricOptions<Label>): Metric<Gauge, Label>
  histogram<Label extends string = never>(options: HistogramOptions<Label>): Metric<Histogram, Label>
  /** Calls `collect` before each encoding, for gauges that are cheaper to compute than to keep. Returns what ends it. */
  onCollect(collect: () => void): () => void
  /** Prometheus text format; serve it as metricsContentType. */
  text(): string
}

export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8'

/** Prometheus' own, for seconds. */
export const defaultBuckets: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** `count` bounds, each `factor` times the one before. */
export function exponentialBuckets(start: number, factor: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => start * factor ** index)
}

/** `count` bounds, each `width` more than the one before. */
export function linearBuckets(start: number, width: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => start + width * index)
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>()
  const collectors = new Set<() => void>()

  function family<Series extends Encodable, Label extends string>(
    type: Family['type'],
    options: MetricOptions<Label>,
    create: () => Series,
  ): Metric<Series, Label> {
    const labelNames = options.labels ?? []
    const known = families.get(options.name)
    if (known) {
      if (known.type !== type || known.labelNames.join() !== labelNames.join())
        throw new Error(
          `metric ${options.name} exists as ${known.type} with labels [${known.labelNames.join()}]`,
        )
      return known.metric as Metric<Series, Label>
    }
    const series = new Map<string, Series>()
    const metric: Metric<Series, Label> = {
      with(labels) {
        const key = encodeLabels(labelNames, labels)
        let found = series.get(key)
        if (!found) series.set(key, (found = create()))
        return found
      },
      remove: (labels) => void series.delete(encodeLabels(labelNames, labels)),
    }
    const { name, help, stability = 'ALPHA' } = options
    families.set(name, { type, labelNames, metric, series, help: `[${stability}] ${help}` })
    return metric
  }

  return {
    counter: (options) => family('counter', options, createCounter),
    gauge: (options) => family('gauge', options, createGauge),
    histogram: (options) => family('histogram', options, () => createHistogram(options.buckets)),
    onCollect(collect) {
      collectors.add(collect)
      return () => void collectors.delete(collect)
    },
    text() {
      for (const collect of collectors) collect()
      const lines: string[] = []
      for (const name of [...families.keys()].sort()) encodeFamily(lines, name, families.get(name)!)
      return lines.join('')
    },
  }
}

interface Family {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labelNames: readonly string[]
  readonly metric: unknown
  readonly series: ReadonlyMap<string, Encodable>
}

interface Encodable {
  /** Appends this series' lines; `labels` is `a="b",c="d"` or empty. */
  encode(lines: string[], name: string, labels: string): void
}

function encodeFamily(lines: string[], name: string, { type, help, series }: Family): void {
  if (series.size === 0) return
  lines.push(`# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n`)
  for (const labels of [...series.keys()].sort()) series.get(labels)!.encode(lines, name, labels)
}

function createCounter(): Counter & Encodable {
  let value = 0
  return {
    get value() {
      return value
    },
    add(amount = 1) {
      if (!(amount >= 0)) throw new RangeError(`a counter cannot grow by ${amount}`)
      value += amount
    },
    encode: (lines, name, labels) => void lines.push(sample(name, labels, value)),
  }
}

function createGauge(): Gauge & Encodable {
  let value = 0
  return {
    get value() {
      return value
    },
    set(to) {
      value = to
    },
    add(amount) {
      value += amount
    },
    encode: (lines, name, labels) => void lines.push(sample(name, labels, value)),
  }
}

function createHistogram(buckets: readonly number[]): Histogram & Encodable {
  const counts = new Float64Array(buckets.length + 1)
  let count = 0
  let sum = 0
  return {
    get count() {
      return count
    },
    get sum() {
      return sum
    },
    observe(value) {
      let bucket = 0
      while (bucket < buckets.length && value > buckets[bucket]!) bucket++
      counts[bucket]! += 1
      count += 1
      sum += value
    },
    encode(lines, name, labels) {
      const prefix = labels === '' ? '' : `${labels},`
      let cumulative = 0
      for (const [index, bound] of buckets.entries()) {
        cumulative += counts[index]!
        lines.push(sample(`${name}_bucket`, `${prefix}le="${formatNumber(bound)}"`, cumulative))
      }
      lines.push(sample(`${name}_bucket`, `${prefix}le="+Inf"`, count))
      lines.push(sample(`${name}_sum`, labels, sum), sample(`${name}_count`, labels, count))
    },
  }
}

function sample(name: string, labels: string, value: number): string {
  return labels === '' ? `${name} ${formatNumber(value)}\n` : `${name}{${labels}} ${formatNumber(value)}\n`
}

function formatNumber(value: number): string {
  if (value === Infinity) return '+Inf'
  return value === -Infinity ? '-Inf' : String(value)
}

function encodeLabels(names: readonly string[], labels: Readonly<Record<string, string>>): string {
  let encoded = ''
  for (const name of names) {
    const value = labels[name] ?? ''
    encoded += `${encoded === '' ? '' : ','}${name}="${escapeLabel(value)}"`
  }
  return encoded
}

function escapeLabel(value: string): string {
  if (!/[\\"\n]/.test(value)) return value
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapeHelp(help: string): string {
  return help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
}
