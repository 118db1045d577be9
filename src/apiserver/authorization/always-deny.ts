import type { Authorizer } from './authorizer.ts'
import type { RuleResolver } from './rule-resolver.ts'

/** Has no opinion of anybody: upstream's authorization mode AlwaysDeny. */
export const alwaysDeny: Authorizer & RuleResolver = {
  name: 'always-deny',
  isLocal: true,
  authorize: () => ({ type: 'noOpinion', reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [], incomplete: false, errors: [] }),
}
