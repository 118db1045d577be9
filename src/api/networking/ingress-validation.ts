import {
  invalid,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import { parseIp } from '../../machinery/ip.ts'
import { validateIpForLegacyField, warningsForIp } from '../../machinery/validation/ip.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  pathSegmentNameErrors,
  portNameErrors,
  portNumberErrors,
  wildcardDns1123SubdomainErrors,
} from '../../machinery/validation/names.ts'
import type { TypedLocalObjectReference } from '../generated/core.v1.ts'
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressTLS,
} from '../generated/networking.v1.ts'

const classAnnotation = 'kubernetes.io/ingress.class'
const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix']
const refusedSequences = ['//', '/./', '/../', '%2f', '%2F']
const refusedEndings = ['/..', '/.']
const notAnAddress = 'must be a DNS name, not an IP address'

/** Source: kubernetes/pkg/apis/networking/validation. */
export function validateIngressCreate(ingress: Ingress): FieldError[] {
  const errors = validateIngress(ingress)
  const annotation = ingress.metadata?.annotations?.[classAnnotation]
  const className = ingress.spec?.ingressClassName
  if (annotation === undefined || className === undefined || annotation === className) return errors
  const at = path('annotations').child(classAnnotation)
  return [...errors, invalid(at, annotation, 'must match `ingressClassName` when both are specified')]
}

/** Names of secrets and rules for wildcards that were wrong before may stay. */
export function validateIngressUpdate(ingress: Ingress, previous: Ingress): FieldError[] {
  return validateIngress(ingress, {
    secretNames: (previous.spec?.tls ?? []).some(({ secretName }) => secretNameErrors(secretName).length > 0),
    wildcardRules: (previous.spec?.rules ?? []).some(
      (rule) => rule.host?.includes('*') && httpErrors(rule, path('http')).length > 0,
    ),
  })
}

interface Tolerated {
  readonly secretNames?: boolean
  readonly wildcardRules?: boolean
}

function validateIngress({ spec }: Ingress, tolerated: Tolerated = {}): FieldError[] {
  const at = path('spec')
  const { rules = [], defaultBackend, ingressClassName, tls = [] } = spec ?? {}
  const errors: FieldError[] = []
  if (rules.length === 0 && !defaultBackend)
    errors.push(invalid(at, spec?.rules, 'either `defaultBackend` or `rules` must be specified'))
  if (defaultBackend) errors.push(...backendErrors(defaultBackend, at.child('defaultBackend')))
  for (const [index, rule] of rules.entries()) {
    const field = at.child('rules').index(index)
    errors.push(...hostErrors(rule.host, field.child('host')))
    if (!(rule.host?.includes('*') && tolerated.wildcardRules)) errors.push(...httpErrors(rule, field))
  }
  for (const [index, entry] of tls.entries())
    errors.push(...tlsErrors(entry, tolerated, at.child('tls').index(index)))
  if (ingressClassName !== undefined) {
    const field = at.child('ingressClassName')
    errors.push(
      ...dns1123SubdomainErrors(ingressClassName).map((message) => invalid(field, ingressClassName, message)),
    )
  }
  return errors
}

function hostErrors(host: string | undefined, at: FieldPath): FieldError[] {
  if (!host) return []
  const errors = parseIp(host, { allowLeadingZeros: true }) ? [invalid(at, host, notAnAddress)] : []
  return [...errors, ...nameErrors(host).map((message) => invalid(at, host, message))]
}

function nameErrors(host: string): string[] {
  return host.includes('*') ? wildcardDns1123SubdomainErrors(host) : dns1123SubdomainErrors(host)
}

function tlsErrors(
  { hosts = [], secretName }: IngressTLS,
  tolerated: Tolerated,
  at: FieldPath,
): FieldError[] {
  const errors = hosts.flatMap((host, index) =>
    nameErrors(host).map((message) => invalid(at.child('hosts').index(index), host, message)),
  )
  if (tolerated.secretNames) return errors
  const field = at.child('secretName')
  return [...errors, ...secretNameErrors(secretName).map((message) => invalid(field, secretName, message))]
}

function secretNameErrors(name: string | undefined): string[] {
  return name ? dns1123SubdomainErrors(name) : []
}

