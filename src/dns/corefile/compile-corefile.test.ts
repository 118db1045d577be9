import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { defaultCorefile } from '../default-corefile.ts'
import { compileCorefile } from './compile-corefile.ts'

const options = {
  nameServers: () => ['192.0.2.53', '2001:db8::53'],
  files: { NodeHosts: '192.0.2.1 node1\n# no\n' },
}
const compile = (text: string) => compileCorefile(text, options)

describe('compileCorefile', () => {
  it('reads what kubeadm writes', () => {
    const [server] = compile(defaultCorefile('cluster.local')).servers
    assert.deepEqual(server, {
      zones: [''],
      errors: true,
      log: false,
      health: { port: 10_054, lameduckMs: 0 },
      ready: { port: 10_055 },
      kubernetes: {
        zones: ['cluster.local', 'in-addr.arpa', 'ip6.arpa'],
        pods: 'insecure',
        ttlSeconds: 30,
        fallthrough: ['in-addr.arpa', 'ip6.arpa'],
      },
      prometheus: { port: 9153 },
      forwards: [
        {
          zone: '',
          except: [],
          upstreams: [
            { address: '192.0.2.53', port: 53 },
            { address: '2001:db8::53', port: 53 },
          ],
          policy: 'random',
          forceTcp: false,
          maxConcurrent: 1000,
          maxFails: 2,
          healthCheckMs: 500,
        },
      ],
      cache: {
        zones: [''],
        success: { capacity: 9984, maxTtlSeconds: 30, minTtlSeconds: 5 },
        denial: { capacity: 9984, maxTtlSeconds: 30, minTtlSeconds: 5 },
        servfailSeconds: 5,
        disabled: { success: ['cluster.local'], denial: ['cluster.local'] },
      },
      loop: true,
      loadbalance: true,
      rewrites: [],
    })
  })

  it('reads several servers, ports, comments, quotes and continued lists of zones', () => {
    const { servers } = compile(`# first
      corp.test.:53,
      dns://Example.ORG 10.1.0.0/16 {   # two
        forward . "192.0.2.1:5353" dns://[2001:db8::1]:54 2001:db8::2 {
          force_tcp
          policy sequential
          except a.corp.test
          max_fails 0
          health_check 1m30s
        }
      }
      . {
        health localhost:8080 {
          lameduck 5s
        }
        hosts /etc/coredns/NodeHosts {
          reload 1s
          fallthrough
        }
      }`)
    assert.deepEqual(
      servers.map(({ zones }) => zones),
      [['corp.test', 'example.org', '1.10.in-addr.arpa'], ['']],
    )
    const [forward] = servers[0]!.forwards
    assert.deepEqual(forward!.upstreams, [
      { address: '192.0.2.1', port: 5353 },
      { address: '2001:db8::1', port: 54 },
      { address: '2001:db8::2', port: 53 },
    ])
    assert.deepEqual([forward!.forceTcp, forward!.maxFails, forward!.healthCheckMs], [true, 0, 90_000])
    assert.deepEqual(servers[1]!.health, { address: '127.0.0.1', port: 8080, lameduckMs: 5000 })
    assert.deepEqual(servers[1]!.hosts!.entries, [{ address: '192.0.2.1', names: ['node1'] }])
  })

  it('splits a network that ends within a label', () => {
    const [server] = compile('10.8.0.0/14 2001:db8::/32 {\n errors\n}').servers
    assert.deepEqual(server!.zones, [
      '8.10.in-addr.arpa',
      '9.10.in-addr.arpa',
      '10.10.in-addr.arpa',
      '11.10.in-addr.arpa',
      '8.b.d.0.1.0.0.2.ip6.arpa',
    ])
  })

  const refused: readonly (readonly [text: string, message: RegExp])[] = [
    ['. {\n template IN A\n}', /^Corefile:2: plugin 'template' is not supported$/],
    ['. {\n import /etc/coredns/custom/*.override\n}', /plugin 'import'/],
    ['. {\n errors\n errors\n}', /Corefile:3: 'errors' may stand in a server once/],
    ['. {\n errors {\n stacktrace\n }\n}', /takes no block/],
    ['. {\n forward . tls://9.9.9.9\n}', /'tls:\/\/9.9.9.9' is no address/],
    ['. {\n forward . 192.0.2.1 {\n tls\n }\n}', /Corefile:3: 'tls' in forward is not supported/],
    ['. {\n forward .\n}', /forward needs/],
    ['. {\n kubernetes cluster.local {\n endpoint https://x\n }\n}', /'endpoint' in kubernetes/],
    ['. {\n kubernetes cluster.local {\n ttl 4000\n }\n}', /'4000' in ttl/],
    ['. {\n kubernetes cluster.local {\n pods some\n }\n}', /'some'/],
    ['. {\n cache 30 {\n prefetch 10\n }\n}', /'prefetch' in cache/],
    ['. {\n rewrite type ANY HINFO\n}', /rewrite of 'type'/],
    ['. {\n rewrite name regex (.*) {1}\n}', /rewrite by 'regex'/],
    ['. {\n hosts /etc/hosts\n}', /is no key of the ConfigMap/],
    ['. {\n loadbalance weighted file\n}', /loadbalance/],
    ['.:5353 {\n errors\n}', /only port 53/],
    ['tls://. {\n errors\n}', /tls is not supported/],
    ['. {\n errors\n}\n. {\n errors\n}', /zone '.' has two servers/],
    ['. {\n errors\n', /Corefile:1: '{' is not closed/],
    ['(snippet) {\n errors\n}', /snippets/],
    ['', /there is no server/],
    ['. {\n health 99999\n}', /is no ADDRESS:PORT/],
  ]
  for (const [text, message] of refused) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => compile(text), { name: 'CorefileError', message })
    })
  }
})
