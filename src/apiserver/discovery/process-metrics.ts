import type { Metrics } from '../../machinery/metrics.ts'

/** What every Prometheus client tells of its process. Returns what brings the numbers up to date. */
export function observeProcess(metrics: Metrics): () => void {
  const cpuSeconds = metrics
    .counter({ name: 'process_cpu_seconds_total', help: 'User and system CPU time.' })
    .with({})
  const residentBytes = metrics
    .gauge({ name: 'process_resident_memory_bytes', help: 'Resident memory.' })
    .with({})
  const heapBytes = metrics
    .gauge({ name: 'nodejs_heap_size_used_bytes', help: 'Memory that JavaScript objects take.' })
    .with({})
  const uptimeSeconds = metrics
    .gauge({ name: 'process_uptime_seconds', help: 'Age of the process.' })
    .with({})
  return () => {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    cpuSeconds.add(Math.max(0, (user + system) / 1e6 - cpuSeconds.value))
    residentBytes.set(rss)
    heapBytes.set(heapUsed)
    uptimeSeconds.set(process.uptime())
  }
}
