import type { PolicyRule } from '../../api/generated/rbac.v1.ts'
import type { User } from '../authentication/authenticator.ts'

/** What a user may do, as far as it can be listed. */
export interface ResolvedRules {
  readonly rules: readonly PolicyRule[]
  /** There may be more rights than the rules say. */
  readonly incomplete: boolean
  /** Why, for people to read. */
  readonly errors: readonly string[]
}

/** An authoriser that can list a user's rights in a namespace (`''`: those that hold everywhere). */
export interface RuleResolver {
  rulesFor(user: User, namespace: string): ResolvedRules
}

export function resolveRules(
  resolvers: readonly RuleResolver[],
  user: User,
  namespace: string,
): ResolvedRules {
  const all = resolvers.map((resolver) => resolver.rulesFor(user, namespace))
  return {
    rules: all.flatMap(({ rules }) => rules),
    incomplete: all.some(({ incomplete }) => incomplete),
    errors: all.flatMap(({ errors }) => errors),
  }
}

/** One message as it is, several in brackets, each once. Source: k8s.io/apimachinery/pkg/util/errors. */
export function aggregateMessages(messages: readonly string[]): string {
  const each = [...new Set(messages)]
  return each.length === 1 ? each[0]! : `[${each.join(', ')}]`
}
