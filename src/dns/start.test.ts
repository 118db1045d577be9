import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { configMaps } from '../api/generated/resources.ts'
import { createInformers } from '../client/informers/informers.ts'
import { testContext } from '../client/testing/test-context.ts'
import { serviceUnavailable } from '../machinery/status-errors.ts'
import { startDns } from './start.ts'

const options = { address: '127.0.0.1', port: 0, upstreams: [] }

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

describe('startDns', () => {
  it('stops while the API server has never answered', async () => {
    const context = testContext()
    const away = () => Promise.reject(serviceUnavailable('away'))
    const client = { ...context.client, list: away, watch: () => failing() }
    const informers = createInformers({ ...context, client })
    const dns = await startDns({ ...context, client, informers }, options)
    assert.equal(dns.health(), 'not listening yet')
    await dns.stop()
    await informers.stop()
  })

  it('listens once its caches are full, until it is stopped', async () => {
    const context = testContext()
    const dns = await startDns(context, options)
    await dns.ready
    assert.equal(dns.health(), undefined)
    await dns.stop()
    await context.informers.stop()
  })

  it('follows the Corefile of the ConfigMap, and keeps the former one where a new one is wrong', async () => {
    const [port, metricsPort] = [await freePort(), await freePort()]
    const errors: unknown[] = []
    const base = testContext()
    const log = { ...base.log, error: (_: string, fields?: object) => void errors.push(fields) }
    const context = { ...base, log }
    const configMap = (Corefile: string) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { namespace: 'kube-system', name: 'coredns' },
      data: { Corefile },
    })
    const hosts = (address: string) =>
      `. {\n hosts {\n ${address} a.test\n }\n prometheus 127.0.0.1:${metricsPort}\n}`
    await context.client.create(configMaps, configMap(hosts('192.0.2.1')))
    const dns = await startDns(context, { ...options, port })
    await dns.ready
    const resolver = new Resolver({ tries: 1 })
    resolver.setServers([`127.0.0.1:${port}`])
    assert.deepEqual(await resolver.resolve4('a.test'), ['192.0.2.1'])

    const at = { namespace: 'kube-system', name: 'coredns' }
    const put = (text: string) =>
      context.client.patch(configMaps, at, { type: 'merge', body: { data: { Corefile: text } } })
    const seen = async (version: string | undefined) => {
      const scope = { namespace: 'kube-system', fieldSelector: 'metadata.name=coredns' }
      await context.informers.informer(configMaps, scope).waitFor(version ?? '')
    }
    await seen((await put('. {\n template\n}')).metadata?.resourceVersion)
    assert.deepEqual(errors, [{ error: "Corefile:2: plugin 'template' is not supported" }])
    assert.deepEqual(await resolver.resolve4('a.test'), ['192.0.2.1'])

    await seen((await put(hosts('192.0.2.2'))).metadata?.resourceVersion)
    assert.deepEqual(await resolver.resolve4('a.test'), ['192.0.2.2'])
    const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
    assert.match(
      text,
      /coredns_dns_requests_total\{server="dns:\/\/:53",zone="\.",view="",proto="udp",family="1",type="A"\} 3/,
    )
    assert.match(text, /coredns_dns_responses_total\{.*rcode="NOERROR",plugin="hosts"\} 3/)
    assert.match(text, /coredns_reload_failed_total 1/)
    assert.equal((await fetch(`http://127.0.0.1:${metricsPort}/ready`)).status, 404)
    await dns.stop()
    await context.informers.stop()
  })
})

// oxlint-disable-next-line require-yield
async function* failing(): AsyncGenerator<never> {
  await Promise.reject(serviceUnavailable('away'))
}
