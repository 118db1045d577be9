import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { endpointSlices, namespaces, services } from '../api/generated/resources.ts'
import type { Informers } from '../client/informer.ts'
import type { ClusterRecords } from './cluster-zone.ts'
import { canonicalAddress } from './reverse-name.ts'

const byServiceName = 'dns/serviceName'
const byAddress = 'dns/address'

/** The cluster's records over caches that the API server's watches keep. */
export function informedRecords(informers: Informers): ClusterRecords {
  const namespaceCache = informers.informer(namespaces)
  const serviceCache = informers.informer(services)
  const sliceCache = informers.informer(endpointSlices)
  serviceCache.addIndex(byAddress, clusterAddresses)
  sliceCache.addIndex(byServiceName, serviceKeys)
  sliceCache.addIndex(byAddress, endpointAddresses)

  return {
    hasNamespace: (name) => namespaceCache.get(name) !== undefined,
    service: (namespace, name) => serviceCache.get(`${namespace}/${name}`),
    endpointSlices: (namespace, service) => sliceCache.byIndex(byServiceName, `${namespace}/${service}`),
    serviceByAddress: (address) => serviceCache.byIndex(byAddress, address)[0],
    endpointSlicesByAddress(address) {
      return sliceCache.byIndex(byAddress, address).filter((slice) => {
        const [key] = serviceKeys(slice)
        return key !== undefined && serviceCache.get(key)?.spec?.clusterIP === 'None'
      })
    },
  }
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
