import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { seededRandom } from '../machinery/random.ts'
import type { Service } from '../api/generated/core.v1.ts'
import { endpointsOfPort } from './endpoints.ts'
import { frontendsOf, type Frontend } from './frontends.ts'
import { dialects } from './nftables/ruleset.ts'
import { createClaims, createProxyTable } from './table.ts'

function aFrontend(overrides: Partial<Frontend> = {}): Frontend {
  return {
    kind: 'services',
    inside: false,
    family: 'IPv4',
    address: '10.96.0.20',
    protocol: 'tcp',
    port: 80,
    masquerade: 'outside',
    endpoints: [1, 2, 3].map((host) => anEndpoint(host)),
    whenEmpty: 'reject',
    servicePort: 'default/web:http',
    ...overrides,
  }
}

function anEndpoint(host: number, isLocal = false) {
  return {
    address: `10.244.0.${host}`,
    port: 8080,
    isLocal,
    isElsewhere: !isLocal,
    isReady: true,
    isServing: true,
    isTerminating: false,
  }
}

const newTable = () => createProxyTable(dialects.IPv4, { podNetworks: ['10.244.0.0/16'] })

/** The commands for a change after the table was first filled. */
function changed(before: readonly Frontend[], after: readonly Frontend[]): string[] {
  const table = newTable()
  table.plan(new Map([['default/web', before]]))
  return table
    .plan(new Map([['default/web', after]]))
    .split('\n')
    .filter((line) => line.includes('element'))
}

test('plan writes nothing when nothing changes', () => {
  assert.deepEqual(changed([aFrontend()], [aFrontend()]), [])
})

test('plan writes one element for one replaced endpoint', () => {
  const after = aFrontend({ endpoints: [anEndpoint(1), anEndpoint(2), anEndpoint(4)] })
  assert.deepEqual(changed([aFrontend()], [after]), [
    'delete element ip kube-proxy services-endpoints-3 { 10.96.0.20 . tcp . 80 . 2 : 10.244.0.3 . 8080 }',
    'add element ip kube-proxy services-endpoints-3 { 10.96.0.20 . tcp . 80 . 2 : 10.244.0.4 . 8080 }',
  ])
})

test('plan refuses packets to a frontend without endpoints', () => {
  assert.deepEqual(changed([], [aFrontend({ endpoints: [] })]), [
    'add element ip kube-proxy refused-services { 10.96.0.20 . tcp . 80 : goto reject-packet }',
  ])
})

test('pods may reach themselves through a Service, unless they are on another node', () => {
  const slice: EndpointSlice = {
    metadata: {},
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080 }],
    endpoints: [
      { addresses: ['10.244.0.7'] },
      { addresses: ['10.244.0.8'], nodeName: 'other' },
      { addresses: ['10.244.0.9'], nodeName: 'here' },
    ],
  }
  const endpoints = endpointsOfPort([slice], { name: 'http' }, 'IPv4', { name: 'here' })
  const hairpins = changed([], [aFrontend({ endpoints })]).filter((line) => line.includes('hairpins'))
  assert.deepEqual(hairpins, [
    'add element ip kube-proxy hairpins { 10.244.0.7 . 10.244.0.7, 10.244.0.9 . 10.244.0.9 }',
  ])
})

test('createClaims gives a place to the first, and to the next when it is free', () => {
  const claims = createClaims()
  const frontend = aFrontend({ address: '192.0.2.1' })
  assert.equal(claims.settle('default/a', [frontend]).granted.length, 1)
  assert.equal(claims.settle('default/b', [frontend]).granted.length, 0)
  assert.deepEqual([...claims.settle('default/a', []).freed], ['default/b'])
  assert.equal(claims.settle('default/b', [frontend]).granted.length, 1)
})

test('plan writes cluster addresses once for all ports, and places when they changed', () => {
  const table = newTable()
  const frontends = [80, 443].map((port) => aFrontend({ port, isClusterAddress: true }))
  const places = { nodePortAddresses: ['192.0.2.1'], serviceNetworks: ['10.96.0.0/16'] }
  const script = table.plan(new Map([['default/web', frontends]]), places)
  assert.match(script, /add element ip kube-proxy cluster-addresses \{ 10\.96\.0\.20 \}\n/)
  assert.match(script, /add element ip kube-proxy node-port-addresses \{ 192\.0\.2\.1 \}\n/)
  assert.match(script, /add element ip kube-proxy service-networks \{ 10\.96\.0\.0\/16 \}\n/)
  assert.equal(table.plan(new Map(), places), '')
  assert.match(
    table.plan(new Map(), { ...places, nodePortAddresses: [] }),
    /^flush set ip kube-proxy node-port-addr/,
  )
})

