import type { Random } from '../../../machinery/random.ts'

/**
 * How numbers in a range are given out: the lower part is left to those who choose theirs, as long as the upper has free
 * ones. Source: kubernetes/pkg/registry/core/service, ipallocator and portallocator.
 */
export interface NumberBand {
  /** Numbers 0 to size - 1. */
  readonly size: number
  /** The first number that is given out without being asked for. */
  readonly dynamicFrom: number
}

/** A sixteenth of the addresses, at least 16 and at most 256, is for choosing. */
export function addressBand(size: number): NumberBand {
  return band(size, Math.floor(size / 16), 16, 256)
}

/** A thirty-second of the ports, at least 16 and at most 128, is for choosing. */
export function portBand(size: number): NumberBand {
  return band(size, Math.floor(size / 32), 16, 128)
}

function band(size: number, wanted: number, least: number, most: number): NumberBand {
  return { size, dynamicFrom: size <= least ? 0 : Math.min(Math.max(least, wanted), most) }
}

/** All numbers in the order in which they are tried: from a random one on in the upper part, then in the lower. */
export function* candidates({ size, dynamicFrom }: NumberBand, random: Random): Generator<number> {
  yield* rotated(dynamicFrom, size - dynamicFrom, random)
  yield* rotated(0, dynamicFrom, random)
}

function* rotated(first: number, count: number, random: Random): Generator<number> {
  const start = Math.floor(random.next() * count)
  for (let step = 0; step < count; step++) yield first + ((start + step) % count)
}
