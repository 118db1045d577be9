import { isIP } from 'node:net'
import {
  duplicate,
  forbidden,
  invalid,
  invalidFor,
  notSupported,
  path,
  required,
  type FieldError,
  type FieldPath,
} from '../../machinery/field-error.ts'
import {
  validateCidrForLegacyField,
  validateIpForLegacyField,
  validateNonSpecialIp,
} from '../../machinery/validation/ip.ts'
import { validateLabels } from '../../machinery/validation/labels.ts'
import {
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  portNumberErrors,
  qualifiedNameErrors,
} from '../../machinery/validation/names.ts'
import type { Service, ServicePort, ServiceSpec } from '../generated/core.v1.ts'
import { validatePort } from './pod/probe-validation.ts'
import {
  isHeadless,
  validateServiceAddresses,
  validateServiceAddressesUpdate,
} from './service-addresses-validation.ts'
import { internalForm } from '../internal-form.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const protocols = ['SCTP', 'TCP', 'UDP']
const affinities = ['ClientIP', 'None']
const trafficPolicies = ['Cluster', 'Local']
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone']
const maxAffinitySeconds = 86_400

/** Balancers that send to nodes with endpoints only must be able to ask which nodes have some. */
export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

/** Source: kubernetes pkg/apis/core/validation, ValidateService, in its order. */
export function validateService({ metadata, spec = {} }: Service): FieldError[] {
  const field = path('spec')
  const annotations = metadata?.annotations ?? {}
  return [
    ...topologyErrors(annotations),
    ...typeErrors(spec, field),
    ...portsErrors(spec, field.child('ports')),
    ...validateLabels(spec.selector, field.child('selector')),
    ...affinityErrors(spec, field),
    ...validateServiceAddresses(spec, field),
    ...externalAddressErrors(spec, field.child('externalIPs')),
    ...knownTypeErrors(spec, field.child('type')),
    ...portClashErrors(spec, field.child('ports')),
    ...rangeErrors(spec, annotations, field),
    ...balancerErrors(spec, field),
    ...policyErrors(spec, field),
  ]
}

const topologyMode = 'service.kubernetes.io/topology-mode'
const topologyHints = 'service.kubernetes.io/topology-aware-hints'

/** The annotation has had two names. */
function topologyErrors(annotations: Readonly<Record<string, string>>): FieldError[] {
  const [mode, hints] = [annotations[topologyMode], annotations[topologyHints]]
  if (mode === undefined || hints === undefined || mode === hints) return []
  const detail = `must match annotations[${topologyHints}] when both are specified`
  return [invalid(path('metadata', 'annotations').key(topologyMode), mode, detail)]
}

function typeErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const { type, ports = [], externalName } = spec
  const errors: FieldError[] = []
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName')
    errors.push(required(field.child('ports')))
  if (isHeadless(spec) && (type === 'LoadBalancer' || type === 'NodePort')) {
    const detail = `may not be set to 'None' for ${type} services`
    errors.push(invalid(field.child('clusterIPs').index(0), 'None', detail))
  }
  if (type !== 'ExternalName') return errors
  for (const name of ['clusterIPs', 'ipFamilies'] as const) {
    if (spec[name]?.length)
      errors.push(forbidden(field.child(name), 'may not be set for ExternalName services'))
  }
  if (spec.ipFamilyPolicy !== undefined)
    errors.push(forbidden(field.child('ipFamilyPolicy'), 'may not be set for ExternalName services'))
  const name = externalName?.replace(/\.$/, '') ?? ''
  const at = field.child('externalName')
  if (name === '') errors.push(required(at))
  else errors.push(...invalidFor(at, name, dns1123SubdomainErrors(name)))
  return errors
}

function knownTypeErrors({ type }: ServiceSpec, at: FieldPath): FieldError[] {
  if (!type) return [required(at)]
  return types.includes(type) ? [] : [notSupported(at, type, types)]
}

function portsErrors({ ports = [] }: ServiceSpec, field: FieldPath): FieldError[] {
  const names = new Set<string>()
  return ports.flatMap((port, index) => portErrors(port, ports.length > 1, names, field.index(index)))
}

