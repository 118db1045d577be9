import { invalid, path, required, type FieldError, type FieldPath } from '../../machinery/field-error.ts'
import { dns1123SubdomainErrors, wildcardDns1123SubdomainErrors } from '../../machinery/validation/names.ts'
import { ageColumn, column, nameColumn } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Ingress, IngressBackend } from '../generated/networking.v1.ts'
import { ingresses } from '../generated/resources.ts'

export const ingressDefinition: ResourceDefinition<Ingress> = {
  resource: ingresses,
  singular: 'ingress',
  shortNames: ['ing'],
  strategy: { validate: validateIngress, status: {} },
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

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']

function validateIngress({ spec }: Ingress): FieldError[] {
  const field = path('spec')
  const { rules = [], defaultBackend, ingressClassName } = spec ?? {}
  const errors: FieldError[] = []
  if (rules.length === 0 && !defaultBackend) {
    errors.push(invalid(field, rules, 'either `defaultBackend` or `rules` must be specified'))
  }
  if (defaultBackend) errors.push(...backendErrors(defaultBackend, field.child('defaultBackend')))
  if (ingressClassName !== undefined) {
    errors.push(
      ...dns1123SubdomainErrors(ingressClassName).map((message) =>
        invalid(field.child('ingressClassName'), ingressClassName, message),
      ),
    )
  }
  for (const [index, { host, http }] of rules.entries()) {
    const at = field.child('rules').index(index)
    if (host) {
      const messages = host.includes('*')
        ? wildcardDns1123SubdomainErrors(host)
        : dns1123SubdomainErrors(host)
      errors.push(...messages.map((message) => invalid(at.child('host'), host, message)))
    }
    if (http && http.paths.length === 0) errors.push(required(at.child('http').child('paths')))
    for (const [position, item] of (http?.paths ?? []).entries()) {
      const field = at.child('http').child('paths').index(position)
      if (!item.pathType) errors.push(required(field.child('pathType'), 'pathType must be specified'))
      else if (!pathTypes.includes(item.pathType))
        errors.push(invalid(field.child('pathType'), item.pathType, `must be one of ${pathTypes.join(', ')}`))
      else if (item.pathType !== 'ImplementationSpecific' && !item.path?.startsWith('/')) {
        errors.push(invalid(field.child('path'), item.path ?? '', 'must be an absolute path'))
      }
      errors.push(...backendErrors(item.backend, field.child('backend')))
    }
  }
  return errors
}

function backendErrors({ service, resource }: IngressBackend, field: FieldPath): FieldError[] {
  if (service && resource) return [invalid(field, '', 'cannot set both resource and service backends')]
  if (!service && !resource) return [required(field, 'resource or service backend is required')]
  if (!service) return []
  const at = field.child('service')
  const { name, port } = service
  const errors = name ? [] : [required(at.child('name'))]
  if (port?.name && port.number)
    errors.push(invalid(at.child('port'), port, 'cannot set both port name & port number'))
  if (!port?.name && !port?.number) errors.push(required(at, 'port name or number is required'))
  return errors
}
