import type { Attributes, Authorizer, Decision, Refusal } from './authorizer.ts'

/**
 * The first authoriser that allows or denies decides. Answers at once when each of them does: only an authoriser that
 * asks elsewhere makes a request wait.
 * Source: k8s.io/apiserver/pkg/authorization/union.
 */
export function createUnionAuthorizer(authorizers: readonly Authorizer[]): Authorizer {
  function decide(
    attributes: Attributes,
    from: number,
    before: readonly Refusal[],
  ): Decision | Promise<Decision> {
    const refusals = [...before]
    for (let at = from; at < authorizers.length; at++) {
      const decision = authorizers[at]!.authorize(attributes)
      if (decision instanceof Promise) {
        return decision.then((settled) =>
          settled.type === 'noOpinion' ? decide(attributes, at + 1, [...refusals, settled]) : settled,
        )
      }
      if (decision.type !== 'noOpinion') return decision
      if (decision.reason !== '' || decision.error) refusals.push(decision)
    }
    const reason = refusals
      .map((refusal) => refusal.reason)
      .filter((text) => text !== '')
      .join('\n')
    const errors = refusals.flatMap(({ error }) => error ?? [])
    return { type: 'noOpinion', reason, ...(errors.length > 0 && { error: together(errors) }) }
  }
  const isLocal = authorizers.every((one) => one.isLocal)
  return { name: 'union', isLocal, authorize: (attributes) => decide(attributes, 0, []) }
}

/** One error as it is; several as one that lists their messages. */
function together(errors: readonly Error[]): Error {
  const [first] = errors
  if (first && errors.length === 1) return first
  const messages = [...new Set(errors.map(({ message }) => message))]
  return new AggregateError(errors, messages.length === 1 ? messages[0] : `[${messages.join(', ')}]`)
}