/** A protocol's port leads to one place, on the Service's address and on the nodes. */
function portClashErrors({ ports = [], type }: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const each = (check: (port: ServicePort, at: FieldPath) => FieldError | undefined) => {
    for (const [index, port] of ports.entries()) {
      const error = check(port, field.index(index))
      if (error) errors.push(error)
    }
  }
  const surplus = "may not be used when `type` is 'ClusterIP'"
  if (type === 'ClusterIP')
    each(({ nodePort }, at) => (nodePort ? forbidden(at.child('nodePort'), surplus) : undefined))
  const taken = new Set<string>()
  const isTaken = (key: string) => taken.size === taken.add(key).size
  each(({ nodePort, protocol }, at) =>
    nodePort && isTaken(`node ${protocol} ${nodePort}`)
      ? duplicate(at.child('nodePort'), nodePort)
      : undefined,
  )
  each(({ port, protocol }, at) =>
    isTaken(`${protocol} ${port}`)
      ? duplicate(at, internalForm('core.v1.ServicePort', { protocol, port }))
      : undefined,
  )
  return errors
}

function externalAddressErrors({ externalIPs = [] }: ServiceSpec, field: FieldPath): FieldError[] {
  return externalIPs.flatMap((address, index) => {
    const at = field.index(index)
    const malformed = validateIpForLegacyField(at, address)
    return malformed.length > 0 ? malformed : validateNonSpecialIp(at, address)
  })
}

const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'

/** Whence a balancer may be reached, in the field or in the annotation of old. The path's capital is upstream's. */
function rangeErrors(
  { type, loadBalancerSourceRanges: ranges = [] }: ServiceSpec,
  annotations: Readonly<Record<string, string>>,
  field: FieldPath,
): FieldError[] {
  const annotation = annotations[rangesAnnotation]
  const at =
    ranges.length > 0
      ? field.child('LoadBalancerSourceRanges')
      : path('metadata', 'annotations').key(rangesAnnotation)
  if (ranges.length === 0 && annotation === undefined) return []
  const errors = type === 'LoadBalancer' ? [] : [forbidden(at, onlyBalancers)]
  if (ranges.length > 0)
    return [
      ...errors,
      ...ranges.flatMap((range, index) => validateCidrForLegacyField(at.index(index), range.trim())),
    ]
  const texts = annotation?.trim() ? annotation.trim().split(',') : []
  return [...errors, ...texts.flatMap((text) => validateCidrForLegacyField(at, text.trim()))]
}

const onlyBalancers = "may only be used when `type` is 'LoadBalancer'"

function portErrors(
  port: ServicePort,
  needsName: boolean,
  names: Set<string>,
  field: FieldPath,
): FieldError[] {
  const errors: FieldError[] = []
  const { name = '', protocol, targetPort, appProtocol } = port
  if (needsName && name === '') errors.push(required(field.child('name')))
  else if (name !== '') {
    errors.push(...dns1123LabelErrors(name).map((message) => invalid(field.child('name'), name, message)))
    if (names.has(name)) errors.push(duplicate(field.child('name'), name))
    names.add(name)
  }
  errors.push(
    ...portNumberErrors(port.port).map((message) => invalid(field.child('port'), port.port, message)),
  )
  if (!protocol) errors.push(required(field.child('protocol')))
  else if (!protocols.includes(protocol))
    errors.push(notSupported(field.child('protocol'), protocol, protocols))
  errors.push(...validatePort(targetPort, field.child('targetPort')))
  if (appProtocol !== undefined)
    errors.push(...invalidFor(field.child('appProtocol'), appProtocol, qualifiedNameErrors(appProtocol)))
  return errors
}

function affinityErrors(
  { sessionAffinity, sessionAffinityConfig }: ServiceSpec,
  field: FieldPath,
): FieldError[] {
  if (!sessionAffinity) return [required(field.child('sessionAffinity'))]
  if (!affinities.includes(sessionAffinity))
    return [notSupported(field.child('sessionAffinity'), sessionAffinity, affinities)]
  const config = field.child('sessionAffinityConfig')
  if (sessionAffinity === 'None') {
    return sessionAffinityConfig ? [forbidden(config, 'must not be set when session affinity is None')] : []
  }
  const detail = 'when session affinity type is ClientIP'
  const client = config.child('clientIP')
  if (!sessionAffinityConfig) return [required(config, detail)]
  if (!sessionAffinityConfig.clientIP) return [required(client, detail)]
  const seconds = sessionAffinityConfig.clientIP.timeoutSeconds
  const at = client.child('timeoutSeconds')
  if (seconds === undefined) return [required(at, detail)]
  if (seconds > 0 && seconds <= maxAffinitySeconds) return []
  return [invalid(at, seconds, `must be greater than 0 and less than ${maxAffinitySeconds}`)]
}

function policyErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { type, externalTrafficPolicy, internalTrafficPolicy, trafficDistribution, healthCheckNodePort } =
    spec
  const isExternal = type === 'NodePort' || type === 'LoadBalancer' || (spec.externalIPs?.length ?? 0) > 0
  const external = field.child('externalTrafficPolicy')
  if (!isExternal && externalTrafficPolicy) {
    const detail = 'may only be set for externally-accessible services'
    errors.push(invalid(external, externalTrafficPolicy, detail))
  } else if (isExternal && !externalTrafficPolicy) errors.push(required(external))
  else if (isExternal && externalTrafficPolicy && !trafficPolicies.includes(externalTrafficPolicy))
    errors.push(notSupported(external, externalTrafficPolicy, trafficPolicies))
  const healthCheck = field.child('healthCheckNodePort')
  if (!needsHealthCheck(spec) && healthCheckNodePort) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    errors.push(invalid(healthCheck, healthCheckNodePort, detail))
  } else if (needsHealthCheck(spec)) {
    if (!healthCheckNodePort) errors.push(required(healthCheck))
    else errors.push(...invalidFor(healthCheck, healthCheckNodePort, portNumberErrors(healthCheckNodePort)))
  }
  const internal = field.child('internalTrafficPolicy')
  if (internalTrafficPolicy === undefined) {
    if (type === 'NodePort' || type === 'LoadBalancer' || type === 'ClusterIP')
      errors.push(required(internal))
  } else if (!trafficPolicies.includes(internalTrafficPolicy))
    errors.push(notSupported(internal, internalTrafficPolicy, trafficPolicies))
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution))
    errors.push(notSupported(field.child('trafficDistribution'), trafficDistribution, distributions))
  return errors
}

function balancerErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { type, allocateLoadBalancerNodePorts, loadBalancerClass } = spec
  const isBalancer = type === 'LoadBalancer'
  if (!isBalancer && allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbidden(field.child('allocateLoadBalancerNodePorts'), onlyBalancers))
  if (isBalancer && allocateLoadBalancerNodePorts === undefined)
    errors.push(required(path('allocateLoadBalancerNodePorts')))
  if (loadBalancerClass === undefined) return errors
  const at = field.child('loadBalancerClass')
  if (isBalancer) errors.push(...invalidFor(at, loadBalancerClass, qualifiedNameErrors(loadBalancerClass)))
  else errors.push(forbidden(at, onlyBalancers))
  return errors
}

export function validateServiceUpdate({ spec = {} }: Service, { spec: old = {} }: Service): FieldError[] {
  const errors = validateServiceAddressesUpdate(spec, old)
  const areBalancers = spec.type === 'LoadBalancer' && old.type === 'LoadBalancer'
  if (areBalancers && spec.loadBalancerClass !== old.loadBalancerClass) {
    const detail = 'may not change once set'
    errors.push(invalid(path('spec', 'loadBalancerClass'), spec.loadBalancerClass ?? null, detail))
  }
  if (needsHealthCheck(old) && needsHealthCheck(spec) && spec.healthCheckNodePort !== old.healthCheckNodePort)
    errors.push(forbidden(path('spec', 'healthCheckNodePort'), 'field is immutable'))
  return errors
}

const balancerModes = ['Proxy', 'VIP']

/** Source: ValidateServiceStatusUpdate. */
export function validateServiceStatus({ spec = {}, status }: Service): FieldError[] {
  const field = path('status', 'loadBalancer', 'ingress')
  const ingress = status?.loadBalancer?.ingress ?? []
  if (spec.type !== 'LoadBalancer')
    return ingress.length > 0 ? [forbidden(field, "may only be used when `spec.type` is 'LoadBalancer'")] : []
  return ingress.flatMap(({ ip = '', ipMode, hostname = '' }, index) => {
    const at = field.index(index)
    const errors = ip === '' ? [] : validateIpForLegacyField(at.child('ip'), ip)
    const modeAt = at.child('ipMode')
    if (ipMode === undefined) {
      if (ip !== '') errors.push(required(modeAt, 'must be specified when `ip` is set'))
    } else if (ip === '') errors.push(forbidden(modeAt, 'may not be specified when `ip` is not set'))
    else if (!balancerModes.includes(ipMode)) errors.push(notSupported(modeAt, ipMode, balancerModes))
    if (hostname === '') return errors
    const hostnameAt = at.child('hostname')
    errors.push(...invalidFor(hostnameAt, hostname, dns1123SubdomainErrors(hostname)))
    if (isIP(hostname) !== 0)
      errors.push(invalid(hostnameAt, hostname, 'must be a DNS name, not an IP address'))
    return errors
  })
}
