import { performance } from 'node:perf_hooks'
import { every, type Cancel, type Clock } from '../machinery/clock.ts'

/** What decides, and is done: replaced in tests. */
export interface Heap {
  /** The share of the time since the last call that the process was at work, 0 to 1. */
  workload(): number
  /** What the process holds in memory, and the objects' part of that, in bytes. */
  usage(): { readonly residentBytes: number; readonly heapBytes: number }
  /** Collects all garbage and gives free memory back to the system. */
  collect(): void
}

const sampleMs = 1_000
/** Below this share, for so many samples, the process counts as at rest. */
const restShare = 0.15
const restSamples = 10
/** A rest after which less than this has come since the last collection is none of ours. */
const worthwhileBytes = 8_000_000
/** To collect a larger heap stops the process for longer than a request may wait. */
const mostHeapBytes = 150_000_000

/**
 * Gives back what work left behind when a process comes to rest. V8 lets the space of new objects grow while there is
 * work, which keeps collections rare, and holds on to it afterwards: 20 MB of an idle cluster's API server. (Its flag
 * `--optimize-for-size` never lets it grow; a busy server then spends half its time in collections.)
 * Does nothing in a process that was not started with `--expose-gc`.
 */
export function collectAtRest(clock: Clock, heap: Heap | undefined = v8Heap()): Cancel {
  if (!heap) return () => {}
  let left = 0
  let samples = 0
  return every(clock, sampleMs, () => {
    samples = heap.workload() < restShare ? samples + 1 : 0
    if (samples < restSamples) return
    samples = 0
    const { residentBytes, heapBytes } = heap.usage()
    if (heapBytes > mostHeapBytes || residentBytes < left + worthwhileBytes) return
    heap.collect()
    left = heap.usage().residentBytes
  })
}

function v8Heap(): Heap | undefined {
  const { gc } = globalThis
  if (!gc) return undefined
  let last = performance.eventLoopUtilization()
  return {
    workload() {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, last)
      last = now
      return utilization
    },
    usage() {
      const { rss, heapUsed } = process.memoryUsage()
      return { residentBytes: rss, heapBytes: heapUsed }
    },
    collect() {
      gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    },
  }
}
