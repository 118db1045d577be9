import { allocate, type Claim } from './allocate.ts'
import type { SeatDemand } from './seat-demand.ts'

/** The seats that a level's configuration gives it. */
export interface SeatLimits {
  readonly nominal: number
  /** Without what it may lend. */
  readonly lower: number
  /** With what it may borrow. */
  readonly upper: number
}

export interface Shares {
  readonly nominalConcurrencyShares?: number
  readonly lendablePercent?: number
  readonly borrowingLimitPercent?: number
}

/** A level's limits, of a server with `serverSeats` that levels with `allShares` share. */
export function seatLimits(
  { nominalConcurrencyShares = 0, lendablePercent = 0, borrowingLimitPercent }: Shares,
  serverSeats: number,
  allShares: number,
): SeatLimits {
  const nominal = allShares > 0 ? Math.ceil((serverSeats * nominalConcurrencyShares) / allShares) : 0
  const lendable = Math.round((nominal * lendablePercent) / 100)
  const borrowable =
    borrowingLimitPercent === undefined ? serverSeats : Math.round((nominal * borrowingLimitPercent) / 100)
  return { nominal, lower: nominal - lendable, upper: nominal + borrowable }
}

export interface LevelDemand {
  readonly name: string
  readonly isExempt: boolean
  readonly limits: SeatLimits
  readonly demand: SeatDemand
}

export interface Adjustment {
  /** How many seats each level has from now on, and what it would have if there were enough for all. */
  readonly levels: ReadonlyMap<string, { readonly seats: number; readonly target: number }>
  /** What of their targets levels get that no bound holds. 0 when there are not enough seats to be fair with. */
  readonly fairFraction: number
}

/** Lends seats that are not used to levels that want them. Source: the borrowing of apf_controller.go. */
export function adjustSeats(levels: readonly LevelDemand[]): Adjustment {
  const nominalSum = levels.reduce((all, { limits }) => all + limits.nominal, 0)
  const adjusted = new Map<string, { seats: number; target: number }>()
  let remaining = nominalSum
  for (const { name, isExempt, limits, demand } of levels) {
    if (!isExempt) continue
    const seats = Math.max(limits.lower, demand.highWatermark)
    adjusted.set(name, { seats, target: seats })
    remaining -= seats
  }
  const limited = levels.filter(({ isExempt }) => !isExempt)
  const claims: readonly Claim[] = limited.map(({ limits, demand }) => {
    const lower = Math.max(limits.lower, Math.min(limits.nominal, demand.highWatermark))
    return { lower, upper: limits.upper, target: Math.max(lower, demand.smoothed) }
  })
  const guaranteed = limited.reduce((all, { limits }) => all + limits.lower, 0)
  const wanted = claims.reduce((all, { lower }) => all + lower, 0)
  const fair = remaining > wanted ? allocate(nominalSum, claims) : undefined
  const share = remaining > guaranteed ? (remaining - guaranteed) / (wanted - guaranteed) : 0
  for (const [index, { name, limits }] of limited.entries()) {
    const { lower, target } = claims[index]!
    let seats = limits.lower
    if (fair) seats = Math.round(fair.shares[index]!)
    else if (remaining > wanted) seats = limits.nominal
    else if (remaining > guaranteed) seats = limits.lower + Math.round((lower - limits.lower) * share)
    adjusted.set(name, { seats, target })
  }
  return { levels: adjusted, fairFraction: fair?.proportion ?? 0 }
}
