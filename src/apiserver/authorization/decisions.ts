import type { Decision } from './authorizer.ts'

/** Allowed, without a word why. */
export const allowed: Decision = { type: 'allow', reason: '' }
/** Somebody else may decide. */
export const noOpinion: Decision = { type: 'noOpinion', reason: '' }

/** No opinion, and why not a better one: the refusal shows it. */
export function noOpinionBecause(reason: string): Decision {
  return { type: 'noOpinion', reason }
}
