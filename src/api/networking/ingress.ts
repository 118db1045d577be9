import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Ingress } from '../generated/networking.v1.ts'
import { ingresses } from '../generated/resources.ts'
import {
  ingressWarnings,
  validateIngressCreate,
  validateIngressStatus,
  validateIngressUpdate,
} from './ingress-validation.ts'

export const ingressDefinition: ResourceDefinition<Ingress> = {
  resource: ingresses,
  singular: 'ingress',
  shortNames: ['ing'],
  strategy: {
    validate: validateIngressCreate,
    validatesUpdateAlone: true,
    validateUpdate: validateIngressUpdate,
    warnings: ingressWarnings,
    status: { validateUpdate: validateIngressStatus },
  },
  columns: [
    nameColumn,
    column(
      'Class',
      'The class of controllers that serve it.',
      ({ spec }) => spec?.ingressClassName ?? '<none>',
    ),
    column('Hosts', 'Hosts it serves.', ({ spec }) =>
      hostsText((spec?.rules ?? []).map(({ host }) => host ?? '')),
    ),
    column('Address', 'Where it is served.', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '').join(','),
    ),
    column('Ports', 'Ports it is served at.', ({ spec }) => (spec?.tls?.length ? '80, 443' : '80')),
    ageColumn,
  ],
}

const shownHosts = 3

function hostsText(hosts: readonly string[]): string {
  const named = hosts.filter((host) => host !== '')
  if (named.length === 0) return '*'
  const more = named.length - shownHosts
  return more > 0 ? `${named.slice(0, shownHosts).join(',')} + ${more} more...` : named.join(',')
}
