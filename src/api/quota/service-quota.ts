import type { Service } from '../generated/core.v1.ts'
import type { QuotaEvaluator } from './quota-evaluator.ts'

const names: ReadonlySet<string> = new Set([
  'count/services',
  'services',
  'services.nodeports',
  'services.loadbalancers',
])

/** Source: kubernetes/pkg/quota/v1/evaluator/core/services.go. */
export const serviceQuota: QuotaEvaluator<Service> = {
  handles: (_operation, subresource) => subresource === '',
  matchingResources: (wanted) => wanted.filter((name) => names.has(name)),
  usage({ spec }) {
    const ports = spec?.ports ?? []
    const isBalanced = spec?.type === 'LoadBalancer'
    return {
      'count/services': '1',
      services: '1',
      'services.loadbalancers': isBalanced ? '1' : '0',
      'services.nodeports': String(countNodePorts()),
    }

    function countNodePorts(): number {
      if (spec?.type === 'NodePort') return ports.length
      if (!isBalanced) return 0
      return spec.allocateLoadBalancerNodePorts === false
        ? ports.filter(({ nodePort }) => nodePort).length
        : ports.length
    }
  },
  matchesScope: () => false,
}
