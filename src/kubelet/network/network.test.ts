import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { PodSpec } from '../../api/generated/core.v1.ts'
import { aPod } from '../testing/pod-builder.ts'
import { ownConfiguration, writeCNIConfig } from './cni-config.ts'
import { parseResolvConf, podDNS } from './dns.ts'
import { podHostname } from './hostname.ts'
import { hostsFile } from './hosts-file.ts'

const settings = {
  clusterDNS: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  node: { servers: ['192.0.2.53'], searches: ['example.org'], options: ['timeout:1'] },
}
const cluster = {
  servers: ['10.96.0.10'],
  searches: ['default.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.org'],
  options: ['ndots:5'],
}

describe('podDNS', () => {
  const rows: readonly (readonly [string, Partial<PodSpec>, object])[] = [
    ['ClusterFirst', {}, cluster],
    ['ClusterFirst on the node network', { hostNetwork: true }, settings.node],
    ['ClusterFirstWithHostNet', { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }, cluster],
    ['Default', { dnsPolicy: 'Default' }, settings.node],
    [
      'None with its own',
      {
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['1.1.1.1'], searches: ['a'], options: [{ name: 'edns0' }] },
      },
      { servers: ['1.1.1.1'], searches: ['a'], options: ['edns0'] },
    ],
    [
      'additions replace options and are not repeated',
      {
        dnsConfig: {
          nameservers: ['10.96.0.10', '1.1.1.1', '2.2.2.2', '3.3.3.3'],
          options: [{ name: 'ndots', value: '2' }],
        },
      },
      { ...cluster, servers: ['10.96.0.10', '1.1.1.1', '2.2.2.2'], options: ['ndots:2'] },
    ],
  ]
  for (const [name, spec, expected] of rows) {
    it(name, () => assert.deepEqual(podDNS(aPod('pod', spec), settings), expected))
  }
})

describe('parseResolvConf', () => {
  it('reads the last search and leaves comments out', () => {
    const text = 'nameserver 1.1.1.1 # one\n; note\nsearch a b\nsearch . c.\noptions ndots:2 edns0\n'
    assert.deepEqual(parseResolvConf(text), {
      servers: ['1.1.1.1'],
      searches: ['c'],
      options: ['ndots:2', 'edns0'],
    })
  })
})

describe('podHostname', () => {
  const long = 'a'.repeat(62)
  const rows: readonly (readonly [string, Partial<PodSpec>, string])[] = [
    ['pod', {}, 'pod'],
    ['pod', { hostname: 'web' }, 'web'],
    ['pod', { hostNetwork: true }, ''],
    ['pod', { hostnameOverride: 'over' }, 'over'],
    [`${long}-x`, {}, long],
    ['pod', { subdomain: 'sub', setHostnameAsFQDN: true }, 'pod.sub.default.svc.cluster.local'],
  ]
  for (const [name, spec, expected] of rows) {
    it(`${name} ${JSON.stringify(spec)}`, () =>
      assert.equal(podHostname(aPod(name, spec), 'cluster.local'), expected))
  }
})

describe('hostsFile', () => {
  it('begins with the node file for pods on its network', () => {
    const pod = aPod('pod', { hostNetwork: true, hostAliases: [{ ip: '1.2.3.4', hostnames: ['x'] }] })
    assert.equal(
      hostsFile(pod, [], '127.0.0.1 node\n', 'cluster.local'),
      '# Kubernetes-managed hosts file (host network).\n127.0.0.1 node\n\n# Entries added by HostAliases.\n1.2.3.4\tx\n',
    )
  })
})

describe('writeCNIConfig', () => {
  it('writes once, whole, for both address families', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'cni-'))
    try {
      const options = { directory: join(directory, 'net.d'), bridge: 'br0' }
      const ranges = ['10.1.0.0/24', 'fd00::/64']
      assert.equal(await writeCNIConfig(ranges, options), true)
      assert.equal(await writeCNIConfig(ranges, options), false)
      const text = await readFile(join(options.directory, ownConfiguration), 'utf8')
      const config = JSON.parse(text) as { plugins: { bridge?: string; ipam?: object }[] }
      assert.equal(config.plugins[0]?.bridge, 'br0')
      assert.deepEqual(config.plugins[0]?.ipam, {
        type: 'host-local',
        ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]],
        routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
      })
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
