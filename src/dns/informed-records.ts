import type { Pod, Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointSlices, namespaces, pods, services } from '../api/generated/resources.ts'
import type { Informer, Informers } from '../client/informer.ts'
import type { ClusterRecords } from './cluster-zone.ts'
import { canonicalAddress } from './reverse-name.ts'

const byServiceName = 'dns/serviceName'
const byAddress = 'dns/address'

export interface InformedRecords extends ClusterRecords {
  /** Resolves when nothing that exists is unknown. */
  readonly synced: Promise<unknown>
  /** Calls `handler` for every slice of a headless service that changes from now on. */
  onHeadlessChange(handler: (slice: EndpointSlice) => void): () => void
}

/** The cluster's records over caches that the API server's watches keep. Pods are watched from the first question on. */
export function informedRecords(informers: Informers): InformedRecords {
  const namespaceCache = informers.informer(namespaces)
  const serviceCache = informers.informer(services)
  const sliceCache = informers.informer(endpointSlices)
  serviceCache.addIndex(byAddress, clusterAddresses)
  sliceCache.addIndex(byServiceName, serviceKeys)
  sliceCache.addIndex(byAddress, endpointAddresses)
  let podCache: Informer<Pod> | undefined

  function isHeadless(slice: EndpointSlice): boolean {
    const [key] = serviceKeys(slice)
    return key !== undefined && serviceCache.get(key)?.spec?.clusterIP === 'None'
  }

  function podsByAddress(): Informer<Pod> {
    if (!podCache) {
      podCache = informers.informer(pods)
      podCache.addIndex(byAddress, podAddresses)
    }
    return podCache
  }

  return {
    synced: Promise.all([namespaceCache.synced, serviceCache.synced, sliceCache.synced]),
    hasNamespace: (name) => namespaceCache.get(name) !== undefined,
    service: (namespace, name) => serviceCache.get(`${namespace}/${name}`),
    endpointSlices: (namespace, service) => sliceCache.byIndex(byServiceName, `${namespace}/${service}`),
    serviceByAddress: (address) => serviceCache.byIndex(byAddress, address)[0],
    endpointSlicesByAddress: (address) => sliceCache.byIndex(byAddress, address).filter(isHeadless),
    hasPod: (namespace, address) =>
      podsByAddress()
        .byIndex(byAddress, canonicalAddress(address))
        .some(({ metadata }) => metadata?.namespace === namespace),
    onHeadlessChange: (handler) =>
      sliceCache.onChange(({ type, object }) => {
        if (type !== 'deleted' && isHeadless(object)) handler(object)
      }),
  }
}

function podAddresses({ status }: Pod): readonly string[] {
  return (status?.podIPs ?? []).flatMap(({ ip }) => (ip ? [canonicalAddress(ip)] : []))
}

function clusterAddresses({ spec }: Service): readonly string[] {
  const addresses = spec?.clusterIPs ?? (spec?.clusterIP ? [spec.clusterIP] : [])
  return addresses.filter((address) => address !== 'None').map(canonicalAddress)
}

function serviceKeys({ metadata }: EndpointSlice): readonly string[] {
  const service = metadata?.labels?.['kubernetes.io/service-name']
  return service ? [`${metadata.namespace}/${service}`] : []
}

function endpointAddresses({ endpoints }: EndpointSlice): readonly string[] {
  return (endpoints ?? []).flatMap(({ addresses }) => addresses.map(canonicalAddress))
}
