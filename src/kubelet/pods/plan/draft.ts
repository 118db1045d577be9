import { actionKey, type Action } from './action.ts'
import type { Plan, PlanInput, Waiting } from './input.ts'

/** A plan in the making: what the parts of the planner write into. */
export class PlanDraft {
  readonly actions: Action[] = []
  readonly waiting = new Map<string, Waiting>()
  wakeAtMs = Infinity
  readonly #input: PlanInput

  constructor(input: PlanInput) {
    this.#input = input
  }

  /** Adds an action unless it is under way or waits to be tried again. True when it was added. */
  add(action: Action): boolean {
    const key = actionKey(action)
    if (this.#input.memory.inFlight.has(key)) return false
    const retryAtMs = this.#input.memory.retries.get(key)
    if (retryAtMs !== undefined && retryAtMs > this.#input.now) {
      this.wakeAt(retryAtMs)
      return false
    }
    this.actions.push(action)
    return true
  }

  wakeAt(timeMs: number): void {
    this.wakeAtMs = Math.min(this.wakeAtMs, timeMs)
  }

  wait(name: string, waiting: Waiting): void {
    this.waiting.set(name, waiting)
  }

  done(outcome: { readonly stopped: boolean; readonly removed: boolean }): Plan {
    return { actions: this.actions, waiting: this.waiting, wakeAtMs: this.wakeAtMs, ...outcome }
  }
}
