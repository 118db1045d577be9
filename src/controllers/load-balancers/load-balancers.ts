import type { LoadBalancerIngress, Service } from '../../api/generated/core.v1.ts'
import { endpointSlices, nodes, services } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { serviceNameLabel } from '../endpoints/endpointslice.ts'
import { hasFinalizer } from '../protection/finalizers.ts'
import { balancerAddresses, placesOf, wantsBalancer } from './plan-addresses.ts'

export const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup'

export interface LoadBalancersOptions {
  /** Ports at which the nodes' own components answer: a Service may not take them. */
  readonly reservedPorts: readonly number[]
}

const [ofBalancers, byPlace, slicesByService] = ['loadBalancers', 'loadBalancersByPlace', 'slicesByService']

/**
 * Gives Services of type LoadBalancer without a class the addresses of nodes, where the nodes' proxies answer for them.
 * Of two that want the same port the older one has it. Finalizer, events and which nodes count are those of
 * k8s.io/cloud-provider, controllers/service.
 */
export function loadBalancersReconciler({ reservedPorts }: LoadBalancersOptions): Reconciler {
  return {
    name: 'service',
    eventSource: 'service-controller',
    concurrency: 1,
    watches: [
      on(services, (service, { cache }) => [
        keyOf(service),
        ...placesOf(service).flatMap((place) => cache(services).byIndex(byPlace, place).map(keyOf)),
      ]),
      on(nodes, (_, { cache }) => cache(services).byIndex(ofBalancers, '').map(keyOf)),
      on(endpointSlices, ({ metadata }, { cache }) => {
        const key = `${metadata?.namespace}/${metadata?.labels?.[serviceNameLabel]}`
        const service = cache(services).get(key)
        return service && wantsBalancer(service) && service.spec?.externalTrafficPolicy === 'Local'
          ? [key]
          : []
      }),
    ],

    prepare({ cache }) {
      cache(services).addIndex(ofBalancers, (service) => (wantsBalancer(service) ? [''] : []))
      cache(services).addIndex(byPlace, (service) => (wantsBalancer(service) ? placesOf(service) : []))
      cache(endpointSlices).addIndex(slicesByService, ({ metadata }) => [
        `${metadata?.namespace}/${metadata?.labels?.[serviceNameLabel]}`,
      ])
    },

    async reconcile(key, context) {
      const service = context.cache(services).get(key)
      if (!service) return done
      if (wantsBalancer(service) && !isDeleting(service)) await provide(service, reservedPorts, context)
      else if (hasFinalizer(service, cleanupFinalizer)) await withdraw(service, context)
      return done
    },
  }
}

async function provide(
  service: Service,
  reservedPorts: readonly number[],
  context: ReconcileContext,
): Promise<void> {
  const { cache, events } = context
  const key = keyOf(service)
  const rivals = placesOf(service)
    .flatMap((place) => cache(services).byIndex(byPlace, place))
    .filter((other) => keyOf(other) !== key)
  const slices = cache(endpointSlices).byIndex(slicesByService, key)
  const { addresses, reason } = balancerAddresses(service, {
    nodes: cache(nodes).list(),
    slices,
    rivals,
    reservedPorts,
  })
  const ingress: readonly LoadBalancerIngress[] = addresses.map((ip) => ({ ip, ipMode: 'VIP' }))
  const held = service.status?.loadBalancer?.ingress ?? []
  const isNew = !hasFinalizer(service, cleanupFinalizer)
  if (isNew) events.event(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
  if (isNew || !jsonEqual(held, ingress)) {
    const finalizers = [...(service.metadata?.finalizers ?? []), ...(isNew ? [cleanupFinalizer] : [])]
    await write(service, finalizers, ingress, context)
    if (ingress.length > 0) events.event(service, 'Normal', 'EnsuredLoadBalancer', 'Ensured load balancer')
  }
  if (reason) {
    events.event(service, 'Warning', 'SyncLoadBalancerFailed', `Error syncing load balancer: ${reason}`)
  }
}

async function withdraw(service: Service, context: ReconcileContext): Promise<void> {
  const { events } = context
  events.event(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
  const finalizers = (service.metadata?.finalizers ?? []).filter((other) => other !== cleanupFinalizer)
  await write(service, finalizers, [], context)
  events.event(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
}

/** Finalizers go with the status, as the controller's role allows it nothing else. */
async function write(
  service: Service,
  finalizers: readonly string[],
  ingress: readonly LoadBalancerIngress[],
  { client }: ReconcileContext,
): Promise<void> {
  const body = {
    metadata: { resourceVersion: service.metadata?.resourceVersion, finalizers },
    status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } },
  }
  try {
    await client.patch(services, parseKey(keyOf(service)), { type: 'merge', body }, { subresource: 'status' })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
