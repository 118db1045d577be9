import { runtimeCostBudget } from './limits.ts'

/** The cost that several evaluations share. Each evaluation spends its own; going below zero is exhaustion. */
export class CelBudget {
  #remaining: number

  constructor(limit: number = runtimeCostBudget) {
    this.#remaining = limit
  }

  get remaining(): number {
    return Math.max(0, this.#remaining)
  }

  get isExhausted(): boolean {
    return this.#remaining < 0
  }

  /** Whether the budget covered it. */
  spend(cost: number): boolean {
    this.#remaining -= cost
    return !this.isExhausted
  }
}
