import type { EndpointAddress, Endpoints } from '../../api/generated/core.v1.ts'
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpoints, endpointSlices, services } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { managedByLabel, serviceNameLabel } from './endpointslice.ts'
import { familyOf, type AddressFamily } from './pod-endpoint.ts'
import { groupByPorts, planSlices, slicesOfFamily, type SliceContent } from './plan-slices.ts'
import { triggerTimeAnnotation } from './trigger-time.ts'

const managedBy = 'endpointslicemirroring-controller.k8s.io'
const skipMirrorLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'
const indexName = 'mirroredEndpointSlices'
const maxPerSubset = 1000

/** Copies Endpoints that users write for services without a selector into endpoint slices. */
export const endpointSliceMirroringReconciler: Reconciler = {
  name: 'endpointslicemirroring',
  queueName: 'endpoint_slice_mirroring',
  eventSource: 'endpoint-slice-mirroring-controller',
  watches: [
    on(endpoints, (object) => [keyOf(object)]),
    on(services, (service) => [keyOf(service)]),
    on(endpointSlices, mirroredKey),
  ],

  prepare: ({ cache }) => cache(endpointSlices).addIndex(indexName, mirroredKey),

  async reconcile(key, context) {
    const { client, cache } = context
    const service = cache(services).get(key)
    const source = cache(endpoints).get(key)
    const slices = cache(endpointSlices).byIndex(indexName, key)
    const isWanted = source && isMirrored(source) && service && !service.spec?.selector && !isDeleting(source)
    try {
      for (const family of ['IPv4', 'IPv6'] as const) {
        const existing = slicesOfFamily(slices, family)
        const groups = isWanted ? groupByPorts(mirroredEndpoints(source, family)) : []
        const plan = planSlices(existing, groups, { placeholder: false })
        for (const content of plan.create)
          await client.create(endpointSlices, sliceFor(source!, family, content))
        for (const { slice, content } of plan.update)
          await client.update(endpointSlices, sliceFor(source!, family, content, slice))
        for (const slice of plan.delete) await remove(slice, context)
        const written = new Set([...plan.update.map(({ slice }) => slice), ...plan.delete])
        for (const slice of existing.filter((candidate) => !written.has(candidate))) {
          const { ports = [], endpoints: held = [] } = slice
          const wanted = sliceFor(source!, family, { ports, endpoints: held }, slice)
          if (!sameOnceWritten(wanted.metadata, slice.metadata)) await client.update(endpointSlices, wanted)
        }
      }
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error
    }
    return done
  },
}

function mirroredKey({ metadata }: EndpointSlice): readonly string[] {
  const { [serviceNameLabel]: name, [managedByLabel]: manager } = metadata?.labels ?? {}
  return name && manager === managedBy ? [`${metadata?.namespace}/${name}`] : []
}

function isMirrored({ metadata }: Endpoints): boolean {
  return (
    metadata?.labels?.[skipMirrorLabel] !== 'true' && metadata?.annotations?.[leaderAnnotation] === undefined
  )
}

function mirroredEndpoints({ subsets = [] }: Endpoints, family: AddressFamily) {
  return subsets.flatMap(({ addresses = [], notReadyAddresses = [], ports = [] }) => {
    const slicePorts = ports.map(({ name = '', protocol = 'TCP', ...port }) => ({ name, protocol, ...port }))
    return [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ]
      .slice(0, maxPerSubset)
      .filter(({ addresses: [ip = ''] }) => familyOf(ip) === family)
      .map((endpoint) => ({ endpoint, ports: slicePorts }))
  })
}

function endpointOf({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname && { hostname }),
    ...(targetRef && { targetRef }),
    ...(nodeName && { nodeName }),
  }
}

function sliceFor(
  source: Endpoints,
  addressType: AddressFamily,
  { ports, endpoints: content }: SliceContent,
  existing?: EndpointSlice,
): EndpointSlice {
  const { name, namespace } = identityOf(source)
  const { [lastAppliedAnnotation]: _, ...annotations } = source.metadata?.annotations ?? {}
  const { [triggerTimeAnnotation]: __, ...copied } = annotations
  return {
    ...existing,
    metadata: {
      ...(existing ? existing.metadata : { generateName: `${name}-`, namespace }),
      labels: { ...source.metadata?.labels, [serviceNameLabel]: name, [managedByLabel]: managedBy },
      annotations: copied,
      ownerReferences: [ownerReferenceTo(source, endpoints)],
    },
    addressType,
    endpoints: content,
    ports,
  }
}

async function remove(slice: EndpointSlice, { client }: ReconcileContext): Promise<void> {
  try {
    await client.delete(endpointSlices, identityOf(slice))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
