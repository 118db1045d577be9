import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kubeletFlags } from './describe-flags.ts'

test('kubeletFlags has the configuration in force by the names of flags', () => {
  const flags = kubeletFlags({
    runtime: { type: 'cri', socket: '/run/containerd/containerd.sock' },
    nodeName: 'a',
    nodeIPs: ['10.0.0.1', 'fd00::1'],
    clusterDNS: ['10.96.0.10'],
    maxPods: 7,
    eviction: { evictionHard: { 'nodefs.available': '5%', 'memory.available': '1Mi' } },
    registerLabels: { zone: 'z' },
    registerTaints: [
      { key: 'only', effect: 'NoSchedule' },
      { key: 'for', value: 'b', effect: 'NoExecute' },
    ],
  })
  assert.partialDeepStrictEqual(flags, {
    'cluster-dns': '[10.96.0.10]',
    'container-runtime-endpoint': '/run/containerd/containerd.sock',
    'enable-server': 'false',
    'eviction-hard': 'memory.available<1Mi,nodefs.available<5%',
    'hostname-override': 'a',
    'max-pods': '7',
    'minimum-image-ttl-duration': '2m0s',
    'node-ip': '10.0.0.1,fd00::1',
    'node-labels': 'zone=z',
    'register-with-taints': 'only=:NoSchedule,for=b:NoExecute',
  })
})