function httpErrors({ http }: IngressRule, at: FieldPath): FieldError[] {
  if (!http) return []
  const field = at.child('http', 'paths')
  const paths = http.paths ?? []
  if (paths.length === 0) return [required(field)]
  return paths.flatMap((item, index) => pathErrors(item, field.index(index)))
}

function pathErrors({ path: text = '', pathType, backend }: HTTPIngressPath, at: FieldPath): FieldError[] {
  // Where none is said it is null, which is something else than an empty one.
  if ((pathType ?? undefined) === undefined)
    return [required(at.child('pathType'), 'pathType must be specified')]
  const field = at.child('path')
  const errors: FieldError[] = []
  if (pathType === 'ImplementationSpecific') {
    if (text && !text.startsWith('/')) errors.push(invalid(field, text, 'must be an absolute path'))
  } else if (pathTypes.includes(pathType)) {
    if (!text.startsWith('/')) errors.push(invalid(field, text, 'must be an absolute path'))
    for (const sequence of refusedSequences)
      if (text.includes(sequence)) errors.push(invalid(field, text, `must not contain '${sequence}'`))
    for (const ending of refusedEndings)
      if (text.endsWith(ending)) errors.push(invalid(field, text, `cannot end with '${ending}'`))
  } else errors.push(notSupported(at.child('pathType'), pathType, pathTypes))
  return [...errors, ...backendErrors(backend, at.child('backend'))]
}

function backendErrors(backend: IngressBackend | undefined, at: FieldPath): FieldError[] {
  const { service, resource } = backend ?? {}
  if (service && resource) return [invalid(at, '', 'cannot set both resource and service backends')]
  if (resource) return referenceErrors(resource, at.child('resource'))
  if (!service) return [invalid(at, '', 'resource or service backend is required')]
  const nameAt = at.child('service', 'name')
  const errors = service.name
    ? dns1123LabelErrors(service.name).map((message) => invalid(nameAt, service.name, message))
    : [required(nameAt)]
  const { name, number } = service.port ?? {}
  const portAt = at.child('service', 'port')
  if (name && number) errors.push(invalid(at, '', 'cannot set both port name & port number'))
  else if (name)
    errors.push(...portNameErrors(name).map((message) => invalid(portAt.child('name'), name, message)))
  else if (number)
    errors.push(
      ...portNumberErrors(number).map((message) => invalid(portAt.child('number'), number, message)),
    )
  else errors.push(required(at, 'port name or number is required'))
  return errors
}

/** A kind and a name, perhaps of a group. */
export function referenceErrors(
  reference: Pick<TypedLocalObjectReference, 'apiGroup' | 'kind' | 'name'>,
  at: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const { apiGroup, kind, name } = reference
  // A group that is not said stands as null.
  if (typeof apiGroup === 'string') {
    const field = at.child('apiGroup')
    errors.push(...dns1123SubdomainErrors(apiGroup).map((message) => invalid(field, apiGroup, message)))
  }
  for (const [field, value] of Object.entries({ kind, name })) {
    if (!value) errors.push(required(at.child(field), `${field} is required`))
    else
      errors.push(...pathSegmentNameErrors(value).map((message) => invalid(at.child(field), value, message)))
  }
  return errors
}

export function validateIngressStatus({ status }: Ingress, previous: Ingress): FieldError[] {
  const at = path('status', 'loadBalancer', 'ingress')
  const before = (previous.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => ip ?? [])
  return (status?.loadBalancer?.ingress ?? []).flatMap(({ ip, hostname }, index) => {
    const errors = ip ? validateIpForLegacyField(at.index(index).child('ip'), ip, before) : []
    if (!hostname) return errors
    const field = at.index(index).child('hostname')
    errors.push(...dns1123SubdomainErrors(hostname).map((message) => invalid(field, hostname, message)))
    if (parseIp(hostname, { allowLeadingZeros: true })) errors.push(invalid(field, hostname, notAnAddress))
    return errors
  })
}

export function ingressWarnings({ metadata, status }: Ingress, previous?: Ingress): string[] {
  const at = path('status', 'loadBalancer', 'ingress')
  const addresses = (status?.loadBalancer?.ingress ?? []).flatMap(({ ip }, index) =>
    ip ? warningsForIp(at.index(index).child('ip'), ip) : [],
  )
  const isNew = !previous && metadata?.annotations?.[classAnnotation] !== undefined
  return isNew
    ? [
        `annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`,
        ...addresses,
      ]
    : addresses
}
