import { path } from '../../machinery/field-error.ts'
import { validateLabelSelector } from '../../machinery/validation/labels.ts'
import { selectorText } from '../apps/workload.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { NetworkPolicy } from '../generated/networking.v1.ts'
import { networkPolicies } from '../generated/resources.ts'

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
    validate: ({ spec }) =>
      spec?.podSelector ? validateLabelSelector(spec.podSelector, path('spec').child('podSelector')) : [],
  },
  columns: [
    nameColumn,
    column('Pod-Selector', 'Pods it is for.', ({ spec }) => selectorText(spec?.podSelector)),
    ageColumn,
  ],
}
