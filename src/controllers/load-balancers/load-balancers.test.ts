import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Node, Service, ServiceSpec } from '../../api/generated/core.v1.ts'
import { endpointSlices, nodes, services } from '../../api/generated/resources.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { loadBalancersReconciler } from './load-balancers.ts'

function aService(name: string, spec: Partial<ServiceSpec> = {}, second = 0): Service {
  return {
    metadata: { namespace: 'default', name, uid: name, creationTimestamp: `2026-01-01T00:00:0${second}Z` },
    spec: { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP' }], ipFamilies: ['IPv4'], ...spec },
  }
}

function aNode(name: string, address: string, { ready = 'True', labels = {} } = {}): Node {
  return {
    metadata: { name, labels },
    status: {
      addresses: [
        { type: 'Hostname', address: name },
        { type: 'InternalIP', address },
      ],
      conditions: [{ type: 'Ready', status: ready }],
    },
  }
}

const exclude = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' }
const threeNodes = [aNode('n1', '10.0.0.9'), aNode('n2', '10.0.0.10'), aNode('n3', '10.0.0.11')]

void describe('loadBalancersReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(all: readonly Service[], some: readonly Node[] = threeNodes): Promise<void> {
    harness = await runReconcilers([loadBalancersReconciler({ reservedPorts: [10_250] })], ({ client }) => {
      client.seed(nodes, ...some)
      client.seed(services, ...all)
    })
  }
  const ipsOf = async (name: string) => {
    const { status } = await harness.one(services, `default/${name}`)
    return status?.loadBalancer?.ingress?.map(({ ip }) => ip) ?? []
  }

  void it('gives the addresses of ready nodes, and follows them', async () => {
    const shy = [
      aNode('n4', '10.0.0.12', { labels: exclude }),
      aNode('n5', '10.0.0.13', { ready: 'Unknown' }),
    ]
    await start([aService('web')], [...threeNodes, ...shy])
    const web = await harness.one(services, 'default/web')
    assert.deepEqual(web.metadata?.finalizers, ['service.kubernetes.io/load-balancer-cleanup'])
    assert.deepEqual(web.status?.loadBalancer?.ingress?.[0], { ip: '10.0.0.9', ipMode: 'VIP' })
    assert.deepEqual(await ipsOf('web'), ['10.0.0.9', '10.0.0.10', '10.0.0.11'])
    await harness.client.delete(nodes, { name: 'n2' })
    await harness.settle()
    assert.deepEqual(await ipsOf('web'), ['10.0.0.9', '10.0.0.11'])
    assert.deepEqual((await harness.events()).slice(0, 2), [
      'EnsuringLoadBalancer: Ensuring load balancer',
      'EnsuredLoadBalancer: Ensured load balancer',
    ])
  })

  void it('leaves those with a class alone', async () => {
    await start([aService('web', { loadBalancerClass: 'example.com/other' })])
    assert.equal((await harness.one(services, 'default/web')).metadata?.finalizers, undefined)
    assert.deepEqual(await ipsOf('web'), [])
  })

  void it('takes back what it gave when the type changes and when the service goes', async () => {
    await start([aService('web'), aService('gone', { ports: [{ port: 81 }] })])
    await harness.edit(services, 'default/web', (web) => ({
      ...web,
      spec: { ...web.spec, type: 'ClusterIP' as const },
    }))
    await harness.client.delete(services, { namespace: 'default', name: 'gone' })
    await harness.settle()
    assert.deepEqual(await ipsOf('web'), [])
    assert.deepEqual((await harness.one(services, 'default/web')).metadata?.finalizers ?? [], [])
    assert.equal((await harness.all(services)).length, 1)
  })

  void it('gives a port to the older of two, and to the other when the first is gone', async () => {
    await start([
      aService('second', {}, 2),
      aService('first', {}, 1),
      aService('udp', { ports: [{ port: 80, protocol: 'UDP' }] }, 3),
    ])
    assert.equal((await ipsOf('first')).length, 3)
    assert.equal((await ipsOf('udp')).length, 3)
    assert.deepEqual(await ipsOf('second'), [])
    assert.ok(
      (await harness.events()).includes(
        'SyncLoadBalancerFailed: Error syncing load balancer: Service default/first has a port of it already',
      ),
    )
    await harness.client.delete(services, { namespace: 'default', name: 'first' })
    await harness.settle()
    assert.equal((await ipsOf('second')).length, 3)
  })

  void it('gives no port at which nodes answer themselves', async () => {
    await start([aService('web', { ports: [{ port: 10_250 }] })])
    assert.deepEqual(await ipsOf('web'), [])
  })

  void it('gives the address that is asked for, where a node has it', async () => {
    await start([
      aService('web', { loadBalancerIP: '10.0.0.10' }),
      aService('no', { loadBalancerIP: '192.0.2.1', ports: [{ port: 81 }] }),
    ])
    assert.deepEqual(await ipsOf('web'), ['10.0.0.10'])
    assert.deepEqual(await ipsOf('no'), [])
  })

  void it('gives only the nodes that have endpoints to a service whose traffic stays there', async () => {
    await start([aService('web', { externalTrafficPolicy: 'Local' })])
    assert.deepEqual(await ipsOf('web'), [])
    await harness.client.create(endpointSlices, {
      metadata: { namespace: 'default', name: 'web-1', labels: { 'kubernetes.io/service-name': 'web' } },
      addressType: 'IPv4',
      endpoints: [
        { addresses: ['10.1.0.1'], nodeName: 'n3', conditions: { ready: true } },
        { addresses: ['10.1.0.2'], nodeName: 'n2', conditions: { ready: false } },
      ],
    })
    await harness.settle()
    assert.deepEqual(await ipsOf('web'), ['10.0.0.11'])
  })
})
