import { selectorText } from '../apps/workload.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { NetworkPolicy } from '../generated/networking.v1.ts'
import { networkPolicies } from '../generated/resources.ts'
import { networkPolicyWarnings, validateNetworkPolicy } from './network-policy-validation.ts'

export const networkPolicyDefinition: ResourceDefinition<NetworkPolicy> = {
  resource: networkPolicies,
  singular: 'networkpolicy',
  shortNames: ['netpol'],
  strategy: {
    defaults({ spec }) {
      if (!spec) return
      for (const { ports = [] } of [...(spec.ingress ?? []), ...(spec.egress ?? [])]) {
        for (const port of ports) port.protocol ??= 'TCP'
      }
      if (!spec.policyTypes?.length)
        spec.policyTypes = spec.egress?.length ? ['Ingress', 'Egress'] : ['Ingress']
    },
    validate: (policy) => validateNetworkPolicy(policy),
    validatesUpdateAlone: true,
    validateUpdate: validateNetworkPolicy,
    warnings: networkPolicyWarnings,
  },
  columns: [
    nameColumn,
    column('Pod-Selector', 'Pods it is for.', ({ spec }) => selectorText(spec?.podSelector)),
    ageColumn,
  ],
}
