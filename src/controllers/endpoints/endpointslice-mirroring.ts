import type { EndpointAddress, Endpoints } from '../../api/generated/core.v1.ts'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpoints, endpointSlices, services } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { parseIp } from '../../machinery/ip.ts'
import { isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'
import { sameOnceWritten } from '../same-once-written.ts'
import { managedByLabel, serviceNameLabel } from './endpointslice.ts'
import { createMirrorMetrics, type MirrorMetrics } from './mirror-metrics.ts'
import { familyOf, type AddressFamily } from './pod-endpoint.ts'
import {
  compareEndpoints,
  groupByPorts,
  planSlices,
  slicesOfFamily,
  type SliceContent,
} from './plan-slices.ts'
import { triggerTimeAnnotation } from './trigger-time.ts'

const managedBy = 'endpointslicemirroring-controller.k8s.io'
const skipMirrorLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'
const indexName = 'mirroredEndpointSlices'
const defaultMaxPerSubset = 1000

/**
 * Copies Endpoints that users write for services without a selector into endpoint slices, `maxPerSubset` (default 1000)
 * addresses of each subset.
 */
export function endpointSliceMirroringReconciler(maxPerSubset = defaultMaxPerSubset): Reconciler {
  let measured: MirrorMetrics | undefined
  return {
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
      const { cache, clock } = context
      const startMs = clock.monotonic()
      measured ??= createMirrorMetrics(context.metrics)
      const service = cache(services).get(key)
      const source = cache(endpoints).get(key)
      try {
        if (source && isMirrored(source) && service && !service.spec?.selector)
          await mirror(source, key, maxPerSubset, measured, context)
        else await removeAll(key, measured, context)
      } catch (error) {
        if (!isNamespaceTerminating(error)) throw error
      } finally {
        measured.observeDuration((clock.monotonic() - startMs) / 1000)
      }
      return done
    },
  }
}

async function removeAll(key: string, measured: MirrorMetrics, context: ReconcileContext): Promise<void> {
  measured.forget(key)
  for (const slice of context.cache(endpointSlices).byIndex(indexName, key))
    await remove(slice, measured, context)
}

async function mirror(
  source: Endpoints,
  key: string,
  maxPerSubset: number,
  measured: MirrorMetrics,
  context: ReconcileContext,
): Promise<void> {
  const { client, cache } = context
  const slices = cache(endpointSlices).byIndex(indexName, key)
  const { endpoints: mirrored, invalid, skipped } = mirroredEndpoints(source, maxPerSubset)
  tellSkipped(source, invalid, skipped, maxPerSubset, context)
  let [desired, desiredSlices, held, added, removed, updated] = [0, 0, 0, 0, 0, 0]
  for (const family of ['IPv4', 'IPv6'] as const) {
    const existing = slicesOfFamily(slices, family)
    const groups = groupByPorts(
      mirrored.filter(({ endpoint }) => familyOf(endpoint.addresses[0]!) === family),
    )
    const plan = planSlices(existing, groups, { max: maxPerSubset, placeholder: false })
    for (const content of isDeleting(source) ? [] : plan.create) {
      await client.create(endpointSlices, sliceFor(source, family, content))
      measured.countChange('create')
    }
    for (const { slice, content } of plan.update) await update(sliceFor(source, family, content, slice))
    for (const slice of plan.delete) await remove(slice, measured, context)
    const written = new Set([...plan.update.map(({ slice }) => slice), ...plan.delete])
    for (const slice of existing.filter((candidate) => !written.has(candidate))) {
      const { ports = [], endpoints: content = [] } = slice
      const wanted = sliceFor(source, family, { ports, endpoints: content }, slice)
      if (!sameOnceWritten(wanted.metadata, slice.metadata)) await update(wanted)
    }
    const compared = compareEndpoints(existing, groups)
    desired += groups.reduce((sum, group) => sum + group.endpoints.length, 0)
    desiredSlices += groups.length
    held += existing.length + plan.create.length - plan.delete.length
    added += compared.added
    removed += compared.removed
    updated += compared.updated
  }
  measured.observe(key, { desired, desiredSlices, slices: held, added, removed, updated, skipped })

  async function update(slice: EndpointSlice): Promise<void> {
    await client.update(endpointSlices, slice)
    measured.countChange('update')
  }
}

function tellSkipped(
  source: Endpoints,
  invalid: number,
  skipped: number,
  maxPerSubset: number,
  { events }: ReconcileContext,
): void {
  if (invalid > 0) {
    const message = `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`
    events.event(source, 'Warning', 'InvalidIPAddress', message)
  }
  if (skipped > invalid) {
    const message =
      `A max of ${maxPerSubset} addresses can be mirrored to EndpointSlices per Endpoints subset. ` +
      `${skipped} addresses were skipped`
    events.event(source, 'Warning', 'TooManyAddressesToMirror', message)
  }
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

/** What is mirrored, how many addresses are none, and how many were left out for that or for their number. */
function mirroredEndpoints({ subsets = [] }: Endpoints, maxPerSubset: number) {
  const mirrored: { endpoint: Endpoint; ports: readonly EndpointPort[] }[] = []
  let [invalid, skipped] = [0, 0]
  for (const { addresses = [], notReadyAddresses = [], ports: listed = [] } of subsets) {
    const ports = listed.map(({ name = '', protocol = 'TCP', ...port }) => ({ name, protocol, ...port }))
    const all = [
      ...addresses.map((address) => endpointOf(address, true)),
      ...notReadyAddresses.map((address) => endpointOf(address, false)),
    ]
    let taken = 0
    for (const endpoint of all) {
      if (taken === maxPerSubset) break
      if (parseIp(endpoint.addresses[0] ?? '', { allowLeadingZeros: true }) === undefined) {
        invalid++
        continue
      }
      mirrored.push({ endpoint, ports })
      taken++
    }
    skipped += all.length - taken
  }
  return { endpoints: mirrored, invalid, skipped }
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

async function remove(
  slice: EndpointSlice,
  measured: MirrorMetrics,
  { client }: ReconcileContext,
): Promise<void> {
  try {
    await client.delete(endpointSlices, identityOf(slice))
    measured.countChange('delete')
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
