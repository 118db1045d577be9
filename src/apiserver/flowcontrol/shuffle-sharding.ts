import { createHash } from 'node:crypto'

/* Source: k8s.io/apiserver/pkg/util/shufflesharding and the hash of flows in pkg/util/flowcontrol. */

/** The 64 bits by which a flow is dealt its queues. */
export function flowHash(flowSchema: string, distinguisher: string): bigint {
  return createHash('sha256').update(`${flowSchema}\0${distinguisher}`).digest().readBigUInt64LE()
}

/** `handSize` different numbers below `deckSize`, decided by `hash`. */
export function dealHand(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  const remainders: number[] = []
  for (let dealt = 0; dealt < handSize; dealt++) {
    const left = BigInt(deckSize - dealt)
    remainders.push(Number(hash % left))
    hash /= left
  }
  // Each remainder counts among the cards that are left: what was dealt before shifts it.
  return remainders.map((remainder, index) => {
    let card = remainder
    for (let earlier = index - 1; earlier >= 0; earlier--) if (card >= remainders[earlier]!) card++
    return card
  })
}
