import { formatQuantity, parseQuantity, quantityOf, quantityValue } from '../../machinery/quantity.ts'

/** What the node may run short of, as KubeletConfiguration names it. */
export const signals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'pid.available',
] as const
export type Signal = (typeof signals)[number]

export type NodePressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure'

/** What a signal says now, in its own unit: bytes, inodes, processes. */
export interface Reading {
  readonly available: number
  readonly capacity: number
}

export type Readings = ReadonlyMap<Signal, Reading>

export interface Threshold {
  readonly signal: Signal
  readonly amount: Amount
  /** How long it must be crossed before pods are evicted; 0 for a hard threshold. */
  readonly graceMs: number
  /** Once crossed, what must be free beyond it before it is not. */
  readonly minimumReclaim?: Amount
}

/** A part of the capacity, or a quantity. */
export type Amount = { readonly fraction: number } | { readonly quantity: number }

/** The resource that a signal is of, as messages name it. */
export const resourceOf: Readonly<Record<Signal, string>> = {
  'memory.available': 'memory',
  'nodefs.available': 'ephemeral-storage',
  'nodefs.inodesFree': 'inodes',
  'imagefs.available': 'ephemeral-storage',
  'imagefs.inodesFree': 'inodes',
  'pid.available': 'pids',
}

export const pressureOf: Readonly<Record<Signal, NodePressure>> = {
  'memory.available': 'MemoryPressure',
  'nodefs.available': 'DiskPressure',
  'nodefs.inodesFree': 'DiskPressure',
  'imagefs.available': 'DiskPressure',
  'imagefs.inodesFree': 'DiskPressure',
  'pid.available': 'PIDPressure',
}

/** Upstream's, on Linux. */
export const defaultHardThresholds: Readonly<Record<string, string>> = {
  'memory.available': '100Mi',
  'nodefs.available': '10%',
  'nodefs.inodesFree': '5%',
  'imagefs.available': '15%',
  'imagefs.inodesFree': '5%',
}

export function isSignal(name: string): name is Signal {
  return signals.some((signal) => signal === name)
}

/** `10%` or `100Mi`. Throws an Error that says what is wrong with the text. */
export function parseAmount(text: string): Amount {
  if (!text.endsWith('%')) return { quantity: quantityValue(parseQuantity(text)) }
  const percent = Number(text.slice(0, -1))
  if (!(percent >= 0 && percent <= 100)) throw new Error(`eviction percentage must be in [0%, 100%]: ${text}`)
  return { fraction: percent / 100 }
}

/** Hard thresholds by signal; what is 0 is none. */
export function hardThresholds(
  amounts: Readonly<Record<string, string>>,
  minimumReclaims: Readonly<Record<string, string>> = {},
): readonly Threshold[] {
  return thresholds(amounts, {}, minimumReclaims)
}

/** Soft thresholds: each has its grace period, in milliseconds. */
export function softThresholds(
  amounts: Readonly<Record<string, string>>,
  gracesMs: Readonly<Record<string, number>>,
  minimumReclaims: Readonly<Record<string, string>> = {},
): readonly Threshold[] {
  return thresholds(amounts, gracesMs, minimumReclaims)
}

function thresholds(
  amounts: Readonly<Record<string, string>>,
  gracesMs: Readonly<Record<string, number>>,
  minimumReclaims: Readonly<Record<string, string>>,
): readonly Threshold[] {
  return Object.entries(amounts).flatMap(([name, text]): Threshold[] => {
    if (!isSignal(name)) throw new Error(`unsupported eviction signal ${name}`)
    const amount = parseAmount(text)
    if (('fraction' in amount ? amount.fraction : amount.quantity) === 0) return []
    const reclaim = minimumReclaims[name]
    return [
      {
        signal: name,
        amount,
        graceMs: gracesMs[name] ?? 0,
        ...(reclaim !== undefined && { minimumReclaim: parseAmount(reclaim) }),
      },
    ]
  })
}

/** How much must be available, in the signal's unit. */
export function neededBy({ amount }: Pick<Threshold, 'amount'>, { capacity }: Reading): number {
  return 'fraction' in amount ? Math.trunc(capacity * amount.fraction) : amount.quantity
}

/** Whether a threshold is crossed; one that was, still is until its minimum has been reclaimed too. */
export function isCrossed(threshold: Threshold, reading: Reading, wasCrossed: boolean): boolean {
  const { minimumReclaim } = threshold
  const more = wasCrossed && minimumReclaim ? neededBy({ amount: minimumReclaim }, reading) : 0
  return reading.available < neededBy(threshold, reading) + more
}

export function asQuantity(amount: number): string {
  return formatQuantity(quantityOf(Math.trunc(amount), 'BinarySI'))
}
