import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import type { Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { frontendsOf } from './frontends.ts'
import { dialects } from './nftables/ruleset.ts'
import { createProxyTable } from './table.ts'

const skip = spawnSync('unshare', ['--net', 'nft', 'list', 'tables']).status !== 0 && 'needs root and nft'

const node = { name: 'here', addresses: ['192.0.2.1'] }
const slice: EndpointSlice = {
  metadata: {},
  addressType: 'IPv4',
  ports: [{ port: 8080, protocol: 'TCP' }],
  endpoints: [{ addresses: ['192.0.2.1'], nodeName: 'here' }],
}

function service(overrides: Service['spec'] = {}): Service {
  return {
    metadata: { namespace: 'default', name: 'web' },
    spec: {
      type: 'LoadBalancer',
      clusterIP: '10.96.0.1',
      ports: [{ port: 80, nodePort: 30_080 }],
      ...overrides,
    },
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } },
  }
}

/** A node with two addresses and a web server, that has these Services: what it gets from each `address port`. */
function asked(one: Service, targets: readonly string[]): string[] {
  const table = createProxyTable(dialects.IPv4, { podNetworks: ['10.244.0.0/16'] })
  const rules = table.plan(new Map([['default/web', frontendsOf(one, [slice], node)]]), {
    nodePortAddresses: ['192.0.2.1'],
    serviceNetworks: ['10.96.0.0/16'],
  })
  const script = `
set -e
ip link set lo up
ip link add eth0 type veth peer name eth1; ip link set eth0 up; ip link set eth1 up
ip address add 192.0.2.1/24 dev eth0; ip address add 198.51.100.1/24 dev eth0
ip route add default via 192.0.2.254 dev eth0
nft -f - <<'END'
${rules}
END
exec ${process.execPath} -e '
  const { createServer, connect } = require("net")
  const ask = ([host, port]) => new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.on("data", (data) => { resolve(String(data)); socket.destroy() })
    socket.on("error", ({ code }) => resolve(code))
    setTimeout(() => { resolve("nothing"); socket.destroy() }, 2000)
  })
  createServer((socket) => socket.end("web")).listen(8080, async () => {
    const answers = await Promise.all(${JSON.stringify(targets.map((target) => target.split(' ')))}.map(ask))
    console.log(JSON.stringify(answers))
    process.exit()
  })
'`
  return JSON.parse(execFileSync('unshare', ['--net', 'sh', '-c', script], { encoding: 'utf8' })) as string[]
}

test(
  'addresses of Services answer at their ports, and refuse others; those nobody has say nothing',
  { skip },
  () => {
    const targets = ['10.96.0.1 80', '10.96.0.1 81', '10.96.0.2 80']
    assert.deepEqual(asked(service(), targets), ['web', 'ECONNREFUSED', 'nothing'])
  },
)

test('node ports answer at the chosen addresses alone, never at the loopback', { skip }, () => {
  const targets = ['192.0.2.1 30080', '198.51.100.1 30080', '127.0.0.1 30080']
  assert.deepEqual(asked(service(), targets), ['web', 'ECONNREFUSED', 'ECONNREFUSED'])
})

test('source ranges bind the node, too', { skip }, () => {
  const open = service({ loadBalancerSourceRanges: ['192.0.2.0/24', '192.0.2.0/30'] })
  const shut = service({ loadBalancerSourceRanges: ['198.51.100.0/24'] })
  const targets = ['203.0.113.1 80', '10.96.0.1 80']
  assert.deepEqual(asked(open, targets), ['web', 'web'])
  assert.deepEqual(asked(shut, targets), ['nothing', 'web'])
})
