import type { Pod, Service } from '../../api/generated/core.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { endpointOf, familiesOf, hasEndpoint, type AddressFamily } from './pod-endpoint.ts'
import {
  compareEndpoints,
  groupByPorts,
  maxEndpointsPerSlice,
  planSlices,
  slicesOfFamily,
  type SliceContent,
} from './plan-slices.ts'
import { hasNoClusterAddress, isHeadless, portsOn } from './service-ports.ts'
import { indexServicesBySelector, selects, servicesOf } from './services-of-pod.ts'
import { createServiceHints, type ServiceHints } from './service-hints.ts'
import { createSliceMetrics, type SliceMetrics } from './slice-metrics.ts'
import { createTriggerTimes, triggerTimeAnnotation } from './trigger-time.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const headlessLabel = 'service.kubernetes.io/headless'
const managedBy = 'endpointslice-controller.k8s.io'
const indexName = 'endpointSlicesOfService'
/** A pod whose node is not known yet is looked at again after this long. */
const unknownNodeMs = 1000

/** Keeps the endpoint slices of services with a selector equal to the pods selected, `max` (default 100) in a slice. */
export function endpointSliceReconciler(max = maxEndpointsPerSlice): Reconciler {
  const triggerTimes = createTriggerTimes()
  const hints = createServiceHints()
  let measured: SliceMetrics | undefined
  return {
    name: 'endpointslice',
    queueName: 'endpoint_slice',
    eventSource: 'endpoint-slice-controller',
    watches: [
      on(services, (service) => [keyOf(service)]),
      on(pods, (pod, { cache }) => servicesOf(pod, cache(services)).map(keyOf)),
      on(nodes, (_node, context) => hints.overloaded(context)),
      on(endpointSlices, (slice) => {
        const key = serviceKeyOf(slice)
        return key && isOurs(slice) ? [key] : []
      }),
    ],

    prepare({ cache }) {
      indexServicesBySelector(cache(services))
      cache(endpointSlices).addIndex(indexName, (slice) => {
        const key = serviceKeyOf(slice)
        return key && isOurs(slice) ? [key] : []
      })
    },

    async reconcile(key, context) {
      const { cache } = context
      const service = cache(services).get(key)
      const tracking = { hints, measured: (measured ??= createSliceMetrics(context.metrics, max)), max }
      if (!service) {
        triggerTimes.forget(key)
        hints.forget(key)
        measured.forget(key)
      }
      if (!service?.spec?.selector || service.spec.type === 'ExternalName') return done

      const selected = cache(pods)
        .list(service.metadata?.namespace)
        .filter(({ metadata }) => selects(service, metadata?.labels ?? {}))
      const slices = cache(endpointSlices).byIndex(indexName, key)
      const triggerTime = triggerTimes.compute(key, service, selected)
      try {
        await writeSlices(service, selected, slices, triggerTime, tracking, context)
      } catch (error) {
        if (isNamespaceTerminating(error)) return done
        fail(messageOf(error))
        throw error
      }
      const lost = selected.filter((pod) => hasEndpoint(pod) && lacksNode(pod, service, context))
      if (lost.length > 0) {
        fail(lost.map((pod) => lostMessage(pod, key)).join(', '))
        return again(unknownNodeMs)
      }
      measured.countSync('success')
      return done

      function fail(detail: string): void {
        measured?.countSync('error')
        const message = `Error updating Endpoint Slices for Service ${key}: ${detail}`
        context.events.event(service!, 'Warning', 'FailedToUpdateEndpointSlices', message)
      }
    },
  }
}

interface Tracking {
  readonly hints: ServiceHints
  readonly measured: SliceMetrics
  readonly max: number
}

function lostMessage({ metadata, spec }: Pod, key: string): string {
  return `skipping Pod ${metadata?.name} for Service ${key}: Node ${spec?.nodeName} Not Found`
}

function isOwnedBy({ metadata }: EndpointSlice, service: Service): boolean {
  return (metadata?.ownerReferences ?? []).some(
    ({ apiVersion, kind, uid }) => uid === service.metadata?.uid && kind === 'Service' && apiVersion === 'v1',
  )
}

