import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { dialects } from '../../src/proxy/nftables/ruleset.ts'
import { run } from '../../src/proxy/nftables/nft.ts'
import { createProxyTable, type ProxyTable } from '../../src/proxy/table.ts'
import type { Frontend } from '../../src/proxy/frontends.ts'
import type { Bar, Bench } from '../figure.ts'
import { median, percentile, repeat, timed } from '../timing.ts'

/** Network namespaces: a node, and two pods that reach one another through it. */
const namespaces = {
  node: `k8ts-bench-${process.pid}-n`,
  client: `k8ts-bench-${process.pid}-c`,
  server: `k8ts-bench-${process.pid}-s`,
} as const
const addresses = { client: '10.244.1.2', server: '10.244.2.2' } as const
const port = 8080

/** The service proxy: writing rules for many Services, and what they cost the traffic. */
export async function measureServices(bench: Bench): Promise<void> {
  bench.defer(async () => {
    for (const name of Object.values(namespaces)) await run('ip', ['netns', 'delete', name])
  })
  await clearEarlierNodes()
  await createNode()
  for (const count of [1000, 10_000]) await measureRules(bench, count)
  await measureTraffic(bench)
}

/** Namespaces of runs that were cut off. */
async function clearEarlierNodes(): Promise<void> {
  if (!existsSync('/run/netns')) return
  for (const name of readdirSync('/run/netns')) {
    const pid = /^k8ts-bench-(\d+)-[a-z]$/.exec(name)?.[1]
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) await run('ip', ['netns', 'delete', name])
  }
}

async function createNode(): Promise<void> {
  const ip = (args: string) => run('ip', args.split(' '))
  const { node } = namespaces
  for (const name of Object.values(namespaces)) {
    await ip(`netns add ${name}`)
    await ip(`-n ${name} link set lo up`)
  }
  for (const [pod, address] of Object.entries(addresses)) {
    const name = namespaces[pod as keyof typeof addresses]
    const gateway = address.replace(/\d+$/, '1')
    await ip(`-n ${node} link add ${pod} type veth peer name eth0 netns ${name}`)
    await ip(`-n ${node} address add ${gateway}/24 dev ${pod}`)
    await ip(`-n ${name} address add ${address}/24 dev eth0`)
    await ip(`-n ${node} link set ${pod} up`)
    await ip(`-n ${name} link set eth0 up`)
    await ip(`-n ${name} route add default via ${gateway}`)
  }
  // As on any node: the route to Services' addresses is the one to everywhere else.
  await ip(`-n ${node} route add default via ${addresses.server}`)
  await run('nsenter', [`--net=/run/netns/${node}`, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward'])
}

const apply = (script: string) =>
  run('nsenter', [`--net=/run/netns/${namespaces.node}`, 'nft', '-f', '-'], script)

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
  const table = createProxyTable(dialects.IPv4, { podNetworks: ['10.244.0.0/16'] })
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

function change(table: ProxyTable, index: number): Promise<string> {
  const service = 500 + (index >> 1)
  const addresses = threeEndpoints(service, index % 2 === 0 ? 0 : 3)
  return apply(table.plan(new Map([[`default/service-${service}`, [aFrontend(service + 1, addresses)]]])))
}

async function measureTraffic(bench: Bench): Promise<void> {
  const table = createProxyTable(dialects.IPv4, { podNetworks: ['10.244.0.0/16'] })
  await apply(table.plan(new Map([['default/web', [aFrontend(1, [addresses.server])]]])))
  const server = start(namespaces.server, serverProgram)
  bench.defer(() => void server.kill())
  await once(server.stdout, 'data')
  await measureTrafficFrom(bench, 'client', 'a pod', { least: 0.95 })
  // The kernel looks for the way of each packet once more where it starts on the node that sends it on.
  await measureTrafficFrom(bench, 'node', 'the node itself')
}

async function measureTrafficFrom(
  bench: Bench,
  namespace: 'client' | 'node',
  who: string,
  bar?: Bar,
): Promise<void> {
  const [direct, byService] = [`${addresses.server}:${port}`, '10.96.0.1:80']
  const client = start(namespaces[namespace], clientProgram, direct, byService)
  const { bytes, connects } = JSON.parse(await text(client.stdout)) as Asked
  const rates = bytes.map(([without, by]) => without / by)
  bench.add({
    name: `throughput from ${who} by a Service, as a share of that without`,
    value: median(rates),
    unit: '',
    ...(bar && { bar }),
    also: [{ name: 'MB/s', value: chunkBytes / 1e3 / median(bytes.map(([, by]) => by)), unit: '/s' }],
  })
  bench.add({
    name: `a connection from ${who} by a Service`,
    value: median(connects.map(([, by]) => by)) * 1000,
    unit: 'µs',
    also: [{ name: 'without', value: median(connects.map(([without]) => without)) * 1000, unit: 'µs' }],
  })
}

/** Milliseconds, each time without a Service and by one: one after the other, so that both meet the same other load. */
interface Asked {
  readonly bytes: readonly (readonly [number, number])[]
  readonly connects: readonly (readonly [number, number])[]
}

function start(namespace: string, program: string, ...args: readonly string[]) {
  return spawn('nsenter', [`--net=/run/netns/${namespace}`, process.execPath, '-e', program, '--', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
}

const chunkBytes = 1 << 24

/** Sends `chunkBytes` for each byte that it is sent. */
const serverProgram = `
const chunk = Buffer.alloc(1 << 17)
require('net').createServer((socket) => {
  let left = 0
  const more = () => {
    while (left > 0 && !socket.destroyed) {
      left -= chunk.length
      if (!socket.write(chunk)) break
    }
  }
  socket.on('error', () => {}).on('data', (data) => { left += data.length * ${chunkBytes}; more() }).on('drain', more)
}).listen(${port}, () => console.log('up'))`

/** Asks both places in turn, now the one first and now the other, and prints what it takes. */
const clientProgram = `
const places = process.argv.slice(1).map((place) => place.split(':'))
const { connect } = require('net')
const { once } = require('events')
const opened = async ([host, port]) => { const socket = connect(port, host); await once(socket, 'connect'); return socket }
const receive = (socket) => new Promise((resolve) => {
  let bytes = 0
  const start = performance.now()
  const count = (data) => {
    bytes += data.length
    if (bytes < ${chunkBytes}) return
    socket.off('data', count)
    resolve(performance.now() - start)
  }
  socket.on('data', count).write('x')
})
const inTurn = async (count, measure) => {
  const all = []
  for (let index = 0; index < count; index++) {
    const pair = []
    for (const place of index % 2 ? [0, 1] : [1, 0]) pair[place] = await measure(place)
    all.push(pair)
  }
  return all
}
;(async () => {
  const sockets = [await opened(places[0]), await opened(places[1])]
  await inTurn(4, (place) => receive(sockets[place]))
  const bytes = await inTurn(100, (place) => receive(sockets[place]))
  const connects = await inTurn(500, async (place) => {
    const start = performance.now()
    const socket = await opened(places[place])
    socket.destroy()
    return performance.now() - start
  })
  process.stdout.write(JSON.stringify({ bytes, connects }), () => process.exit())
})()`
