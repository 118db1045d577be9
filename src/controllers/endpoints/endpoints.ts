import type { Endpoints, Service } from '../../api/generated/core.v1.ts'
import { endpoints, pods, services } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { keyOf, parseKey } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating, messageOf } from '../pods/pod-control.ts'
import { headlessLabel } from './endpointslice.ts'
import { subsetsOf, truncated } from './plan-subsets.ts'
import { hasNoClusterAddress } from './service-ports.ts'
import { indexServicesBySelector, selects, servicesOf } from './services-of-pod.ts'
import { createTriggerTimes, triggerTimeAnnotation } from './trigger-time.ts'

const managedByLabel = 'endpoints.kubernetes.io/managed-by'
const managedBy = 'endpoint-controller'
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity'

/** Keeps the Endpoints object of each service with a selector equal to the pods selected. */
export function endpointsReconciler(): Reconciler {
  const triggerTimes = createTriggerTimes()
  return {
    name: 'endpoint',
    watches: [
      on(services, (service) => [keyOf(service)]),
      on(pods, (pod, { cache }) => servicesOf(pod, cache(services)).map(keyOf)),
      on(endpoints, (object, { cache }) =>
        isOurs(object) || cache(services).get(keyOf(object)) ? [keyOf(object)] : [],
      ),
    ],

    prepare: ({ cache }) => indexServicesBySelector(cache(services)),

    async reconcile(key, context) {
      const { cache } = context
      const service = cache(services).get(key)
      const current = cache(endpoints).get(key)
      if (!service) {
        triggerTimes.forget(key)
        // What users wrote for the service goes with it, too.
        if (current) await remove(key, context)
        return done
      }
      if (!service.spec?.selector || service.spec.type === 'ExternalName') return done

      const selected = cache(pods)
        .list(service.metadata?.namespace)
        .filter(({ metadata }) => selects(service, metadata?.labels ?? {}))
      const triggerTime = triggerTimes.compute(key, service, selected)
      const all = subsetsOf(service, selected)
      const subsets = truncated(all)
      const wanted = endpointsFor(service, current, subsets, subsets !== all, triggerTime)
      if (current && isSame(current, wanted)) return done
      await write(service, current, wanted, context)
      return done
    },
  }
}

function isOurs({ metadata }: Endpoints): boolean {
  return metadata?.labels?.[managedByLabel] === managedBy
}

async function remove(key: string, { client }: ReconcileContext): Promise<void> {
  try {
    await client.delete(endpoints, parseKey(key))
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}

function endpointsFor(
  service: Service,
  current: Endpoints | undefined,
  subsets: Endpoints['subsets'],
  isTruncated: boolean,
  triggerTime: string | undefined,
): Endpoints {
  const { name, namespace } = identityOf(service)
  const {
    [triggerTimeAnnotation]: _,
    [overCapacityAnnotation]: __,
    ...annotations
  } = current?.metadata?.annotations ?? {}
  const { [headlessLabel]: ___, ...labels } = service.metadata?.labels ?? {}
  return {
    ...current,
    metadata: {
      ...(current ? current.metadata : { name, namespace }),
      labels: {
        ...labels,
        [managedByLabel]: managedBy,
        ...(hasNoClusterAddress(service) && { [headlessLabel]: '' }),
      },
      annotations: {
        ...annotations,
        ...(triggerTime && { [triggerTimeAnnotation]: triggerTime }),
        ...(isTruncated && { [overCapacityAnnotation]: 'truncated' }),
      },
    },
    subsets: subsets ?? [],
  }
}

/** The trigger time alone is no reason to write. */
function isSame(current: Endpoints, wanted: Endpoints): boolean {
  const overCapacity = ({ metadata }: Endpoints) => metadata?.annotations?.[overCapacityAnnotation]
  return (
    jsonEqual(current.subsets ?? [], wanted.subsets) &&
    jsonEqual(current.metadata?.labels, wanted.metadata?.labels) &&
    overCapacity(current) === overCapacity(wanted)
  )
}

async function write(
  service: Service,
  current: Endpoints | undefined,
  wanted: Endpoints,
  { client, events }: ReconcileContext,
): Promise<void> {
  try {
    await (current ? client.update(endpoints, wanted) : client.create(endpoints, wanted))
  } catch (error) {
    if (isNamespaceTerminating(error)) return
    const key = keyOf(service)
    if (current)
      events.event(
        wanted,
        'Warning',
        'FailedToUpdateEndpoint',
        `Failed to update endpoint ${key}: ${messageOf(error)}`,
      )
    else
      events.event(
        wanted,
        'Warning',
        'FailedToCreateEndpoint',
        `Failed to create endpoint for service ${key}: ${messageOf(error)}`,
      )
    throw error
  }
}
