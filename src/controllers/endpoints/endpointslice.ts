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
import { groupByPorts, planSlices, slicesOfFamily, type SliceContent } from './plan-slices.ts'
import { hasNoClusterAddress, isHeadless, portsOn } from './service-ports.ts'
import { indexServicesBySelector, selects, servicesOf } from './services-of-pod.ts'
import { countSliceChange, countSliceSync } from './slice-metrics.ts'
import { createTriggerTimes, triggerTimeAnnotation } from './trigger-time.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const headlessLabel = 'service.kubernetes.io/headless'
const managedBy = 'endpointslice-controller.k8s.io'
const indexName = 'endpointSlicesOfService'
/** A pod whose node is not known yet is looked at again after this long. */
const unknownNodeMs = 1000

/** Keeps the endpoint slices of services with a selector equal to the pods selected. */
export function endpointSliceReconciler(): Reconciler {
  const triggerTimes = createTriggerTimes()
  return {
    name: 'endpointslice',
    queueName: 'endpoint_slice',
    eventSource: 'endpoint-slice-controller',
    watches: [
      on(services, (service) => [keyOf(service)]),
      on(pods, (pod, { cache }) => servicesOf(pod, cache(services)).map(keyOf)),
      on(nodes, () => []),
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
      if (!service) triggerTimes.forget(key)
      if (!service || isDeleting(service) || !service.spec?.selector || service.spec.type === 'ExternalName')
        return done

      const selected = cache(pods)
        .list(service.metadata?.namespace)
        .filter(({ metadata }) => selects(service, metadata?.labels ?? {}))
      const slices = cache(endpointSlices).byIndex(indexName, key)
      const triggerTime = triggerTimes.compute(key, service, selected)
      try {
        await writeSlices(service, selected, slices, triggerTime, context)
        countSliceSync(context.metrics, 'success')
      } catch (error) {
        if (isNamespaceTerminating(error)) return done
        countSliceSync(context.metrics, 'error')
        const message = `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`
        context.events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', message)
        throw error
      }
      return selected.some((pod) => lacksNode(pod, service, context)) ? again(unknownNodeMs) : done
    },
  }
}

async function writeSlices(
  service: Service,
  selected: readonly Pod[],
  slices: readonly EndpointSlice[],
  triggerTime: string | undefined,
  context: ReconcileContext,
): Promise<void> {
  const { client, cache, metrics } = context
  const families = familiesOf(service)
  for (const family of families) {
    const items = selected.filter(hasEndpoint).flatMap((pod) => {
      if (lacksNode(pod, service, context)) return []
      const node = cache(nodes).get(pod.spec?.nodeName ?? '')
      const endpoint = endpointOf(pod, node, service, family)
      if (!endpoint) return []
      return [
        { endpoint, ports: isHeadless(service) && !service.spec?.ports?.length ? [] : portsOn(pod, service) },
      ]
    })
    const existing = slicesOfFamily(slices, family)
    const plan = planSlices(existing, groupByPorts(items))
    const written = new Set([...plan.update.map(({ slice }) => slice), ...plan.delete])
    for (const content of plan.create) {
      await client.create(endpointSlices, sliceFor(service, family, content, triggerTime))
      countSliceChange(metrics, 'create')
    }
    for (const { slice, content } of plan.update)
      await update(sliceFor(service, family, content, triggerTime, slice))
    for (const slice of plan.delete) await remove(slice)
    for (const slice of existing.filter((candidate) => !written.has(candidate))) {
      const { ports = [], endpoints = [] } = slice
      const wanted = sliceFor(service, family, { ports, endpoints }, triggerTime, slice)
      if (!hasSameIdentity(wanted, slice)) await update(wanted)
    }
  }
  for (const slice of slices) if (!families.includes(slice.addressType as AddressFamily)) await remove(slice)

  async function update(slice: EndpointSlice): Promise<void> {
    await client.update(endpointSlices, slice)
    countSliceChange(metrics, 'update')
  }

  async function remove(slice: EndpointSlice): Promise<void> {
    try {
      await client.delete(endpointSlices, identityOf(slice))
      countSliceChange(metrics, 'delete')
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
