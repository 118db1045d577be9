import type { Attributes, Authorizer, Decision } from './authorizer.ts'

/**
 * The first authoriser that allows or denies decides. Answers at once when each of them does: only an authoriser that
 * asks elsewhere makes a request wait.
 * Source: k8s.io/apiserver/pkg/authorization/union.
 */
export function createUnionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  function decide(
    attributes: Attributes,
    from: number,
    reasons: readonly string[],
  ): Decision | Promise<Decision> {
    const collected = [...reasons]
    for (let at = from; at < authorizers.length; at++) {
      const decision = authorizers[at]!.authorize(attributes)
      if (decision instanceof Promise) {
        return decision.then((settled) =>
          settled.type === 'noOpinion'
            ? decide(attributes, at + 1, withReason(collected, settled.reason))
            : settled,
        )
      }
      if (decision.type !== 'noOpinion') return decision
      if (decision.reason !== '') collected.push(decision.reason)
    }
    return { type: 'noOpinion', reason: collected.join('\n') }
  }
  return { name: 'union', authorize: (attributes) => decide(attributes, 0, []) }
}

function withReason(reasons: readonly string[], reason: string): readonly string[] {
  return reason === '' ? reasons : [...reasons, reason]
}
