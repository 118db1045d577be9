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

/**
 * The subsets cut to what an Endpoints object may hold: ready addresses first, each subset its share, rounded up while there
 * is room.
 */
export function truncated(subsets: readonly EndpointSubset[]): readonly EndpointSubset[] {
  const total = (addresses: (subset: EndpointSubset) => readonly EndpointAddress[] | undefined) =>
    subsets.reduce((sum, subset) => sum + (addresses(subset)?.length ?? 0), 0)
  const ready = total(({ addresses }) => addresses)
  const notReady = total(({ notReadyAddresses }) => notReadyAddresses)
  if (ready + notReady <= maxAddresses) return subsets
  const cutsReady = ready > maxAddresses
  const [all, room] = cutsReady ? [ready, maxAddresses] : [notReady, maxAddresses - ready]
  let left = room
  const take = (addresses: readonly EndpointAddress[]) => {
    const kept = addresses.slice(0, Math.min(left, Math.ceil((addresses.length / all) * room)))
    left -= kept.length
    return kept
  }
  return subsets
    .map(({ addresses = [], notReadyAddresses = [], ports }) => {
      const keptReady = cutsReady ? take(addresses) : addresses
      const keptNotReady = cutsReady ? [] : take(notReadyAddresses)
      return {
        ...(keptReady.length > 0 && { addresses: keptReady }),
        ...(keptNotReady.length > 0 && { notReadyAddresses: keptNotReady }),
        ...(ports && { ports }),
      }
    })
    .filter(({ addresses, notReadyAddresses }) => addresses || notReadyAddresses)
}

function portsOf(pod: Pod, service: Service): readonly EndpointPort[] | undefined {
  if (!service.spec?.ports?.length) return isHeadless(service) ? [] : undefined
  const ports = portsOn(pod, service).map(({ name, ...port }) => ({ ...(name && { name }), ...port }))
  return ports.length === 0
    ? undefined
    : ports.toSorted((a, b) => compareGoStrings(a.name ?? '', b.name ?? ''))
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  // Without families it is an old service: whatever the pod has will do.
  const [family] = service.spec?.ipFamilies?.length ? familiesOf(service) : []
  const ip = (
    family ? addressesOf(pod, family) : familiesOf(service).flatMap((each) => addressesOf(pod, each))
  )[0]
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
