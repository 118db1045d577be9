import { readdirSync, readFileSync } from 'node:fs'
import type { Clock } from './clock.ts'
import type { Metrics } from './metrics.ts'

const pageBytes = 4096

/** What every Prometheus client tells of its process. Returns what brings the numbers up to date. */
export function observeProcess(metrics: Metrics, clock: Clock): () => void {
  const gauge = (name: string, help: string) => metrics.gauge({ name, help }).with({})
  const cpuSeconds = metrics
    .counter({ name: 'process_cpu_seconds_total', help: 'User and system CPU time.' })
    .with({})
  const residentBytes = gauge('process_resident_memory_bytes', 'Resident memory.')
  const virtualBytes = gauge('process_virtual_memory_bytes', 'Virtual memory.')
  const heapBytes = gauge('nodejs_heap_size_used_bytes', 'Memory that JavaScript objects take.')
  const openFiles = gauge('process_open_fds', 'Open file descriptors.')
  const mostFiles = gauge('process_max_fds', 'The most file descriptors that may be open.')
  const uptimeSeconds = gauge('process_uptime_seconds', 'Age of the process.')
  gauge('process_start_time_seconds', 'When the process began, since the epoch.').set(
    clock.now() / 1000 - process.uptime(),
  )
  return () => {
    const { user, system } = process.cpuUsage()
    const { rss, heapUsed } = process.memoryUsage()
    cpuSeconds.add(Math.max(0, (user + system) / 1e6 - cpuSeconds.value))
    residentBytes.set(rss)
    heapBytes.set(heapUsed)
    uptimeSeconds.set(process.uptime())
    if (process.platform !== 'linux') return
    virtualBytes.set(Number(readFileSync('/proc/self/statm', 'utf8').split(' ', 1)[0]) * pageBytes)
    openFiles.set(readdirSync('/proc/self/fd').length)
    const limit = /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    if (limit !== undefined) mostFiles.set(Number(limit))
  }
}
