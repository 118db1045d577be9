import type { Writable } from '../../machinery/meta.ts'
import { formatLabelSelector, fromLabels } from '../../machinery/label-selector.ts'
import { ageColumn, column, nameColumn, wide } from '../columns.ts'
import type { ResourceDefinition } from '../definition.ts'
import type { Service, ServiceSpec } from '../generated/core.v1.ts'
import { services } from '../generated/resources.ts'
import {
  needsHealthCheck,
  validateService,
  validateServiceStatus,
  validateServiceUpdate,
} from './service-validation.ts'
import { serviceWarnings } from './service-warnings.ts'

/** Seconds a client stays with its endpoint when the Service does not say. */
const affinitySeconds = 10_800

export const serviceDefinition: ResourceDefinition<Service> = {
  resource: services,
  singular: 'service',
  shortNames: ['svc'],
  categories: ['all'],
  strategy: {
    tracksGeneration: false,
    nameRule: 'dns1035Label',
    defaults({ spec, status }) {
      if (spec) defaultService(spec)
      if (spec?.type !== 'LoadBalancer') return
      for (const ingress of status?.loadBalancer?.ingress ?? []) if (ingress.ip) ingress.ipMode ??= 'VIP'
    },
    prepareForCreate(service) {
      service.status = { loadBalancer: {} }
      if (service.spec) normalizeAddresses(service.spec)
    },
    prepareForUpdate(service, previous) {
      if (!service.spec || !previous.spec) return
      keepAllocated(service.spec, previous.spec)
      dropWhatTypeLeaves(service.spec, previous.spec)
    },
    validate: validateService,
    warnings: serviceWarnings,
    validateUpdate: validateServiceUpdate,
    status: { validateUpdate: validateServiceStatus },
  },
  columns: [
    nameColumn,
    column('Type', 'How the Service is reached.', ({ spec }) => spec?.type ?? ''),
    column('Cluster-IP', 'Address inside the cluster.', ({ spec }) =>
      spec?.type === 'ExternalName' ? '<none>' : (spec?.clusterIPs?.[0] ?? spec?.clusterIP) || '<none>',
    ),
    column('External-IP', 'Address outside the cluster.', externalAddress),
    column('Port(s)', 'Ports, with node ports behind a colon.', portsText),
    ageColumn,
    wide(
      column('Selector', 'Labels of the pods behind the Service.', ({ spec }) => {
        return spec?.selector ? formatLabelSelector(fromLabels(spec.selector)) : '<none>'
      }),
    ),
  ],
  selectableFields: ({ spec }) => ({
    'spec.clusterIP': spec?.clusterIP ?? '',
    'spec.type': spec?.type ?? '',
  }),
}

/** The first of several addresses is the one that old clients know. */
function normalizeAddresses(spec: Writable<ServiceSpec>): void {
  if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP]
}

function defaultService(spec: Writable<ServiceSpec>): void {
  spec.type ??= 'ClusterIP'
  spec.sessionAffinity ??= 'None'
  if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig
  else {
    const clientIP = { ...spec.sessionAffinityConfig?.clientIP }
    clientIP.timeoutSeconds ??= affinitySeconds
    spec.sessionAffinityConfig = { ...spec.sessionAffinityConfig, clientIP }
  }
  for (const port of spec.ports ?? []) {
    port.protocol ??= 'TCP'
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '')
      port.targetPort = port.port
  }
  if (isReachedFromOutside(spec)) spec.externalTrafficPolicy ??= 'Cluster'
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster'
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true
}

/** What a client that only knows some fields leaves out stays as it was allocated, as long as the type has use for it. */
function keepAllocated(spec: Writable<ServiceSpec>, previous: ServiceSpec): void {
  if (previous.type !== 'ExternalName' && spec.type !== 'ExternalName') {
    if (!spec.clusterIP && previous.clusterIP) spec.clusterIP = previous.clusterIP
    if (!spec.clusterIPs?.length && previous.clusterIPs) spec.clusterIPs = [...previous.clusterIPs]
    if (previous.ipFamilies) spec.ipFamilies ??= [...previous.ipFamilies]
    if (previous.ipFamilyPolicy) spec.ipFamilyPolicy ??= previous.ipFamilyPolicy
  }
  if (hasNodePorts(spec) && hasNodePorts(previous)) {
    for (const port of spec.ports ?? []) {
      const same = previous.ports?.find(({ name = '' }) => name === (port.name ?? ''))
      if (!port.nodePort && same?.nodePort && !spec.ports!.some(({ nodePort }) => nodePort === same.nodePort))
        port.nodePort = same.nodePort
    }
  }
  if (needsHealthCheck(spec) && needsHealthCheck(previous)) {
    if (!spec.healthCheckNodePort && previous.healthCheckNodePort)
      spec.healthCheckNodePort = previous.healthCheckNodePort
  }
  if (spec.type === 'LoadBalancer' && previous.type === 'LoadBalancer') {
    if (previous.loadBalancerClass) spec.loadBalancerClass ??= previous.loadBalancerClass
  }
}

/** What the old type needed and the new one has no use for goes, unless the client changed it, which is then refused. */
function dropWhatTypeLeaves(spec: Writable<ServiceSpec>, previous: ServiceSpec): void {
  const leaves = (isUsed: (spec: ServiceSpec) => boolean) => isUsed(previous) && !isUsed(spec)
  if (leaves(hasClusterAddress) && (!spec.clusterIP || spec.clusterIP === previous.clusterIP)) {
    delete spec.clusterIP
    delete spec.clusterIPs
    delete spec.ipFamilies
    delete spec.ipFamilyPolicy
    delete spec.internalTrafficPolicy
  }
  if (leaves(hasNodePorts)) {
    const known = new Set(previous.ports?.map(({ nodePort }) => nodePort))
    for (const port of spec.ports ?? []) if (known.has(port.nodePort)) delete port.nodePort
  }
  if (leaves(needsHealthCheck) && spec.healthCheckNodePort === previous.healthCheckNodePort)
    delete spec.healthCheckNodePort
  if (leaves(isReachedFromOutside) && spec.externalTrafficPolicy === previous.externalTrafficPolicy) {
    delete spec.externalTrafficPolicy
  }
  if (!leaves(isBalanced)) return
  for (const name of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
    if (spec[name] === previous[name]) delete spec[name]
  }
}

function hasClusterAddress({ type }: ServiceSpec): boolean {
  return type !== 'ExternalName'
}

function hasNodePorts({ type }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer'
}

function isReachedFromOutside(spec: ServiceSpec): boolean {
  return hasNodePorts(spec) || (spec.externalIPs?.length ?? 0) > 0
}

function isBalanced({ type }: ServiceSpec): boolean {
  return type === 'LoadBalancer'
}

function externalAddress({ spec, status }: Service): string {
  switch (spec?.type) {
    case 'ExternalName':
      return spec.externalName ?? ''
    case 'LoadBalancer': {
      const balancers = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || hostname || '')
      const all = [...balancers, ...(spec.externalIPs ?? [])]
      return all.length > 0 ? all.join(',') : '<pending>'
    }
    default:
      return spec?.externalIPs?.length ? spec.externalIPs.join(',') : '<none>'
  }
}

function portsText({ spec }: Service): string {
  const ports = (spec?.ports ?? []).map(({ port, nodePort, protocol }) =>
    nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
  )
  return ports.length > 0 ? ports.join(',') : '<none>'
}
