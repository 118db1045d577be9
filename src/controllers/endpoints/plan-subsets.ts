import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Pod,
  Service,
} from '../../api/generated/core.v1.ts'
import { compareGoStrings } from '../../machinery/go-format.ts'
import { canonicalJson } from '../../machinery/hash.ts'
import { identityOf } from '../ownership/identity.ts'
import { isReady } from '../pods/pod-state.ts'
import { addressesOf, familiesOf, hasEndpoint, hostnameIn } from './pod-endpoint.ts'
import { isHeadless, portsOn } from './service-ports.ts'

export const maxAddresses = 1000

/** The subsets of an Endpoints object: addresses with the same ports together, in a fixed order. */
export function subsetsOf(service: Service, pods: readonly Pod[]): readonly EndpointSubset[] {
  const publishesAll = service.spec?.publishNotReadyAddresses === true
  const groups = new Map<
    string,
    { ports: readonly EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }
  >()
  for (const pod of pods) {
    if (!hasEndpoint(pod) || (pod.metadata?.deletionTimestamp && !publishesAll)) continue
    const address = addressOf(pod, service)
    const ports = portsOf(pod, service)
    if (!address || !ports) continue
    const key = canonicalJson(ports)
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] }
    groups.set(key, group)
    if (publishesAll || isReady(pod)) group.ready.push(address)
    else group.notReady.push(address)
  }
  return [...groups]
    .toSorted(([a], [b]) => compareGoStrings(a, b))
    .map(([, { ports, ready, notReady }]) => ({
      ...(ready.length > 0 && { addresses: ready.toSorted(byAddress) }),
      ...(notReady.length > 0 && { notReadyAddresses: notReady.toSorted(byAddress) }),
      ...(ports.length > 0 && { ports }),
    }))
}

/** The subsets cut to what an Endpoints object may hold: ready addresses first, each subset its share. */
export function truncated(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const total = (addresses: (subset: EndpointSubset) => readonly EndpointAddress[] | undefined) =>
    subsets.reduce((sum, subset) => sum + (addresses(subset)?.length ?? 0), 0)
  const ready = total(({ addresses }) => addresses)
  const notReady = total(({ notReadyAddresses }) => notReadyAddresses)
  if (ready + notReady <= maxAddresses) return subsets
  const room = { ready: Math.min(ready, maxAddresses), notReady: Math.max(0, maxAddresses - ready) }
  return subsets
    .map(({ addresses = [], notReadyAddresses = [], ports }) => {
      const keptReady = addresses.slice(0, share(addresses.length, ready, room.ready))
      const keptNotReady = notReadyAddresses.slice(
        0,
        share(notReadyAddresses.length, notReady, room.notReady),
      )
      return {
        ...(keptReady.length > 0 && { addresses: keptReady }),
        ...(keptNotReady.length > 0 && { notReadyAddresses: keptNotReady }),
        ...(ports && { ports }),
      }
    })
    .filter(({ addresses, notReadyAddresses }) => addresses || notReadyAddresses)
}

function share(count: number, total: number, room: number): number {
  return total === 0 ? 0 : Math.floor((count * room) / total)
}

function portsOf(pod: Pod, service: Service): readonly EndpointPort[] | undefined {
  if (!service.spec?.ports?.length) return isHeadless(service) ? [] : undefined
  const ports = portsOn(pod, service).map(({ name, ...port }) => ({ ...(name && { name }), ...port }))
  return ports.length === 0
    ? undefined
    : ports.toSorted((a, b) => compareGoStrings(a.name ?? '', b.name ?? ''))
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  const ip = familiesOf(service).flatMap((family) => addressesOf(pod, family))[0]
  if (!ip) return undefined
  const hostname = hostnameIn(pod, service)
  return {
    ip,
    ...(hostname && { hostname }),
    ...(pod.spec?.nodeName && { nodeName: pod.spec.nodeName }),
    targetRef: { kind: 'Pod', ...identityOf(pod) },
  }
}

function byAddress(a: EndpointAddress, b: EndpointAddress): number {
  return compareGoStrings(a.ip, b.ip) || compareGoStrings(a.targetRef?.uid ?? '', b.targetRef?.uid ?? '')
}
