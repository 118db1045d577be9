import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Node, Pod, Service } from '../../api/generated/core.v1.ts'
import { endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { endpointSliceReconciler } from './endpointslice.ts'

const labels = { app: 'web' }
const mode = 'service.kubernetes.io/topology-mode'

function aService(annotations: Readonly<Record<string, string>> = {}): Service {
  return {
    metadata: { namespace: 'default', name: 'web', uid: 'web', annotations },
    spec: { selector: labels, clusterIP: '10.0.0.1', ipFamilies: ['IPv4'], ports: [{ port: 80 }] },
  }
}

function aNode(name: string, zone: string, cpu = '4'): Node {
  const conditions = [{ type: 'Ready', status: 'True' }]
  return {
    metadata: { name, labels: { 'topology.kubernetes.io/zone': zone } },
    status: { allocatable: { cpu }, conditions },
  }
}

function aBackend(index: number, nodeName: string): Pod {
  return aPod(`p${index}`, {
    metadata: { labels },
    spec: { nodeName },
    status: { phase: 'Running', podIP: `10.1.0.${index}`, podIPs: [{ ip: `10.1.0.${index}` }] },
    readyAt: '2026-01-01T00:00:00Z',
  })
}

void describe('endpointSliceReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(service: Service, backends: readonly Pod[], slices: readonly object[] = []) {
    harness = await runReconcilers([endpointSliceReconciler()], ({ client }) => {
      client.seed(nodes, aNode('a1', 'a'), aNode('b1', 'b'))
      client.seed(pods, ...backends)
      client.seed(endpointSlices, ...(slices as never[]))
      client.seed(services, service)
    })
  }

  /** Zones that endpoints are for. */
  const hints = async () => {
    const all = (await harness.all(endpointSlices)).flatMap((slice) => slice.endpoints ?? [])
    return all.map((endpoint) => endpoint.hints?.forZones?.map(({ name }) => name).join() ?? '').join(' ')
  }

  void it('shares endpoints out among zones while the service asks for it', async () => {
    const backends = ['a1', 'a1', 'a1', 'b1'].map((node, index) => aBackend(index + 1, node))
    await start(aService({ [mode]: 'Auto' }), backends)
    assert.equal((await hints()).split(' ').sort().join(' '), 'a a b b')
    await harness.edit(services, 'default/web', (service) => ({
      ...service,
      metadata: { ...service.metadata, annotations: {} },
    }))
    await harness.settle()
    assert.equal(await hints(), '   ')
    assert.deepEqual(await harness.events(), [
      'TopologyAwareHintsEnabled: Topology Aware Hints has been enabled, addressType: IPv4',
      'TopologyAwareHintsDisabled: Topology Aware Hints has been disabled, addressType: IPv4',
    ])
  })

  void it('says why it does not share endpoints out', async () => {
    await start(aService({ [mode]: 'Auto' }), [aBackend(1, 'a1')])
    assert.deepEqual(await harness.events(), [
      'TopologyAwareHintsDisabled: Insufficient number of endpoints (1 endpoints, 2 zones), addressType: IPv4',
    ])
    assert.equal(await hints(), '')
  })

  void it('shares out anew when zones grow', async () => {
    const backends = ['a1', 'a1', 'a1', 'b1', 'b1', 'b1'].map((node, index) => aBackend(index + 1, node))
    await start(aService({ [mode]: 'Auto' }), backends)
    assert.equal(await hints(), 'a a a b b b')
    const writes = harness.client.calls.length
    await harness.edit(nodes, 'b1', (node) => ({
      ...node,
      metadata: { ...node.metadata, labels: { ...node.metadata!.labels, more: 'x' } },
    }))
    await harness.settle()
    assert.equal(harness.client.calls.length, writes + 1)
    await harness.client.create(nodes, aNode('b2', 'b', '8'))
    await harness.settle()
    assert.equal((await hints()).split(' ').sort().join(' '), 'a a b b b b')
  })

  void it('follows the pods of a service that is on its way out, but makes no new slices', async () => {
    const leaving = (service: Service): Service => ({
      ...service,
      metadata: { ...service.metadata, finalizers: ['e.com/hold'] },
    })
    await start(leaving(aService()), [aBackend(1, 'a1')])
    await harness.client.delete(services, { namespace: 'default', name: 'web' })
    await harness.client.create(pods, aBackend(2, 'b1'))
    await harness.settle()
    const [slice] = await harness.all(endpointSlices)
    assert.equal(slice!.endpoints!.length, 2)
    await harness.client.delete(endpointSlices, { namespace: 'default', name: slice!.metadata!.name! })
    await harness.settle()
    assert.deepEqual(await harness.all(endpointSlices), [])
  })

  void it('replaces slices of a service of the same name that is gone', async () => {
    const slice = {
      metadata: {
        namespace: 'default',
        name: 'web-old',
        labels: {
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name: 'web', uid: 'old', controller: true }],
      },
      addressType: 'IPv4',
      endpoints: [],
      ports: [],
    }
    await start(aService(), [aBackend(1, 'a1')], [slice])
    const [own, ...others] = await harness.all(endpointSlices)
    assert.equal(others.length, 0)
    assert.equal(own!.metadata!.ownerReferences![0]!.uid, 'web')
  })

  void it('leaves out pods on nodes that are not there, and says so', async () => {
    await start(aService(), [aBackend(1, 'a1'), aBackend(2, 'lost')])
    const [slice] = await harness.all(endpointSlices)
    assert.deepEqual(
      slice!.endpoints!.flatMap(({ addresses }) => addresses),
      ['10.1.0.1'],
    )
    assert.deepEqual(await harness.events(), [
      'FailedToUpdateEndpointSlices: Error updating Endpoint Slices for Service default/web: ' +
        'skipping Pod p2 for Service default/web: Node lost Not Found',
    ])
  })

  void it('tells what it does in metrics, and forgets services that are gone', async () => {
    await start(aService(), [aBackend(1, 'a1'), aBackend(2, 'b1')])
    const values = () =>
      harness.metrics
        .text()
        .split('\n')
        .filter((line) => /^endpoint_slice_controller_(\w*endpoint\w*|syncs\S*) /.test(line))
        .filter((line) => !/bucket/.test(line))
    assert.deepEqual(
      values().filter((line) => /desired|num_/.test(line)),
      [
        'endpoint_slice_controller_desired_endpoint_slices 1',
        'endpoint_slice_controller_endpoints_desired 2',
        'endpoint_slice_controller_num_endpoint_slices 1',
      ],
    )
    assert.ok(values().includes('endpoint_slice_controller_endpoints_added_per_sync_sum 2'))
    await harness.client.delete(services, { namespace: 'default', name: 'web' })
    await harness.settle()
    assert.ok(values().includes('endpoint_slice_controller_endpoints_desired 0'))
  })
})
