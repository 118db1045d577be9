import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { Node, Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { componentZPages } from '../api/zpages/component-zpages.ts'
import { createHealthChecks, healthCheckOf } from './health-checks.ts'
import { proxyFlags } from './configuration/describe-flags.ts'
import { nodeHealth, proxyInformation, serve } from './node-health.ts'
import { proxyMetrics } from './proxy-metrics.ts'
import { createSyncHealth } from './sync-health.ts'
import { fakeClock } from '../machinery/testing/fake-clock.ts'
import { createMetrics } from '../machinery/metrics.ts'
import { testContext } from '../client/testing/test-context.ts'

const service = (healthCheckNodePort: number): Service => ({
  metadata: { namespace: 'default', name: 'web' },
  spec: {
    type: 'LoadBalancer',
    externalTrafficPolicy: 'Local',
    clusterIP: '10.96.0.9',
    healthCheckNodePort,
  },
})
const slice: EndpointSlice = {
  addressType: 'IPv4',
  endpoints: [
    { addresses: ['10.1.0.1'], nodeName: 'here', conditions: { ready: true } },
    { addresses: ['10.1.0.2'], nodeName: 'here', conditions: { ready: false } },
    { addresses: ['10.1.1.1'], nodeName: 'there', conditions: { ready: true } },
  ],
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

test('healthCheckOf counts the ready endpoints of this node', () => {
  assert.equal(healthCheckOf(service(1234), [slice], 'here')?.localEndpoints, 1)
  assert.equal(healthCheckOf(service(1234), [slice], 'nowhere')?.localEndpoints, 0)
  const { metadata, spec } = service(1234)
  const everywhere: Service = { metadata: metadata!, spec: { ...spec, externalTrafficPolicy: 'Cluster' } }
  assert.equal(healthCheckOf(everywhere, [slice], 'here'), undefined)
})

test('createHealthChecks answers at the port of the service, for as long as it has one', async (t: TestContext) => {
  let isHealthy = true
  const { log, clock } = testContext()
  const events = { event() {} }
  const checks = createHealthChecks({ nodeName: 'here', isHealthy: () => isHealthy, events, clock, log })
  t.after(() => checks.close())
  const port = await freePort()
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/`)
    const weight = answer.headers.get('x-load-balancing-endpoint-weight')
    return [answer.status, weight, await answer.json()]
  }
  const said = (localEndpoints: number, serviceProxyHealthy = true) => ({
    service: { namespace: 'default', name: 'web' },
    localEndpoints,
    serviceProxyHealthy,
  })
  checks.set('default/web', healthCheckOf(service(port), [slice], 'here'))
  assert.deepEqual(await ask(), [200, '1', said(1)])
  checks.set('default/web', healthCheckOf(service(port), [], 'here'))
  assert.deepEqual(await ask(), [503, '0', said(0)])
  checks.set('default/web', healthCheckOf(service(port), [slice], 'here'))
  isHealthy = false
  assert.deepEqual(await ask(), [503, '1', said(1, false)])
  checks.set('default/web', undefined)
  await assert.rejects(ask())
})

test('createHealthChecks tries again where the port is taken, and tells why', async (t: TestContext) => {
  const holder = createServer().listen(0)
  await once(holder, 'listening')
  const { port } = holder.address() as AddressInfo
  const clock = fakeClock()
  const { log } = testContext()
  const failure = Promise.withResolvers<string>()
  const events = { event: (...[, , , message]: readonly unknown[]) => failure.resolve(String(message)) }
  const checks = createHealthChecks({ nodeName: 'here', isHealthy: () => true, events, clock, log })
  t.after(() => checks.close())
  checks.set('default/web', healthCheckOf(service(port), [slice], 'here'))
  assert.match(
    await failure.promise,
    /^node here failed to start healthcheck "default\/web" on port \d+: listen EADDRINUSE/,
  )
  holder.close()
  await once(holder, 'close')
  let status: number | undefined
  while (status === undefined) {
    await clock.advance(30_000)
    status = await fetch(`http://127.0.0.1:${port}/`).then(
      (answer) => answer.status,
      () => undefined,
    )
  }
  assert.equal(status, 200)
})

