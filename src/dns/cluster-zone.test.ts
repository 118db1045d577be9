import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Answer, Question } from 'dns-packet'
import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { answerFromCluster, type ClusterRecords } from './cluster-zone.ts'

const services: readonly Service[] = [
  {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      clusterIP: '10.96.0.20',
      clusterIPs: ['10.96.0.20'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
    },
  },
  {
    metadata: { namespace: 'default', name: 'dual' },
    spec: {
      clusterIP: '10.96.0.21',
      clusterIPs: ['10.96.0.21', 'fd00::21'],
      ports: [{ port: 53, protocol: 'UDP' }],
    },
  },
  { metadata: { namespace: 'default', name: 'peers' }, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
  { metadata: { namespace: 'default', name: 'nobody' }, spec: { clusterIP: 'None', clusterIPs: ['None'] } },
  {
    metadata: { namespace: 'default', name: 'away' },
    spec: { type: 'ExternalName', externalName: 'example.org' },
  },
]

const peers: EndpointSlice = {
  metadata: { namespace: 'default', name: 'peers-1', labels: { 'kubernetes.io/service-name': 'peers' } },
  addressType: 'IPv4',
  ports: [{ name: 'db', port: 5432, protocol: 'TCP' }],
  endpoints: [
    { addresses: ['10.1.0.5'], hostname: 'peer-0', conditions: { ready: true } },
    { addresses: ['10.1.0.6'], conditions: {} },
    { addresses: ['10.1.0.7'], conditions: { ready: false } },
  ],
}

const records: ClusterRecords = {
  hasNamespace: (name) => name === 'default',
  service: (namespace, name) =>
    services.find(({ metadata }) => metadata?.namespace === namespace && metadata.name === name),
  endpointSlices: (_namespace, service) => (service === 'peers' ? [peers] : []),
  serviceByAddress: (address) => services.find(({ spec }) => spec?.clusterIPs?.includes(address)),
  hasPod: () => false,
  endpointSlicesByAddress: (address) =>
    peers.endpoints!.some(({ addresses }) => addresses.includes(address)) ? [peers] : [],
}

const options = { clusterDomain: 'cluster.local', ttlSeconds: 30, serverAddresses: ['10.96.0.10'] }

/** `A web.default`: names are below svc.cluster.local unless they end in a dot. */
function ask(text: string): string {
  const [type, name] = text.split(' ') as [Question['type'], string]
  const full = name.endsWith('.') ? name.slice(0, -1) : `${name}.svc.cluster.local`
  const answer = answerFromCluster({ type, name: full }, records, options)
  if (answer.type === 'alias') return `alias ${answer.target}`
  if (answer.type !== 'records') return answer.type
  return answer.answers.map(show).join(', ') || 'none'
}

function show(answer: Answer): string {
  if (answer.type === 'SRV') return `${answer.data.target}:${answer.data.port} weight ${answer.data.weight}`
  return 'data' in answer && typeof answer.data === 'string' ? answer.data : answer.type
}

const rows: readonly (readonly [question: string, answer: string])[] = [
  ['A web.default', '10.96.0.20'],
  ['A WEB.Default', '10.96.0.20'],
  ['AAAA web.default', 'none'],
  ['TXT web.default', 'none'],
  ['A dual.default', '10.96.0.21'],
  ['AAAA dual.default', 'fd00::21'],
  ['SRV _http._tcp.web.default', 'web.default.svc.cluster.local:80 weight 100'],
  ['SRV web.default', 'web.default.svc.cluster.local:80 weight 100'],
  ['SRV _other._tcp.web.default', 'noSuchName'],
  ['SRV _http._udp.web.default', 'noSuchName'],
  ['A missing.default', 'noSuchName'],
  ['A web.other', 'noSuchName'],
  ['A default', 'none'],
  ['A other', 'noSuchName'],
  ['A svc.cluster.local.', 'none'],
  ['A a.b.c.web.default', 'noSuchName'],
  ['A peers.default', '10.1.0.5, 10.1.0.6'],
  ['A peer-0.peers.default', '10.1.0.5'],
  ['A 10-1-0-6.peers.default', '10.1.0.6'],
  ['A 10-1-0-7.peers.default', 'noSuchName'],
  [
    'SRV _db._tcp.peers.default',
    'peer-0.peers.default.svc.cluster.local:5432 weight 50, 10-1-0-6.peers.default.svc.cluster.local:5432 weight 50',
  ],
  ['A nobody.default', 'noSuchName'],
  ['A away.default', 'alias example.org'],
  ['A x.away.default', 'noSuchName'],
  ['A 10-1-0-9.default.pod.cluster.local.', '10.1.0.9'],
  ['A 10-1-0-999.default.pod.cluster.local.', 'noSuchName'],
  ['A 10-1-0-9.other.pod.cluster.local.', 'noSuchName'],
  ['TXT dns-version.cluster.local.', '1.1.0'],
  ['SOA cluster.local.', 'SOA'],
  ['NS cluster.local.', 'ns.dns.cluster.local'],
  ['A ns.dns.cluster.local.', '10.96.0.10'],
  ['PTR 20.0.96.10.in-addr.arpa.', 'web.default.svc.cluster.local'],
  ['PTR 5.0.1.10.in-addr.arpa.', 'peer-0.peers.default.svc.cluster.local'],
  ['PTR 9.9.9.9.in-addr.arpa.', 'elsewhere'],
  ['A example.org.', 'elsewhere'],
  ['A notcluster.local.', 'elsewhere'],
]

for (const [question, answer] of rows) {
  test(`answerFromCluster answers ${question}`, () => assert.equal(ask(question), answer))
}
