import type { Pod, Service } from '../../api/generated/core.v1.ts'
import type { EndpointSlice } from '../../api/generated/discovery.v1.ts'
import { endpointSlices, services } from '../../api/generated/resources.ts'
import { isLinkLocalOrLoopback } from './proxyable.ts'
import type { Random } from '../../machinery/random.ts'
import { badRequest, notFound, serviceUnavailable } from '../../machinery/status-errors.ts'
import type { Objects } from '../objects.ts'
import type { Backend, TlsIdentity } from './backend.ts'
import { kubeletOf, podOf } from './node-location.ts'
import { parseSchemeNamePort, type SchemeNamePort } from './scheme-name-port.ts'

/** Finds the backend that a request to a `proxy` subresource means. Source: kubernetes/pkg/registry/core. */
export interface ProxyTargets {
  pod(namespace: string, id: string): Promise<Backend>
  service(namespace: string, id: string): Backend
  node(id: string): Backend
}

export function createProxyTargets(objects: Objects, random: Random, identity: TlsIdentity): ProxyTargets {
  return {
    async pod(namespace, id) {
      const { scheme, name, port } = partsOf(id, 'pod')
      const pod = await podOf(objects, namespace, name)
      const host = pod.status?.podIP ?? ''
      if (host === '' || isLinkLocalOrLoopback(host)) throw badRequest('address not allowed')
      return { scheme: schemeOf(scheme), host, port: numberOf(port === '' ? firstPort(pod) : port, scheme) }
    },
    service: (namespace, id) => serviceBackend(objects, random, namespace, partsOf(id, 'service')),
    node(id) {
      const { scheme, name, port } = partsOf(id, 'node')
      const kubelet = kubeletOf(objects, name, identity)
      if (port === '' || port === String(kubelet.port)) return kubelet
      if (isLinkLocalOrLoopback(kubelet.host)) throw badRequest('address not allowed')
      return { scheme: schemeOf(scheme), host: kubelet.host, port: numberOf(port, scheme) }
    },
  }
}

function partsOf(id: string, kind: string): SchemeNamePort {
  const parts = parseSchemeNamePort(id)
  if (!parts) throw badRequest(`invalid ${kind} request ${JSON.stringify(id)}`)
  return parts
}

function schemeOf(scheme: string): 'http' | 'https' {
  return scheme === 'https' ? 'https' : 'http'
}

function numberOf(port: string, scheme: string): number {
  const number = port === '' ? (scheme === 'https' ? 443 : 80) : Number(port)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw badRequest(`invalid port ${JSON.stringify(port)}`)
  return number
}

function firstPort({ spec }: Pod): string {
  const port = spec?.containers.flatMap(({ ports = [] }) => ports)[0]?.containerPort
  return port === undefined ? '' : String(port)
}

function serviceBackend(
  objects: Objects,
  random: Random,
  namespace: string,
  { scheme, name, port }: SchemeNamePort,
): Backend {
  const service = objects.get(services, { namespace, name })
  if (!service) throw notFound('services', name)
  const portName = servicePortName(service, port)
  const candidates = objects
    .list(endpointSlices, namespace)
    .filter(({ metadata }) => metadata?.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice) => backendsOf(slice, portName, schemeOf(scheme)))
  if (candidates.length === 0) {
    const id = [scheme, name, port].filter((part) => part !== '').join(':')
    throw serviceUnavailable(`no endpoints available for service ${JSON.stringify(id)}`)
  }
  return candidates[Math.floor(random.next() * candidates.length)]!
}

/** The name of the port that is meant, by which endpoints know theirs; undefined when any will do. */
function servicePortName(service: Service, port: string): string | undefined {
  if (port === '') return undefined
  if (!/^\d+$/.test(port)) return port
  const found = service.spec?.ports?.find((candidate) => String(candidate.port) === port)
  if (found) return found.name ?? ''
  throw serviceUnavailable(
    `no service port ${port} found for service ${JSON.stringify(service.metadata?.name ?? '')}`,
  )
}

function backendsOf(
  slice: EndpointSlice,
  portName: string | undefined,
  scheme: 'http' | 'https',
): readonly Backend[] {
  const port = slice.ports?.find(({ name = '' }) => portName === undefined || name === portName)?.port
  if (!port) return []
  return (slice.endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses ?? [])
    .filter((host) => !isLinkLocalOrLoopback(host))
    .map((host) => ({ scheme, host, port }))
}
