import assert from 'node:assert/strict'
import { authorizerTarget } from './authorizer-target.ts'
import { celTarget } from './cel-target.ts'
import { decoderTargets } from './decoder-targets.ts'
import type { FuzzTarget } from './fuzz.ts'
import { parserTargets } from './parser-targets.ts'
import { patchTargets } from './patch-targets.ts'

/** Everything that is fuzzed: all that reads what a client, a node or a container sends. */
export const fuzzTargets: readonly FuzzTarget[] = [
  ...decoderTargets,
  ...parserTargets,
  ...patchTargets,
  celTarget,
  authorizerTarget,
]

export function fuzzTarget(name: string): FuzzTarget {
  const target = fuzzTargets.find((one) => one.name === name)
  assert.ok(target, `there is no target ${name}`)
  return target
}