test('frontends of sloppy addresses and networks that overlap are no trouble for the kernel', () => {
  const port = { name: 'http', port: 80, nodePort: 30_080 }
  const service = (name: string, spec: Service['spec'], ip: string): Service => ({
    metadata: { namespace: 'default', name },
    spec: { type: 'LoadBalancer', ports: [port], ...spec },
    status: { loadBalancer: { ingress: [{ ip }] } },
  })
  const services = [
    service(
      'a',
      {
        clusterIP: '10.96.0.1',
        externalIPs: ['010.0.0.1', '10.0.0.1'],
        loadBalancerSourceRanges: ['10.0.0.0/8', ' 10.1.0.0/16', '10.0.0.5/8', 'fd00::/8'],
      },
      '192.0.2.1',
    ),
    service('b', { clusterIP: '10.96.0.2', externalIPs: ['10.0.0.1'] }, '192.0.2.001'),
  ]
  const claims = createClaims()
  const granted = services.map((one) => {
    const key = one.metadata!.name!
    const all = frontendsOf(one, [], { name: 'here', addresses: ['10.1.2.3'] })
    return [key, claims.settle(key, all).granted] as const
  })
  const places = granted.map(([, frontends]) => frontends.map(({ address, port: at }) => address ?? `${at}`))
  assert.deepEqual(places, [['10.96.0.1', '10.0.0.1', '192.0.2.1', '30080'], ['10.96.0.2']])
  const balanced = granted[0]![1].find(({ sourceRanges }) => sourceRanges)
  // The node is among those that may come; its packets to an address of its own have that as source.
  assert.deepEqual(balanced?.sourceRanges, ['10.0.0.0/8', '192.0.2.1/32'])
})

const noNamespaces = spawnSync('unshare', ['--net', 'nft', 'list', 'tables']).status !== 0
const skip = noNamespaces && 'needs root, unshare and nft'

/** What stands in the kernel after these scripts, one transaction each, as lines without order. */
function kernelState(scripts: readonly string[]): Set<string> {
  const commands = scripts.map((script) => `nft -f - <<'END'\n${script}\nEND`)
  const shell = ['set -e', ...commands, 'nft -j list table ip kube-proxy'].join('\n')
  const { nftables } = JSON.parse(
    execFileSync('unshare', ['--net', 'sh', '-c', shell], { encoding: 'utf8' }),
  ) as {
    nftables: { map?: NamedSet; set?: NamedSet; chain?: { name: string } }[]
  }
  return new Set(
    nftables.flatMap(({ map, set, chain }) => {
      const holder = map ?? set
      if (chain && /^(affinity|endpoint)-/.test(chain.name)) return [`chain ${chain.name}`]
      return (holder?.elem ?? []).map((element) => `${holder!.name} ${JSON.stringify(element)}`)
    }),
  )
}

interface NamedSet {
  readonly name: string
  readonly elem?: readonly unknown[]
}

test('plan, change after change, leaves in the kernel what a fresh table has', { skip }, () => {
  const random = seededRandom(7)
  const services = ['default/a', 'default/b', 'default/c']
  const table = newTable()
  const state = new Map<string, readonly Frontend[]>()
  const scripts: string[] = []

  for (let step = 0; step < 40; step++) {
    const index = Math.floor(random.next() * services.length)
    const frontends = random.next() < 0.15 ? [] : randomFrontends(index, random.next)
    state.set(services[index]!, frontends)
    const script = table.plan(new Map([[services[index]!, frontends]]))
    if (script) scripts.push(script)
  }
  assert.deepEqual(kernelState(scripts), kernelState([newTable().plan(state)]))
})

function randomFrontends(service: number, next: () => number): Frontend[] {
  const count = Math.floor(next() * 5)
  const endpoints = Array.from({ length: count }, () => anEndpoint(1 + Math.floor(next() * 9), next() < 0.5))
  const unique = [...new Map(endpoints.map((endpoint) => [endpoint.address, endpoint])).values()]
  const affinity = next() < 0.3 ? { affinitySeconds: next() < 0.5 ? 60 : 600 } : {}
  const common = { endpoints: unique, servicePort: `default/${service}:http`, ...affinity }
  return [
    aFrontend({ ...common, address: `10.96.0.${service + 1}` }),
    aFrontend({
      ...common,
      kind: 'node-ports',
      port: 30_000 + service,
      masquerade: 'always',
    }),
    aFrontend({
      ...common,
      address: `192.0.2.${service + 1}`,
      masquerade: 'never',
      whenEmpty: 'drop',
      ...(next() < 0.5 && { sourceRanges: ['10.0.0.0/8', '192.168.0.0/16'] }),
    }),
  ]
}
