import type { Endpoints, Service } from '../../api/generated/core.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpoints, endpointSlices, services } from '../../api/generated/resources.ts'
import { semanticEqual } from '../../machinery/equal.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import type { ObjectName, Resource } from '../../machinery/resource.ts'
import { isLinkLocalOrLoopback } from '../connect/proxyable.ts'
import type { Objects } from '../objects.ts'
import { unlessThere } from './namespaces.ts'

export interface KubernetesServiceOptions {
  /** The first address of the service range. */
  readonly clusterIp: string
  /** Where the cluster's API servers are reached, all on one port. */
  readonly addresses: readonly string[]
  readonly port: number
}

const name: ObjectName = { namespace: 'default', name: 'kubernetes' }
const servicePort = 443
const portName = 'https'

/**
 * The Service by which pods find the API server, with the endpoints behind it. Called again and again, it puts right what
 * somebody has changed. Source: kubernetes/pkg/controlplane/controller/kubernetesservice, pkg/controlplane/reconcilers.
 */
export async function ensureKubernetesService(
  objects: Objects,
  options: KubernetesServiceOptions,
): Promise<void> {
  await ensure(objects, services, serviceOf(options), (service) => ({ ports: service.spec?.ports }))
  // A server that only this machine can reach is no endpoint for pods.
  if (options.addresses.some(isLinkLocalOrLoopback)) return
  await Promise.all([
    ensure(objects, endpoints, endpointsOf(options), ({ subsets }) => ({ subsets })),
    ensure(objects, endpointSlices, endpointSliceOf(options), ({ endpoints, ports }) => ({
      endpoints,
      ports,
    })),
  ])
}

/** Creates the object, or makes it say what `part` tells of it. */
async function ensure<T extends KubernetesObject>(
  objects: Objects,
  resource: Resource<T>,
  wanted: T,
  part: (object: T) => unknown,
): Promise<void> {
  const found = objects.get(resource, name)
  if (!found) {
    await objects.create(resource, wanted).catch(unlessThere)
    return
  }
  if (semanticEqual(part(found), part(wanted))) return
  await objects.change(resource, name, (object) => {
    const { metadata: _metadata, kind: _kind, apiVersion: _apiVersion, ...content } = wanted
    const { spec, ...rest } = content as { spec?: object }
    const holder = object as Writable<KubernetesObject> & { spec?: object }
    Object.assign(holder, rest, spec && { spec: { ...holder.spec, ...spec } })
  })
}

function serviceOf({ clusterIp, port }: KubernetesServiceOptions): Service {
  return {
    metadata: { ...name, labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterIp,
      clusterIPs: [clusterIp],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: portName, port: servicePort, protocol: 'TCP', targetPort: port }],
    },
  }
}

/** These endpoints are nobody else's to derive slices from. */
const mirrored = { 'endpointslice.kubernetes.io/skip-mirror': 'true' }

function endpointsOf({ addresses, port }: KubernetesServiceOptions): Endpoints {
  return {
    metadata: { ...name, labels: mirrored },
    subsets: [
      { addresses: addresses.map((ip) => ({ ip })), ports: [{ name: portName, port, protocol: 'TCP' }] },
    ],
  }
}

function endpointSliceOf({ addresses, port }: KubernetesServiceOptions): EndpointSlice {
  return {
    metadata: { ...name, labels: { 'kubernetes.io/service-name': name.name } },
    addressType: addresses[0]?.includes(':') ? 'IPv6' : 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: portName, port, protocol: 'TCP' }],
  }
}