async function writeSlices(
  service: Service,
  selected: readonly Pod[],
  slices: readonly EndpointSlice[],
  triggerTime: string | undefined,
  { hints, measured, max }: Tracking,
  context: ReconcileContext,
): Promise<void> {
  const { client, cache } = context
  const families = familiesOf(service)
  // A service of the same name that is gone left them.
  const owned = slices.filter((slice) => isOwnedBy(slice, service))
  for (const slice of slices) if (!owned.includes(slice)) await remove(slice)
  for (const family of families) {
    const found = selected.filter(hasEndpoint).flatMap((pod) => {
      if (lacksNode(pod, service, context)) return []
      const node = cache(nodes).get(pod.spec?.nodeName ?? '')
      const endpoint = endpointOf(pod, node, service, family)
      if (!endpoint) return []
      return [
        { endpoint, ports: isHeadless(service) && !service.spec?.ports?.length ? [] : portsOn(pod, service) },
      ]
    })
    const existing = slicesOfFamily(owned, family)
    const endpoints = found.map(({ endpoint }) => endpoint)
    const hinted = hints.assign(service, family, endpoints, existing, context)
    const items = found.map(({ ports }, index) => ({ ports, endpoint: hinted[index]! }))
    const groups = groupByPorts(items)
    // The slices of a service that is on its way out go with it; one that is made now could outlive it.
    const plan = { ...planSlices(existing, groups, { max }), ...(isDeleting(service) && { create: [] }) }
    let changed = plan.create.length + plan.update.length + plan.delete.length
    const written = new Set([...plan.update.map(({ slice }) => slice), ...plan.delete])
    for (const content of plan.create) {
      await client.create(endpointSlices, sliceFor(service, family, content, triggerTime))
      measured.countChange('create')
    }
    for (const { slice, content } of plan.update)
      await update(sliceFor(service, family, content, triggerTime, slice))
    for (const slice of plan.delete) await remove(slice)
    for (const slice of existing.filter((candidate) => !written.has(candidate))) {
      const { ports = [], endpoints: held = [] } = slice
      const wanted = sliceFor(service, family, { ports, endpoints: held }, triggerTime, slice)
      if (hasSameIdentity(wanted, slice)) continue
      await update(wanted)
      changed++
    }
    measured.observe(service, family, {
      ...compareEndpoints(existing, groups),
      changed,
      slices: existing.length + plan.create.length - plan.delete.length,
      endpointsPerGroup: groups.map((group) => group.endpoints.length),
    })
  }
  for (const slice of owned) if (!families.includes(slice.addressType as AddressFamily)) await remove(slice)

  async function update(slice: EndpointSlice): Promise<void> {
    await client.update(endpointSlices, slice)
    measured.countChange('update')
  }

  async function remove(slice: EndpointSlice): Promise<void> {
    try {
      await client.delete(endpointSlices, identityOf(slice))
      measured.countChange('delete')
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }
}

/** A pod on a node that is not there (any more) cannot be reached, unless the service wants all addresses anyway. */
function lacksNode({ spec }: Pod, service: Service, { cache }: ReconcileContext): boolean {
  if (!spec?.nodeName || service.spec?.publishNotReadyAddresses) return false
  return cache(nodes).get(spec.nodeName) === undefined
}

function sliceFor(
  service: Service,
  addressType: AddressFamily,
  { ports, endpoints }: SliceContent,
  triggerTime: string | undefined,
  existing?: EndpointSlice,
): EndpointSlice {
  const { name, namespace } = identityOf(service)
  const { [triggerTimeAnnotation]: _, ...annotations } = existing?.metadata?.annotations ?? {}
  return {
    ...existing,
    metadata: {
      ...(existing ? existing.metadata : { generateName: `${name}-`, namespace }),
      labels: sliceLabels(service),
      annotations: { ...annotations, ...(triggerTime && { [triggerTimeAnnotation]: triggerTime }) },
      ownerReferences: existing?.metadata?.ownerReferences ?? [ownerReferenceTo(service, services)],
    },
    addressType,
    endpoints,
    ports,
  }
}

/** Whether labels and owner are as they should be; the annotations follow the endpoints. */
function hasSameIdentity(wanted: EndpointSlice, held: EndpointSlice): boolean {
  return jsonEqual(wanted.metadata?.labels, held.metadata?.labels)
}

/** The service's labels, with those in place of their like that say what the slice is. */
function sliceLabels(service: Service): Readonly<Record<string, string>> {
  const { [headlessLabel]: _, ...labels } = service.metadata?.labels ?? {}
  return {
    ...labels,
    [serviceNameLabel]: service.metadata?.name ?? '',
    [managedByLabel]: managedBy,
    ...(hasNoClusterAddress(service) && { [headlessLabel]: '' }),
  }
}

function serviceKeyOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata?.labels?.[serviceNameLabel]
  return name ? `${metadata?.namespace}/${name}` : undefined
}

function isOurs({ metadata }: EndpointSlice): boolean {
  return metadata?.labels?.[managedByLabel] === managedBy
}
