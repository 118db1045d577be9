/** One value of a metric, in Prometheus' text format. */
export interface MetricLine {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
  /** When the value was; absent for now. */
  readonly timestampMs?: number
}

/** All values of one metric; nothing when there are none. */
export function metricFamily(
  name: string,
  help: string,
  type: 'counter' | 'gauge',
  lines: readonly MetricLine[],
): string {
  if (lines.length === 0) return ''
  const text = lines.map(({ labels, value, timestampMs }) => {
    // By name, as upstream's library writes them.
    const names = Object.keys(labels).sort()
    const pairs = names.map((name) => `${name}=${JSON.stringify(labels[name])}`)
    const series = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
    return timestampMs === undefined ? `${series} ${value}` : `${series} ${value} ${Math.round(timestampMs)}`
  })
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${text.join('\n')}\n`
}
