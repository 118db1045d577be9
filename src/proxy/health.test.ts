import assert from 'node:assert/strict'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { test, type TestContext } from 'node:test'
import type { Node, Service } from '../api/generated/core.v1.ts'
import type { EndpointSlice } from '../api/generated/discovery.v1.ts'
import { createHealthChecks, healthCheckOf } from './health-checks.ts'
import { serveNodeHealth } from './node-health.ts'
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
  const { log } = testContext()
  const events = { event() {} }
  const checks = createHealthChecks({ nodeName: 'here', isHealthy: () => isHealthy, events, log })
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

test('serveNodeHealth says whether load balancers should use the node', async (t: TestContext) => {
  const { clock } = testContext()
  let node: Node = { metadata: { name: 'here' } }
  const server = await serveNodeHealth({
    listen: { address: '127.0.0.1', port: 0 },
    clock,
    isHealthy: () => true,
    lastUpdated: () => 0,
    node: () => node,
  })
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const ask = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`)
    return [answer.status, ((await answer.json()) as { nodeEligible: boolean }).nodeEligible]
  }
  assert.deepEqual(await ask('/healthz'), [200, true])
  node = { spec: { taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] } }
  assert.deepEqual(await ask('/healthz'), [503, false])
  assert.deepEqual(await ask('/livez'), [200, false])
})
