import type { Counter, Metrics } from '../../machinery/metrics.ts'
import type { Authorizer, Decision } from './authorizer.ts'

/**
 * As `authorizer`, counting what it decides, under upstream's name. To have no opinion is no decision.
 * Source: k8s.io/apiserver/pkg/authorization/metrics.
 */
export function countDecisions(
  metrics: Metrics,
  { type, name = type.toLowerCase() }: { readonly type: string; readonly name?: string },
  authorizer: Authorizer,
): Authorizer {
  const decisions = metrics.counter({
    name: 'apiserver_authorization_decisions_total',
    help: "What authorisers decided: 'allowed' or 'denied'.",
    labels: ['type', 'name', 'decision'],
  })
  const series: { allow?: Counter; deny?: Counter } = {}
  const count = (decision: Decision): Decision => {
    if (decision.type === 'noOpinion') return decision
    series[decision.type] ??= decisions.with({
      type,
      name,
      decision: decision.type === 'allow' ? 'allowed' : 'denied',
    })
    series[decision.type]!.add()
    return decision
  }
  return {
    name: authorizer.name,
    isLocal: authorizer.isLocal ?? false,
    authorize(attributes) {
      const answer = authorizer.authorize(attributes)
      return answer instanceof Promise ? answer.then(count) : count(answer)
    },
  }
}
