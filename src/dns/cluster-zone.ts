import type { StringAnswer, SrvAnswer, Answer, Question } from 'dns-packet'
import type { Endpoint, EndpointSlice } from '../api/generated/discovery.v1.ts'
import type { Service } from '../api/generated/core.v1.ts'
import { addressOfReverseName } from './reverse-name.ts'

/** What the zone reads; backed by informers, or by plain arrays in tests. */
export interface ClusterRecords {
  hasNamespace(name: string): boolean
  service(namespace: string, name: string): Service | undefined
  endpointSlices(namespace: string, service: string): readonly EndpointSlice[]
  /** The service one of whose cluster addresses this is. */
  serviceByAddress(address: string): Service | undefined
  /** Slices of headless services that hold this address. */
  endpointSlicesByAddress(address: string): readonly EndpointSlice[]
  /** Whether a pod of the namespace has this address; asked only where pods are verified. */
  hasPod(namespace: string, address: string): boolean
}

export interface ClusterZoneOptions {
  /** Without dots at the ends: `cluster.local`. */
  readonly clusterDomain: string
  /** Seconds that clients may keep an answer. */
  readonly ttlSeconds: number
  /** Addresses that name servers of the zone are reached at, for NS questions. */
  readonly serverAddresses: readonly string[]
  /** Names of pods' addresses: none, all that are addresses, those that a pod has. Default `insecure`. */
  readonly pods?: 'disabled' | 'insecure' | 'verified'
}

/**
 * The zone's answer. `elsewhere`: the name is not of this zone. `alias`: the answer is a CNAME out of the zone, whose
 * target the caller may resolve and append.
 */
export type ZoneAnswer =
  | { readonly type: 'elsewhere' }
  | { readonly type: 'noSuchName' }
  | { readonly type: 'records'; readonly answers: readonly Answer[]; readonly additionals: readonly Answer[] }
  | { readonly type: 'alias'; readonly answer: StringAnswer; readonly target: string }

const noRecords: ZoneAnswer = { type: 'records', answers: [], additionals: [] }
const noSuchName: ZoneAnswer = { type: 'noSuchName' }

/** Answers one question from the cluster's objects. Source: Kubernetes DNS specification 1.1.0; CoreDNS plugin/kubernetes. */
export function answerFromCluster(
  question: Question,
  records: ClusterRecords,
  options: ClusterZoneOptions,
): ZoneAnswer {
  const name = question.name.toLowerCase()
  const reverseAddress = addressOfReverseName(name)
  if (reverseAddress !== undefined) return answerReverse(question, reverseAddress, records, options)

  const labels = labelsBelow(name, options.clusterDomain)
  if (labels === undefined) return { type: 'elsewhere' }
  if (labels.length === 0) return answerApex(question, options)

  const type = labels.at(-1)
  const rest = labels.slice(0, -1)
  if (type === 'svc') return answerService(question, rest, records, options)
  if (type === 'pod') return answerPod(question, rest, records, options)
  if (type === 'dns-version' && rest.length === 0) return answerVersion(question, options)
  if (type === 'dns' && rest.length === 1 && rest[0] === 'ns')
    return answerAddresses(question, options.serverAddresses, options)
  if (type === 'dns' && rest.length === 0) return noRecords
  return noSuchName
}

