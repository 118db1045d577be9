/** What an integrator saw between two readings. */
export interface Observed {
  readonly durationMs: number
  readonly average: number
  readonly deviation: number
  readonly max: number
}

/** Integrates a step function over time. Source: k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing/integrator.go. */
export class Integrator {
  #value = 0
  #sinceMs: number
  #beganMs: number
  #sum = 0
  #squares = 0
  #max = 0

  constructor(nowMs: number) {
    this.#sinceMs = nowMs
    this.#beganMs = nowMs
  }

  set(value: number, nowMs: number): void {
    this.#settle(nowMs)
    this.#value = value
    if (value > this.#max) this.#max = value
  }

  /** What was seen since the last reading, which begins anew. */
  read(nowMs: number): Observed {
    this.#settle(nowMs)
    const durationMs = nowMs - this.#beganMs
    const average = durationMs > 0 ? this.#sum / durationMs : 0
    const variance = durationMs > 0 ? this.#squares / durationMs - average ** 2 : 0
    const observed = { durationMs, average, deviation: Math.sqrt(Math.max(0, variance)), max: this.#max }
    this.#beganMs = nowMs
    this.#sum = 0
    this.#squares = 0
    this.#max = this.#value
    return observed
  }

  #settle(nowMs: number): void {
    const elapsed = nowMs - this.#sinceMs
    this.#sum += elapsed * this.#value
    this.#squares += elapsed * this.#value ** 2
    this.#sinceMs = nowMs
  }
}

/** How many seats a level has lately wanted. */
export interface SeatDemand {
  readonly average: number
  readonly deviation: number
  readonly highWatermark: number
  /** Follows a rise at once and a fall slowly. */
  readonly smoothed: number
}

export const noDemand: SeatDemand = { average: 0, deviation: 0, highWatermark: 0, smoothed: 0 }

const smoothing = 0.977

export function updatedDemand(before: SeatDemand, seen: Observed): SeatDemand {
  const highWatermark = Math.round(seen.max)
  if (seen.durationMs <= 0) return { ...before, highWatermark }
  const { average, deviation } = seen
  const envelope = average + deviation
  const smoothed = Math.max(envelope, smoothing * before.smoothed + (1 - smoothing) * envelope)
  return { average, deviation, highWatermark, smoothed }
}
