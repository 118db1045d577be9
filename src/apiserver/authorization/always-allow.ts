import type { Authorizer } from './authorizer.ts'
import { allowed } from './decisions.ts'
import type { RuleResolver } from './rule-resolver.ts'

/** Allows everything: upstream's authorization mode AlwaysAllow. */
export const alwaysAllow: Authorizer & RuleResolver = {
  name: 'always-allow',
  isLocal: true,
  authorize: () => allowed,
  rulesFor: () => ({
    rules: [
      { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['*'], nonResourceURLs: ['*'] },
    ],
    incomplete: false,
    errors: [],
  }),
}
