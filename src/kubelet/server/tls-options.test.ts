import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import type { KubeletServerOptions } from '../options.ts'
import { kubeletHarness } from '../testing/kubelet-harness.ts'
import { ca, originOf, servingOptions } from '../testing/serving.ts'

async function connectorTo(t: TestContext, server: Partial<KubeletServerOptions>) {
  const kubelet = kubeletHarness({
    nodeName: 'node-1',
    nodeIPs: ['127.0.0.1'],
    runtime: { type: 'simulated' },
    server: { ...servingOptions, ...server },
  })
  await kubelet.start()
  t.after(() => kubelet.stop())
  const { port } = new URL(await originOf(kubelet))
  return async (options: ConnectionOptions) => {
    const socket = connect({ host: '127.0.0.1', port: Number(port), ca, ...options })
    await once(socket, 'secureConnect')
    const answer = [socket.getProtocol(), socket.getCipher().standardName]
    socket.destroy()
    return answer
  }
}

test('startKubeletServer speaks the cipher suites that it is told', async (t) => {
  const suites = ['TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA', 'TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA']
  const connected = await connectorTo(t, { tlsCipherSuites: suites })
  const [protocol, suite] = await connected({ maxVersion: 'TLSv1.2' })
  assert.equal(protocol, 'TLSv1.2')
  assert.ok(suites.includes(suite!), suite!)
  assert.equal((await connected({}))[0], 'TLSv1.3')
  await assert.rejects(connected({ maxVersion: 'TLSv1.2', ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256' }))
})

test('startKubeletServer speaks no version before the one that it is told', async (t) => {
  const connected = await connectorTo(t, { tlsMinVersion: 'VersionTLS13' })
  assert.equal((await connected({}))[0], 'TLSv1.3')
  await assert.rejects(connected({ maxVersion: 'TLSv1.2' }))
})