/** The zone's SOA, for the authority section of answers that have no records. */
export function startOfAuthority(options: ClusterZoneOptions): Answer {
  const { clusterDomain, ttlSeconds } = options
  return {
    type: 'SOA',
    name: clusterDomain,
    ttl: ttlSeconds,
    data: {
      mname: `ns.dns.${clusterDomain}`,
      rname: `hostmaster.${clusterDomain}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: ttlSeconds,
    },
  }
}

/** The labels in front of the zone, first label first; undefined outside it. */
function labelsBelow(name: string, zone: string): readonly string[] | undefined {
  if (name === zone) return []
  return name.endsWith(`.${zone}`) ? name.slice(0, -zone.length - 1).split('.') : undefined
}

function answerApex(question: Question, options: ClusterZoneOptions): ZoneAnswer {
  const { type, name } = question
  if (type === 'SOA') return { type: 'records', answers: [startOfAuthority(options)], additionals: [] }
  if (type !== 'NS') return noRecords
  const target = `ns.dns.${options.clusterDomain}`
  const answers: Answer[] = [{ type: 'NS', name, ttl: options.ttlSeconds, data: target }]
  return { type: 'records', answers, additionals: addressAnswers(target, options.serverAddresses, options) }
}

function answerVersion({ type, name }: Question, { ttlSeconds }: ClusterZoneOptions): ZoneAnswer {
  if (type !== 'TXT') return noRecords
  return {
    type: 'records',
    answers: [{ type: 'TXT', name, ttl: ttlSeconds, data: '1.1.0' }],
    additionals: [],
  }
}

/** `labels` are those in front of `svc`: [[endpoint] | [_port _protocol]] service namespace. */
function answerService(
  question: Question,
  labels: readonly string[],
  records: ClusterRecords,
  options: ClusterZoneOptions,
): ZoneAnswer {
  const namespace = labels.at(-1)
  if (namespace === undefined) return noRecords
  if (!records.hasNamespace(namespace)) return noSuchName
  const serviceName = labels.at(-2)
  if (serviceName === undefined) return noRecords
  const service = records.service(namespace, serviceName)
  if (!service) return noSuchName

  const selection = selectionOf(labels.slice(0, -2))
  if (!selection) return noSuchName
  if (service.spec?.type === 'ExternalName') return answerExternalName(question, service, selection, options)
  const targets = targetsOf(service, selection, records, options)
  return targets.length === 0 ? noSuchName : answerTargets(question, targets, options)
}

/** Which part of a service a name asks for. */
interface Selection {
  readonly endpoint?: string
  readonly port?: string
  readonly protocol?: string
}

function selectionOf(labels: readonly string[]): Selection | undefined {
  if (labels.length === 0) return {}
  if (labels.length === 1) return { endpoint: labels[0]! }
  const [port, protocol] = labels
  if (labels.length > 2 || !port!.startsWith('_') || !protocol!.startsWith('_')) return undefined
  return { port: port!.slice(1), protocol: protocol!.slice(1) }
}

function answerExternalName(
  question: Question,
  service: Service,
  selection: Selection,
  options: ClusterZoneOptions,
): ZoneAnswer {
  if (selection.endpoint !== undefined || selection.port !== undefined) return noSuchName
  const target = (service.spec?.externalName ?? '').replace(/\.$/, '')
  const answer: StringAnswer = { type: 'CNAME', name: question.name, ttl: options.ttlSeconds, data: target }
  return { type: 'alias', answer, target }
}

/** One address behind a name, with the ports to reach it at. */
interface Target {
  /** The name of this address: the service's own, or `<endpoint>.<service>...`. */
  readonly name: string
  readonly address: string
  readonly ports: readonly { readonly name: string; readonly protocol: string; readonly port: number }[]
}

function targetsOf(
  service: Service,
  selection: Selection,
  records: ClusterRecords,
  { clusterDomain }: ClusterZoneOptions,
): readonly Target[] {
  const { name = '', namespace = '' } = service.metadata ?? {}
  const serviceDomain = `${name}.${namespace}.svc.${clusterDomain}`
  const targets =
    isHeadless(service) || selection.endpoint !== undefined
      ? endpointTargets(records.endpointSlices(namespace, name), serviceDomain)
      : clusterAddressTargets(service, serviceDomain)
  if (selection.endpoint !== undefined) {
    return targets.filter((target) => target.name === `${selection.endpoint}.${serviceDomain}`)
  }
  if (selection.port === undefined) return targets
  return targets
    .map((target) => ({ ...target, ports: target.ports.filter((port) => isPort(port, selection)) }))
    .filter(({ ports }) => ports.length > 0)
}

function isPort(port: { name: string; protocol: string }, selection: Selection): boolean {
  return port.name.toLowerCase() === selection.port && port.protocol.toLowerCase() === selection.protocol
}

function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None'
}

function clusterAddressTargets(service: Service, serviceDomain: string): Target[] {
  const { clusterIP, clusterIPs = clusterIP ? [clusterIP] : [], ports = [] } = service.spec ?? {}
  const targetPorts = ports.map(({ name = '', protocol = 'TCP', port }) => ({ name, protocol, port }))
  return clusterIPs.map((address) => ({ name: serviceDomain, address, ports: targetPorts }))
}

function endpointTargets(slices: readonly EndpointSlice[], serviceDomain: string): Target[] {
  return slices.flatMap((slice) => {
    const ports = (slice.ports ?? []).flatMap(({ name = '', protocol = 'TCP', port }) => {
      return port === undefined ? [] : [{ name, protocol, port }]
    })
    return readyEndpoints(slice).flatMap((endpoint) =>
      endpoint.addresses.map((address) => ({
        name: `${endpointLabel(endpoint, address)}.${serviceDomain}`,
        address,
        ports,
      })),
    )
  })
}

/** Unknown readiness counts as ready, as the EndpointSlice API says. */
function readyEndpoints(slice: EndpointSlice): readonly Endpoint[] {
  return (slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready !== false)
}

function endpointLabel(endpoint: Endpoint, address: string): string {
  return endpoint.hostname || address.replaceAll(/[.:]/g, '-')
}

function answerTargets(
  question: Question,
  targets: readonly Target[],
  options: ClusterZoneOptions,
): ZoneAnswer {
  if (question.type === 'SRV') return answerServices(question, targets, options)
  const addresses = [...new Set(targets.map(({ address }) => address))]
  return answerAddresses(question, addresses, options)
}

function answerServices(
  question: Question,
  targets: readonly Target[],
  options: ClusterZoneOptions,
): ZoneAnswer {
  const answers = new Map<string, SrvAnswer>()
  for (const target of targets) {
    for (const { port } of target.ports) {
      answers.set(`${target.name}:${port}`, {
        type: 'SRV',
        name: question.name,
        ttl: options.ttlSeconds,
        data: { priority: 0, weight: 0, port, target: target.name },
      })
    }
  }
  const weight = Math.max(1, Math.floor(100 / Math.max(1, answers.size)))
  return {
    type: 'records',
    answers: [...answers.values()].map((answer) => ({ ...answer, data: { ...answer.data, weight } })),
    additionals: targets.flatMap(({ name, address }) => addressAnswers(name, [address], options)),
  }
}

function answerAddresses(
  question: Question,
  addresses: readonly string[],
  options: ClusterZoneOptions,
): ZoneAnswer {
  const answers = addressAnswers(question.name, addresses, options).filter(
    ({ type }) => type === question.type,
  )
  return { type: 'records', answers, additionals: [] }
}

function addressAnswers(
  name: string,
  addresses: readonly string[],
  { ttlSeconds }: ClusterZoneOptions,
): Answer[] {
  return addresses.map((data) => ({ type: data.includes(':') ? 'AAAA' : 'A', name, ttl: ttlSeconds, data }))
}

/** `a-b-c-d.namespace.pod`: the address in the name. */
function answerPod(
  question: Question,
  labels: readonly string[],
  records: ClusterRecords,
  options: ClusterZoneOptions,
): ZoneAnswer {
  if (options.pods === 'disabled') return noSuchName
  const [label, namespace] = labels.length === 1 ? [undefined, labels[0]] : labels
  if (namespace === undefined) return noRecords
  if (labels.length > 2 || !records.hasNamespace(namespace)) return noSuchName
  if (label === undefined) return noRecords
  const address = addressInLabel(label)
  if (address === undefined) return noSuchName
  if (options.pods === 'verified' && !records.hasPod(namespace, address)) return noSuchName
  return answerAddresses(question, [address], options)
}

function addressInLabel(label: string): string | undefined {
  if (/^\d{1,3}(-\d{1,3}){3}$/.test(label)) {
    const address = label.replaceAll('-', '.')
    return address.split('.').every((octet) => Number(octet) <= 255) ? address : undefined
  }
  return /^[0-9a-f-]+$/.test(label) && label.split('-').length >= 3 ? label.replaceAll('-', ':') : undefined
}

function answerReverse(
  question: Question,
  address: string,
  records: ClusterRecords,
  options: ClusterZoneOptions,
): ZoneAnswer {
  const names = namesOfAddress(address, records, options)
  if (names.length === 0) return { type: 'elsewhere' }
  if (question.type !== 'PTR') return noRecords
  const answers = names.map<Answer>((data) => ({
    type: 'PTR',
    name: question.name,
    ttl: options.ttlSeconds,
    data,
  }))
  return { type: 'records', answers, additionals: [] }
}

function namesOfAddress(
  address: string,
  records: ClusterRecords,
  { clusterDomain }: ClusterZoneOptions,
): string[] {
  const service = records.serviceByAddress(address)
  if (service) return [`${service.metadata?.name}.${service.metadata?.namespace}.svc.${clusterDomain}`]
  const names = records.endpointSlicesByAddress(address).flatMap((slice) => {
    const serviceName = slice.metadata?.labels?.['kubernetes.io/service-name']
    if (!serviceName) return []
    const serviceDomain = `${serviceName}.${slice.metadata?.namespace}.svc.${clusterDomain}`
    return endpointTargets([slice], serviceDomain).filter((target) => target.address === address)
  })
  return [...new Set(names.map(({ name }) => name))]
}