test('createHealthChecks listens where it is told to', async (t: TestContext) => {
  const { log, clock } = testContext()
  const events = { event() {} }
  const addresses = () => ['127.0.0.2']
  const checks = createHealthChecks({
    nodeName: 'here',
    isHealthy: () => true,
    addresses,
    events,
    clock,
    log,
  })
  t.after(() => checks.close())
  const port = await freePort()
  checks.set('default/web', healthCheckOf(service(port), [slice], 'here'))
  assert.equal((await fetch(`http://127.0.0.2:${port}/`)).status, 200)
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`))
})

test('nodeHealth says whether load balancers should use the node, and whether the proxy works', async () => {
  const clock = fakeClock()
  const health = createSyncHealth(clock, 60_000)
  const metrics = createMetrics()
  let node: Node | undefined = { metadata: { name: 'here' } }
  const answer = nodeHealth({ clock, health, node: () => node, numbers: proxyMetrics(metrics) })
  const ask = (path: string) => {
    const { status, text } = answer(path)!
    const { nodeEligible, healthy } = JSON.parse(text) as { nodeEligible?: boolean; healthy: boolean }
    return [status, nodeEligible, healthy]
  }
  // While it starts it is fine.
  assert.deepEqual(ask('/healthz'), [200, true, true])
  node = { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } }
  assert.deepEqual(ask('/healthz'), [503, false, true])
  assert.deepEqual(ask('/livez'), [200, undefined, true])
  node = { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } }
  assert.deepEqual(ask('/healthz'), [503, false, true])
  node = undefined
  assert.deepEqual(ask('/healthz'), [503, false, true])

  node = {}
  health.updated()
  health.queued()
  await clock.advance(59_000)
  health.queued()
  assert.deepEqual(ask('/livez'), [200, undefined, true])
  await clock.advance(1_000)
  assert.deepEqual(ask('/livez'), [503, undefined, false])
  assert.deepEqual(ask('/healthz'), [503, true, false])
  health.updated()
  assert.deepEqual(ask('/livez'), [200, undefined, true])
  assert.equal(answer('/other'), undefined)
  assert.match(metrics.text(), /kubeproxy_proxy_livez_total\{code="503"\} 1\n/)
})

test('nodeHealth names both families once rules are written', () => {
  const clock = fakeClock()
  const health = createSyncHealth(clock, 60_000)
  const answer = nodeHealth({ clock, health, node: () => ({}), numbers: proxyMetrics(createMetrics()) })
  const keys = () => Object.keys(JSON.parse(answer('/healthz')!.text) as object)
  assert.deepEqual(keys(), ['lastUpdated', 'currentTime', 'nodeEligible', 'healthy'])
  health.updated()
  assert.deepEqual(keys(), ['lastUpdated', 'currentTime', 'nodeEligible', 'healthy', 'status'])
})

test('proxyInformation tells what the proxy is and works by', async (t: TestContext) => {
  const { clock, random, metrics } = testContext()
  const listen = { address: '127.0.0.1', port: 0 }
  const flags = proxyFlags({ nodeName: 'here', podNetworks: ['10.1.0.0/16', 'fd01::/48'], metrics: listen })
  const component = 'kube-proxy'
  const zpages = componentZPages({ component, paths: () => ['/metrics'], flags: () => flags, clock, random })
  const server = await serve(
    listen,
    proxyInformation(metrics, () => true, zpages),
  )
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const ask = async (path: string, accept: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { accept } })
    return [answer.status, answer.headers.get('content-type'), await answer.text()] as const
  }
  const wanted = 'application/json;v=v1beta1;g=config.k8s.io;as=Flagz'
  const [status, type, text] = await ask('/flagz', wanted)
  assert.deepEqual([status, type], [200, 'application/json'])
  assert.deepEqual((JSON.parse(text) as { flags: unknown }).flags, flags)
  assert.equal(flags['cluster-cidr'], '10.1.0.0/16,fd01::/48')
  assert.equal(flags['metrics-bind-address'], '127.0.0.1:0')
  assert.match((await ask('/statusz', '*/*'))[2], /\nkube-proxy statusz\n[^]*\/flagz \/metrics\n$/)
  assert.equal((await ask('/statusz', 'application/json'))[0], 406)
})

test('serve answers what it knows', async (t: TestContext) => {
  const server = await serve({ address: '127.0.0.1', port: 0 }, (path) =>
    path === '/known' ? { status: 503, type: 'application/json', text: '{}' } : undefined,
  )
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  assert.equal((await fetch(`http://127.0.0.1:${port}/known?a`)).status, 503)
  assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404)
})
