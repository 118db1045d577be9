import { isIP } from 'node:net'
import {
  duplicate,
  forbidden,
  invalid,
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
  portNameErrors,
  portNumberErrors,
  qualifiedNameErrors,
} from '../../machinery/validation/names.ts'
import type { Service, ServicePort, ServiceSpec } from '../generated/core.v1.ts'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const protocols = ['SCTP', 'TCP', 'UDP']
const affinities = ['ClientIP', 'None']
const trafficPolicies = ['Cluster', 'Local']
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone']
const maxAffinitySeconds = 86_400

/** Balancers that send to nodes with endpoints only must be able to ask which nodes have some. */
export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

/** Source: kubernetes pkg/apis/core/validation, ValidateService. */
export function validateService({ spec = {} }: Service): FieldError[] {
  const field = path('spec')
  return [
    ...typeErrors(spec, field),
    ...portsErrors(spec, field.child('ports')),
    ...(spec.selector ? validateLabels(spec.selector, field.child('selector')) : []),
    ...affinityErrors(spec, field),
    ...addressErrors(spec, field),
    ...policyErrors(spec, field),
    ...balancerErrors(spec, field),
  ]
}

function typeErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const { type, clusterIP, externalName } = spec
  if (!type) return [required(field.child('type'))]
  if (!types.includes(type)) return [notSupported(field.child('type'), type, types)]
  if (type !== 'ExternalName') {
    const isHeadless = clusterIP === 'None'
    if (isHeadless && type !== 'ClusterIP') {
      return [
        invalid(field.child('clusterIPs').index(0), 'None', `may not be set to 'None' for ${type} services`),
      ]
    }
    return []
  }
  const errors: FieldError[] = []
  if (clusterIP) errors.push(forbidden(field.child('clusterIPs'), 'may not be set for ExternalName services'))
  const name = externalName?.replace(/\.$/, '') ?? ''
  if (name === '') errors.push(required(field.child('externalName')))
  else
    errors.push(
      ...dns1123SubdomainErrors(name.toLowerCase()).map((message) =>
        invalid(field.child('externalName'), externalName, message),
      ),
    )
  return errors
}

function portsErrors({ ports = [], type, clusterIP }: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  if (ports.length === 0 && clusterIP !== 'None' && type !== 'ExternalName') errors.push(required(field))
  const names = new Set<string>()
  const numbers = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const at = field.index(index)
    errors.push(...portErrors(port, ports.length > 1, names, at))
    const number = `${port.protocol} ${port.port}`
    if (numbers.has(number)) errors.push(duplicate(at, { protocol: port.protocol, port: port.port }))
    numbers.add(number)
    if (port.nodePort && type !== 'NodePort' && type !== 'LoadBalancer') {
      errors.push(forbidden(at.child('nodePort'), "may not be used when `type` is 'ClusterIP'"))
    }
  }
  return errors
}

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
  if (typeof targetPort === 'number') {
    errors.push(
      ...portNumberErrors(targetPort).map((message) =>
        invalid(field.child('targetPort'), targetPort, message),
      ),
    )
  } else if (targetPort !== undefined) {
    errors.push(
      ...portNameErrors(targetPort).map((message) => invalid(field.child('targetPort'), targetPort, message)),
    )
  }
  if (appProtocol)
    errors.push(
      ...qualifiedNameErrors(appProtocol).map((message) =>
        invalid(field.child('appProtocol'), appProtocol, message),
      ),
    )
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
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (seconds === undefined) return [required(config, 'must be set when session affinity is ClientIP')]
  if (seconds > 0 && seconds <= maxAffinitySeconds) return []
  return [
    invalid(
      config.child('clientIP').child('timeoutSeconds'),
      seconds,
      `must be greater than 0 and less than ${maxAffinitySeconds}`,
    ),
  ]
}

function addressErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const { clusterIP = '', clusterIPs = [], externalIPs = [] } = spec
  if (clusterIPs.length > 0 && clusterIP !== clusterIPs[0]) {
    errors.push(invalid(field.child('clusterIPs'), clusterIPs, 'first value must match `clusterIP`'))
  }
  if (clusterIPs.length > 2) {
    errors.push(invalid(field.child('clusterIPs'), clusterIPs, 'may only hold up to 2 values'))
  }
  for (const [index, address] of (clusterIPs.length > 0
    ? clusterIPs
    : clusterIP
      ? [clusterIP]
      : []
  ).entries()) {
    if (address !== 'None' && address !== '')
      errors.push(...validateIpForLegacyField(field.child('clusterIPs').index(index), address))
  }
  for (const [index, address] of externalIPs.entries()) {
    const at = field.child('externalIPs').index(index)
    const malformed = validateIpForLegacyField(at, address)
    errors.push(...(malformed.length > 0 ? malformed : validateNonSpecialIp(at, address)))
  }
  return errors
}

function policyErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const {
    type,
    externalTrafficPolicy,
    internalTrafficPolicy,
    ipFamilyPolicy,
    trafficDistribution,
    externalIPs = [],
  } = spec
  const isExternal = type === 'NodePort' || type === 'LoadBalancer' || externalIPs.length > 0
  const external = field.child('externalTrafficPolicy')
  if (externalTrafficPolicy && !isExternal) {
    errors.push(
      invalid(external, externalTrafficPolicy, 'may only be set for externally-accessible services'),
    )
  } else if (externalTrafficPolicy && !trafficPolicies.includes(externalTrafficPolicy)) {
    errors.push(notSupported(external, externalTrafficPolicy, trafficPolicies))
  }
  if (internalTrafficPolicy && !trafficPolicies.includes(internalTrafficPolicy)) {
    errors.push(notSupported(field.child('internalTrafficPolicy'), internalTrafficPolicy, trafficPolicies))
  }
  if (ipFamilyPolicy && !familyPolicies.includes(ipFamilyPolicy)) {
    errors.push(
      invalid(field.child('ipFamilyPolicy'), ipFamilyPolicy, `must be one of [${familyPolicies.join(' ')}]`),
    )
  }
  if (trafficDistribution && !distributions.includes(trafficDistribution)) {
    errors.push(notSupported(field.child('trafficDistribution'), trafficDistribution, distributions))
  }
  return errors
}

function balancerErrors(spec: ServiceSpec, field: FieldPath): FieldError[] {
  const errors: FieldError[] = []
  const {
    type,
    loadBalancerSourceRanges,
    healthCheckNodePort,
    allocateLoadBalancerNodePorts,
    loadBalancerClass,
    loadBalancerIP,
  } = spec
  const isBalancer = type === 'LoadBalancer'
  const only = "may only be used when `type` is 'LoadBalancer'"
  if (loadBalancerSourceRanges && !isBalancer)
    errors.push(forbidden(field.child('loadBalancerSourceRanges'), only))
  for (const [index, range] of (loadBalancerSourceRanges ?? []).entries()) {
    errors.push(
      ...validateCidrForLegacyField(field.child('loadBalancerSourceRanges').index(index), range.trim()),
    )
  }
  if (healthCheckNodePort && !needsHealthCheck(spec)) {
    errors.push(
      invalid(
        field.child('healthCheckNodePort'),
        healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    )
  }
  if (isBalancer && allocateLoadBalancerNodePorts === undefined)
    errors.push(required(field.child('allocateLoadBalancerNodePorts')))
  if (!isBalancer && allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbidden(field.child('allocateLoadBalancerNodePorts'), only))
  if (!isBalancer && loadBalancerClass !== undefined)
    errors.push(forbidden(field.child('loadBalancerClass'), only))
  if (loadBalancerClass)
    errors.push(
      ...qualifiedNameErrors(loadBalancerClass).map((message) =>
        invalid(field.child('loadBalancerClass'), loadBalancerClass, message),
      ),
    )
  if (loadBalancerIP && isIP(loadBalancerIP) === 0)
    errors.push(...validateIpForLegacyField(field.child('loadBalancerIP'), loadBalancerIP))
  return errors
}

/** Addresses, once given, stay while the type needs one. Source: ValidateServiceUpdate. */
export function validateServiceUpdate({ spec = {} }: Service, { spec: old = {} }: Service): FieldError[] {
  const errors: FieldError[] = []
  const field = path('spec')
  if (old.type !== 'ExternalName' && spec.type !== 'ExternalName' && old.clusterIP) {
    const before = old.clusterIPs ?? [old.clusterIP]
    const now = spec.clusterIPs ?? (spec.clusterIP ? [spec.clusterIP] : [])
    if (now[0] !== before[0]) {
      errors.push(invalid(field.child('clusterIPs').index(0), now[0] ?? null, 'may not change once set'))
    }
  }
  if (
    spec.type === 'LoadBalancer' &&
    old.type === 'LoadBalancer' &&
    spec.loadBalancerClass !== old.loadBalancerClass
  ) {
    errors.push(
      invalid(field.child('loadBalancerClass'), spec.loadBalancerClass ?? null, 'may not change once set'),
    )
  }
  return errors
}
