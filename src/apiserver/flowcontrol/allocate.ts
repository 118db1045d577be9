/** What one class may get: at least `lower`, at most `upper`, and `target` as the measure of what is fair. */
export interface Claim {
  readonly lower: number
  readonly upper: number
  readonly target: number
}

const leastTarget = 0.001

/**
 * Shares `sum` out: each gets the same proportion of its target, within its bounds. Undefined when the bounds do not
 * allow it. Source: k8s.io/apiserver/pkg/util/flowcontrol/conc_alloc.go, which solves the same problem.
 */
export function allocate(
  sum: number,
  claims: readonly Claim[],
): { readonly shares: readonly number[]; readonly proportion: number } | undefined {
  const items = claims.map(({ lower, upper, target }) => ({
    lower,
    upper,
    target: Math.max(target, leastTarget),
  }))
  const total = (proportion: number) =>
    items.reduce((all, item) => all + clamp(item, proportion * item.target), 0)
  const least = items.reduce((all, { lower }) => all + lower, 0)
  const most = items.reduce((all, { upper }) => all + upper, 0)
  if (sum < least - 1e-7 || sum > most + 1e-7) return undefined
  // The total grows with the proportion, in straight pieces that meet where a bound is reached.
  const bends = items.flatMap(({ lower, upper, target }) => [lower / target, upper / target])
  let low = 0
  for (const high of bends.toSorted((a, b) => a - b)) {
    const above = total(high)
    if (above < sum) {
      low = high
      continue
    }
    const below = total(low)
    const proportion = above > below ? low + ((sum - below) / (above - below)) * (high - low) : high
    return { shares: items.map((item) => clamp(item, proportion * item.target)), proportion }
  }
  return { shares: items.map(({ upper }) => upper), proportion: low }
}

function clamp({ lower, upper }: Claim, value: number): number {
  return Math.max(lower, Math.min(upper, value))
}
