import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfiguration } from './configuration.ts'
import { machineSettings } from './machine-settings.ts'

const header = 'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n'
const read = (body: string) => readConfiguration(header + body)

test('readConfiguration makes options of what the file says', () => {
  const { options, kubeconfig } = read(`
clientConnection: {kubeconfig: /etc/kube-proxy.conf}
hostnameOverride: node1
bindAddress: 192.0.2.1
healthzBindAddress: 192.0.2.1:20256
mode: nftables
nftables: {masqueradeBit: 10, masqueradeAll: true, syncPeriod: 1m, minSyncPeriod: 1s}
clusterCIDR: 10.244.0.0/16,fd00::/48
nodePortAddresses: [primary, 198.51.100.0/24]
bindAddressHardFail: true
`)
  assert.equal(kubeconfig, '/etc/kube-proxy.conf')
  assert.deepEqual(options, {
    nodeName: 'node1',
    nodeAddresses: ['192.0.2.1'],
    podNetworks: ['10.244.0.0/16', 'fd00::/48'],
    nodePortAddresses: ['primary', '198.51.100.0/24'],
    masqueradeBit: 10,
    masqueradeAll: true,
    syncPeriodMs: 60_000,
    minSyncPeriodMs: 1000,
    failsWithoutPorts: true,
    health: { address: '192.0.2.1', port: 20_256 },
    metrics: { address: '127.0.0.1', port: 10_249 },
  })
})

test('readConfiguration takes what kubeadm writes', () => {
  const { options } = read(`
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection: {acceptContentTypes: "", burst: 0, contentType: "", kubeconfig: /var/lib/kube-proxy/kubeconfig.conf, qps: 0}
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack: {maxPerCore: null, min: null, tcpBeLiberal: false, tcpCloseWaitTimeout: null, tcpEstablishedTimeout: null, udpStreamTimeout: 0s, udpTimeout: 0s}
detectLocal: {bridgeInterface: "", interfaceNamePrefix: ""}
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables: {localhostNodePorts: null, masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
ipvs: {excludeCIDRs: null, minSyncPeriod: 0s, scheduler: "", strictARP: false, syncPeriod: 0s, tcpFinTimeout: 0s, tcpTimeout: 0s, udpTimeout: 0s}
logging: {}
metricsBindAddress: ""
mode: ""
nftables: {masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: {enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: ""}
`)
  assert.deepEqual(options, {
    podNetworks: ['10.244.0.0/16'],
    health: { address: '0.0.0.0', port: 10_256 },
    metrics: { address: '127.0.0.1', port: 10_249 },
  })
})

test('readConfiguration names every mistake', () => {
  assert.throws(
    () =>
      read(`
mode: ipvs
detectLocalMode: BridgeInterface
detectLocal: {bridgeInterface: br0}
enableProfiling: true
clusterCIDR: nonsense
nodePortAddresses: [localhost, here]
nftables: {masqueradeBit: 32, syncPeriod: 1s, minSyncPeriod: 2s}
healthzBindAddress: here
clientConnection: {qps: 20}
`),
    ({ message }: Error) => {
      const fields = message.split('\n').map((line) => line.slice(0, line.indexOf(': ')))
      assert.deepEqual(fields.toSorted(), [
        'clientConnection.qps',
        'clusterCIDR',
        'detectLocal.bridgeInterface',
        'detectLocalMode',
        'enableProfiling',
        'healthzBindAddress',
        'mode',
        'nftables.masqueradeBit',
        'nftables.syncPeriod',
        'nodePortAddresses[0]',
        'nodePortAddresses[1]',
      ])
      return true
    },
  )
  assert.throws(() => read('portrange: ""'), /unknown field "portrange"/)
})

test('machineSettings wants nothing of the kernel that the file does not name', () => {
  assert.deepEqual(machineSettings({}, 4), [])
  const conntrack = {
    maxPerCore: 32_768,
    min: 200_000,
    tcpEstablishedTimeout: '24h',
    udpTimeout: '0s',
    tcpBeLiberal: true,
  }
  const at = '/proc/sys/net/netfilter/nf_conntrack_'
  assert.deepEqual(machineSettings({ conntrack, oomScoreAdj: -999 }, 4), [
    { file: '/proc/self/oom_score_adj', value: -999 },
    { file: `${at}max`, value: 200_000, isLeast: true },
    { file: `${at}tcp_timeout_established`, value: 86_400 },
    { file: `${at}tcp_be_liberal`, value: 1 },
  ])
})
