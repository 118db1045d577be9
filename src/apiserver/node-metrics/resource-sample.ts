/** What a kubelet says of its node and the containers on it, as of one look. */
export interface ResourceSample {
  /** Undefined when the kubelet does not say. */
  readonly node: UsageSample | undefined
  /** By `namespace/pod`, then by container. */
  readonly pods: ReadonlyMap<string, ReadonlyMap<string, ContainerSample>>
}

export interface UsageSample {
  /** When it was so, milliseconds since the epoch. */
  readonly timestampMs: number
  /** CPU time used since the start, in core-seconds. */
  readonly cpuSeconds: number
  readonly memoryBytes: number
}

export interface ContainerSample extends UsageSample {
  /** When it started, milliseconds since the epoch. */
  readonly startedMs: number | undefined
}

type Part = 'cpu' | 'memory' | 'start'

const families: Readonly<Record<string, Part>> = {
  node_cpu_usage_seconds_total: 'cpu',
  node_memory_working_set_bytes: 'memory',
  container_cpu_usage_seconds_total: 'cpu',
  container_memory_working_set_bytes: 'memory',
  container_start_time_seconds: 'start',
}

interface Reading {
  readonly value: number
  readonly timestampMs: number
}

type Readings = Partial<Record<Part, Reading>>

/** `name{labels} value timestamp`, the latter two as Prometheus writes numbers. */
const line = /^([a-z_]+)(?:\{([^}]*)\})? (\S+)(?: (\S+))?$/
const label = /([a-z_]+)="((?:[^"\\]|\\.)*)"/g

/**
 * Reads the kubelet's /metrics/resource. What says only a part of a container's usage counts as not there, as for
 * metrics-server. `nowMs` stands where a line brings no time.
 */
export function parseResourceSample(text: string, nowMs: number): ResourceSample {
  const node: Readings = {}
  const pods = new Map<string, Map<string, Readings>>()
  for (const row of text.split('\n')) {
    const [, family = '', labels, value = '', timestamp] = line.exec(row) ?? []
    const part = families[family]
    if (part === undefined) continue
    const reading = { value: Number(value), timestampMs: timestamp === undefined ? nowMs : Number(timestamp) }
    if (labels === undefined) node[part] = reading
    else readingsOf(pods, labels)[part] = reading
  }
  return { node: usageOf(node), pods: new Map(Array.from(pods, ([key, own]) => [key, containersOf(own)])) }
}

function readingsOf(pods: Map<string, Map<string, Readings>>, labels: string): Readings {
  const named = Object.fromEntries(Array.from(labels.matchAll(label), ([, name, value]) => [name, value]))
  const key = `${named['namespace'] ?? ''}/${named['pod'] ?? ''}`
  let containers = pods.get(key)
  if (!containers) pods.set(key, (containers = new Map()))
  const container = named['container'] ?? ''
  let readings = containers.get(container)
  if (!readings) containers.set(container, (readings = {}))
  return readings
}

function containersOf(readings: ReadonlyMap<string, Readings>): ReadonlyMap<string, ContainerSample> {
  const containers = new Map<string, ContainerSample>()
  for (const [name, own] of readings) {
    const usage = usageOf(own)
    if (usage) containers.set(name, { ...usage, startedMs: own.start && own.start.value * 1000 })
  }
  return containers
}

function usageOf({ cpu, memory }: Readings): UsageSample | undefined {
  if (!cpu || !memory) return undefined
  return { timestampMs: cpu.timestampMs, cpuSeconds: cpu.value, memoryBytes: memory.value }
}
