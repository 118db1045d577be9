import type { Service } from '../../api/generated/core.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpointSlices, services } from '../../api/generated/resources.ts'
import { goQuote } from '../../machinery/go-format.ts'
import type { Random } from '../../machinery/random.ts'
import { notFound, serviceUnavailable } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'

/** Where something listens that a Service stands for. */
export interface ServiceEndpoint {
  readonly host: string
  readonly port: number
}

/** Finds who answers for a port of a Service, another one each time. Throws when nobody does. */
export type ServiceResolver = (namespace: string, name: string, port: number) => ServiceEndpoint

/**
 * Goes straight to a ready endpoint, since no kube-proxy needs to run where the API server does: upstream's
 * --enable-aggregator-routing. Names outside the cluster are taken as they are.
 * Source: k8s.io/apiserver/pkg/util/proxy/proxy.go.
 */
export function createServiceResolver(objects: Objects, random: Random): ServiceResolver {
  return (namespace, name, port) => {
    const service = objects.get(services, { namespace, name })
    if (!service) throw notFound('service', name)
    const { type = 'ClusterIP', externalName = '' } = service.spec ?? {}
    if (type === 'ExternalName') return { host: externalName, port }
    const portName = portNameOf(service, port)
    const slices = objects
      .list(endpointSlices, namespace)
      .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
    const endpoint = oneOf(inFamilyOrder(slices, service), portName, random)
    if (!endpoint) throw serviceUnavailable(`no endpoints available for service ${goQuote(name)}`)
    return endpoint
  }
}

function portNameOf({ metadata, spec }: Service, port: number): string {
  const found = spec?.ports?.find((candidate) => candidate.port === port)
  if (found) return found.name ?? ''
  const name = metadata?.name ?? ''
  throw serviceUnavailable(`no service port ${port} found for service ${goQuote(name)}`)
}

/** Slices of the Service's first family first. */
function inFamilyOrder(slices: readonly EndpointSlice[], { spec }: Service): readonly EndpointSlice[][] {
  const preferred = spec?.ipFamilies?.[0]
  const { first = [], others = [] } = Object.groupBy(slices, ({ addressType }) =>
    addressType === preferred ? 'first' : 'others',
  )
  return [first, others]
}

function oneOf(
  families: readonly EndpointSlice[][],
  portName: string,
  random: Random,
): ServiceEndpoint | undefined {
  for (const slices of families) {
    const candidates = slices.flatMap(({ ports = [], endpoints }) => {
      const port = ports.find(({ name = '' }) => name === portName)?.port
      if (!port) return []
      return (endpoints ?? [])
        .filter(({ conditions, addresses }) => conditions?.ready !== false && addresses?.length)
        .map(({ addresses }) => ({ host: addresses[0]!, port }))
    })
    if (candidates.length > 0) return candidates[Math.floor(random.next() * candidates.length)]
  }
  return undefined
}
