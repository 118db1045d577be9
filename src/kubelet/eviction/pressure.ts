import { isCrossed, pressureOf, type NodePressure, type Readings, type Threshold } from './threshold.ts'

/** What is remembered of thresholds between two looks at the node. */
export interface PressureMemory {
  /** When each threshold that is crossed was found so first. */
  readonly crossedSinceMs: ReadonlyMap<Threshold, number>
  /** When each pressure was seen last. */
  readonly seenAtMs: ReadonlyMap<NodePressure, number>
}

export interface Pressures {
  readonly memory: PressureMemory
  /** What the node tells: what was seen within the transition period. */
  readonly conditions: ReadonlySet<NodePressure>
  /** Crossed for longer than their grace, the most urgent first: memory before the rest, hard before soft. */
  readonly due: readonly Threshold[]
}

export const noPressure: PressureMemory = { crossedSinceMs: new Map(), seenAtMs: new Map() }

/** Which thresholds call for evictions now: a pure function of what was read and what was before. */
export function findPressures(
  thresholds: readonly Threshold[],
  readings: Readings,
  before: PressureMemory,
  now: number,
  transitionPeriodMs: number,
): Pressures {
  const crossedSinceMs = new Map<Threshold, number>()
  const seenAtMs = new Map(before.seenAtMs)
  for (const threshold of thresholds) {
    const reading = readings.get(threshold.signal)
    const sinceMs = before.crossedSinceMs.get(threshold)
    if (!reading || !isCrossed(threshold, reading, sinceMs !== undefined)) continue
    crossedSinceMs.set(threshold, sinceMs ?? now)
    seenAtMs.set(pressureOf[threshold.signal], now)
  }
  const conditions = new Set<NodePressure>()
  for (const [pressure, atMs] of seenAtMs) {
    if (now - atMs < transitionPeriodMs || atMs === now) conditions.add(pressure)
    else seenAtMs.delete(pressure)
  }
  const due = [...crossedSinceMs]
    .filter(([{ graceMs }, sinceMs]) => now - sinceMs >= graceMs)
    .map(([threshold]) => threshold)
    .sort((a, b) => urgency(a) - urgency(b))
  return { memory: { crossedSinceMs, seenAtMs }, conditions, due }
}

function urgency({ signal, graceMs }: Threshold): number {
  return (signal === 'memory.available' ? 0 : 2) + (graceMs === 0 ? 0 : 1)
}
