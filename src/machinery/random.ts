import { randomUUID } from 'node:crypto'

/** The only source of randomness that is not a secret; secrets come from node:crypto. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** A UUID of version 4. */
  uuid(): string
}

/** The machine's random numbers. */
export const systemRandom: Random = { next: () => Math.random(), uuid: () => randomUUID() }

/** The same sequence for the same seed (mulberry32), for tests and simulations. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  function next32(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (mixed ^ (mixed >>> 14)) >>> 0
  }
  return {
    next: () => next32() / 4_294_967_296,
    uuid() {
      const bytes = Buffer.alloc(16)
      for (let at = 0; at < 16; at += 4) bytes.writeUInt32BE(next32(), at)
      bytes[6] = (bytes[6]! & 0x0f) | 0x40
      bytes[8] = (bytes[8]! & 0x3f) | 0x80
      return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    },
  }
}
