import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { dialects } from '../../src/proxy/nftables/ruleset.ts'
import { run } from '../../src/proxy/nftables/nft.ts'
import { createProxyTable, type ProxyTable } from '../../src/proxy/table.ts'
import type { Frontend } from '../../src/proxy/frontends.ts'
import type { Bench } from '../figure.ts'
import { median, percentile, repeat, timed } from '../timing.ts'

const namespaces = [`k8ts-bench-${process.pid}-a`, `k8ts-bench-${process.pid}-b`] as const
const [clientNode, serverNode] = namespaces
const serverAddress = '192.0.2.2'
const port = 8080

/** The service proxy: writing rules for many Services, and what they cost the traffic. Between two network namespaces. */
export async function measureServices(bench: Bench): Promise<void> {
  bench.defer(async () => {
    for (const name of namespaces) await run('ip', ['netns', 'delete', name])
  })
  await createNodes()
  for (const count of [1000, 10_000]) await measureRules(bench, count)
  await measureTraffic(bench)
}

async function createNodes(): Promise<void> {
  for (const name of namespaces) await run('ip', ['netns', 'add', name])
  await run('ip', [
    '-n',
    clientNode,
    'link',
    'add',
    'eth0',
    'type',
    'veth',
    'peer',
    'name',
    'eth0',
    'netns',
    serverNode,
  ])
  for (const [index, name] of namespaces.entries()) {
    await run('ip', ['-n', name, 'link', 'set', 'lo', 'up'])
    await run('ip', ['-n', name, 'link', 'set', 'eth0', 'up'])
    await run('ip', ['-n', name, 'address', 'add', `192.0.2.${index + 1}/24`, 'dev', 'eth0'])
  }
  await run('ip', ['-n', clientNode, 'route', 'add', '10.96.0.0/12', 'dev', 'eth0'])
}

const apply = (script: string) => run('nsenter', [`--net=/run/netns/${clientNode}`, 'nft', '-f', '-'], script)

function aFrontend(service: number, addresses: readonly string[]): Frontend {
  return {
    kind: 'services',
    inside: false,
    family: 'IPv4',
    address: `10.${96 + (service >> 16)}.${(service >> 8) & 255}.${service & 255}`,
    protocol: 'tcp',
    port: 80,
    masquerade: 'outside',
    endpoints: addresses.map((address) => ({
      address,
      port,
      isLocal: false,
      isElsewhere: true,
      isReady: true,
      isServing: true,
      isTerminating: false,
    })),
    whenEmpty: 'reject',
    servicePort: `default/service-${service}:http`,
  }
}

const threeEndpoints = (service: number, last = 3) =>
  [1, 2, last].map((host) => `10.244.${(service >> 6) & 255}.${((service & 63) << 2) | (host & 3)}`)

async function measureRules(bench: Bench, count: number): Promise<void> {
  const table = createProxyTable(dialects.IPv4, ['10.244.0.0/16'])
  const all = new Map(
    Array.from({ length: count }, (_, index) => [
      `default/service-${index}`,
      [aFrontend(index + 1, threeEndpoints(index))],
    ]),
  )
  const full = await timed(() => apply(table.plan(all)))
  bench.add({ name: `${count} Services of 3 endpoints: all rules`, value: full.ms, unit: 'ms' })
  const changes = await repeat(15, async (index) => (await timed(() => change(table, index))).ms)
  bench.add({
    name: `${count} Services: the change of one endpoint`,
    value: median(changes),
    unit: 'ms',
    bar: { most: 25 },
    also: [{ name: 'p90', value: percentile(changes, 0.9), unit: 'ms' }],
  })
}

function change(table: ProxyTable, index: number): Promise<void> {
  const service = 500 + (index >> 1)
  const addresses = threeEndpoints(service, index % 2 === 0 ? 0 : 3)
  return apply(table.plan(new Map([[`default/service-${service}`, [aFrontend(service + 1, addresses)]]])))
}

async function measureTraffic(bench: Bench): Promise<void> {
  const table = createProxyTable(dialects.IPv4, ['10.244.0.0/16'])
  await apply(table.plan(new Map([['default/web', [aFrontend(1, [serverAddress])]]])))
  const server = start(serverNode, serverProgram)
  bench.defer(() => void server.kill())
  await once(server.stdout, 'data')
  const ask = async (what: string, address: string) => {
    const client = start(clientNode, clientProgram, what, ...address.split(':'))
    return Number(await text(client.stdout))
  }
  const [direct, byService] = [`${serverAddress}:${port}`, '10.96.0.1:80']
  const runs = await repeat(5, async () => {
    return { direct: await ask('bytes', direct), service: await ask('bytes', byService) }
  })
  bench.add({
    name: 'throughput by a Service, as a share of that without',
    value: median(runs.map(({ service, direct: without }) => service / without)),
    unit: '',
    bar: { least: 0.95 },
    also: [{ name: 'MB/s', value: median(runs.map(({ service }) => service)) / 1e6, unit: '/s' }],
  })
  const connects = await repeat(3, async () => {
    return { direct: await ask('connects', direct), service: await ask('connects', byService) }
  })
  bench.add({
    name: 'a connection by a Service',
    value: median(connects.map(({ service }) => service)),
    unit: 'µs',
    also: [{ name: 'without', value: median(connects.map(({ direct: without }) => without)), unit: 'µs' }],
  })
}

function start(namespace: string, program: string, ...args: readonly string[]) {
  return spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', program, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

/** Sends for as long as it is listened to to who sends a byte first; else only accepts. */
const serverProgram = `
const chunk = Buffer.alloc(1 << 17)
require('net').createServer((socket) => {
  const more = () => { while (!socket.destroyed && socket.write(chunk)); }
  socket.on('error', () => {}).once('data', more).on('drain', more)
}).listen(${port}, () => console.log('up'))`

/** Prints bytes per second, or microseconds for each connection. */
const clientProgram = `
const [what, host, port] = process.argv.slice(1)
const { connect } = require('net')
if (what === 'bytes') {
  const socket = connect(port, host, () => socket.write('x'))
  let bytes = 0
  const start = performance.now()
  socket.on('data', (data) => (bytes += data.length))
  setTimeout(() => { console.log((bytes * 1000) / (performance.now() - start)); process.exit() }, 1500)
} else (async () => {
  const count = 1000
  const start = performance.now()
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => { const socket = connect(port, host, () => { socket.destroy(); resolve() }) })
  }
  console.log(((performance.now() - start) * 1000) / count)
  process.exit()
})()`
