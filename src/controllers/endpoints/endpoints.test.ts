import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Pod, Service, ServiceSpec } from '../../api/generated/core.v1.ts'
import { endpoints, endpointSlices, nodes, pods, services } from '../../api/generated/resources.ts'
import { aPod } from '../testing/a-pod.ts'
import { keys, runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { endpointsReconciler } from './endpoints.ts'
import { truncated } from './plan-subsets.ts'
import { endpointSliceReconciler } from './endpointslice.ts'
import { endpointSliceMirroringReconciler } from './endpointslice-mirroring.ts'

const labels = { app: 'web' }
const readyAt = '2026-01-01T00:00:00Z'

function aService(spec: Partial<ServiceSpec> = {}): Service {
  return {
    metadata: { namespace: 'default', name: 'web', labels: { team: 'a' } },
    spec: {
      selector: labels,
      clusterIP: '10.0.0.1',
      ipFamilies: ['IPv4'],
      ports: [{ name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' }],
      ...spec,
    },
  }
}

function aBackend(
  name: string,
  ip: string,
  options: { readonly ready?: boolean; readonly pod?: Pod['spec'] } = {},
): Pod {
  const { ready = true, pod } = options
  return aPod(name, {
    metadata: { labels },
    spec: {
      nodeName: 'n1',
      containers: [{ name: 'app', image: 'app', ports: [{ name: 'web', containerPort: 8080 }] }],
      ...pod,
    },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }, { ip: `fd00::${ip.split('.').at(-1)}` }] },
    ...(ready && { readyAt }),
  })
}

const zone = { 'topology.kubernetes.io/zone': 'z1' }

void describe('endpointSliceReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(service: Service, ...backends: readonly Pod[]): Promise<void> {
    harness = await runReconcilers([endpointSliceReconciler()], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'n1', labels: zone } })
      client.seed(pods, ...backends)
      client.seed(services, service)
    })
  }

  void it('describes ready, unready and ending pods, with node and zone', async () => {
    await start(aService(), aBackend('a', '10.1.0.1'), aBackend('b', '10.1.0.2', { ready: false }))
    await harness.client.delete(pods, { namespace: 'default', name: 'a' })
    await harness.settle()
    const [slice, ...others] = await harness.all(endpointSlices)
    assert.equal(others.length, 0)
    assert.equal(slice!.metadata!.generateName, 'web-')
    assert.equal(slice!.metadata!.ownerReferences![0]!.kind, 'Service')
    assert.equal(slice!.metadata!.annotations!['endpoints.kubernetes.io/last-change-trigger-time'], undefined)
    assert.deepEqual(slice!.metadata!.labels, {
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    })
    assert.deepEqual(slice!.ports, [{ name: 'http', port: 8080, protocol: 'TCP' }])
    const target = (name: string, uid: string) => ({ kind: 'Pod', namespace: 'default', name, uid })
    assert.deepEqual(slice!.endpoints, [
      {
        addresses: ['10.1.0.1'],
        conditions: { ready: false, serving: true, terminating: true },
        targetRef: target('a', 'a'),
        nodeName: 'n1',
        zone: 'z1',
      },
      {
        addresses: ['10.1.0.2'],
        conditions: { ready: false, serving: false, terminating: false },
        targetRef: target('b', 'b'),
        nodeName: 'n1',
        zone: 'z1',
      },
    ])
  })

  void it('has slices of both families', async () => {
    await start(aService({ ipFamilies: ['IPv6', 'IPv4'] }), aBackend('a', '10.1.0.1'))
    const slices = await harness.all(endpointSlices)
    assert.deepEqual(
      slices.map(({ addressType, endpoints }) => [addressType, endpoints![0]!.addresses[0]]),
      [
        ['IPv6', 'fd00::1'],
        ['IPv4', '10.1.0.1'],
      ],
    )
    await harness.edit(services, 'default/web', (service) => ({
      ...service,
      spec: { ...service.spec, ipFamilies: ['IPv4' as const] },
    }))
    await harness.settle()
    assert.deepEqual(
      (await harness.all(endpointSlices)).map(({ addressType }) => addressType),
      ['IPv4'],
    )
  })

  void it('publishes all addresses of a headless service that wants it, with hostnames', async () => {
    const spec = { clusterIP: 'None', ports: [], publishNotReadyAddresses: true }
    await start(
      aService(spec),
      aBackend('a', '10.1.0.1', { ready: false, pod: { hostname: 'a', subdomain: 'web', containers: [] } }),
    )
    const [slice] = await harness.all(endpointSlices)
    assert.equal(slice!.metadata!.labels!['service.kubernetes.io/headless'], '')
    assert.deepEqual(slice!.ports, [])
    assert.equal(slice!.endpoints![0]!.hostname, 'a')
    assert.deepEqual(slice!.endpoints![0]!.conditions, { ready: true, serving: false, terminating: false })
  })

  void it('follows pods that come, change labels and end', async () => {
    await start(aService())
    assert.deepEqual(
      (await harness.all(endpointSlices)).map(({ endpoints }) => endpoints),
      [[]],
    )
    await harness.client.create(pods, aBackend('a', '10.1.0.1'))
    await harness.client.create(pods, aBackend('b', '10.1.0.2'))
    await harness.settle()
    const addresses = async () =>
      (await harness.all(endpointSlices)).flatMap((slice) => slice.endpoints!.flatMap((e) => e.addresses))
    assert.deepEqual(await addresses(), ['10.1.0.1', '10.1.0.2'])
    await harness.edit(pods, 'default/a', (pod) => ({ ...pod, metadata: { ...pod.metadata, labels: {} } }))
    await harness.edit(
      pods,
      'default/b',
      (pod) => ({ ...pod, status: { ...pod.status, phase: 'Succeeded' as const } }),
      'status',
    )
    await harness.settle()
    assert.deepEqual(await addresses(), [])
    assert.deepEqual(harness.complaints, [])
  })

  void it('waits for a node that it does not know', async () => {
    await start(aService(), aBackend('a', '10.1.0.1', { pod: { nodeName: 'n2', containers: [] } }))
    assert.deepEqual((await harness.all(endpointSlices))[0]!.endpoints, [])
    await harness.client.create(nodes, { metadata: { name: 'n2' } })
    await harness.pass(1000)
    assert.equal((await harness.all(endpointSlices))[0]!.endpoints!.length, 1)
  })

  void it('hints at the zone when the service wants traffic to stay close', async () => {
    await start(aService({ trafficDistribution: 'PreferClose' }), aBackend('a', '10.1.0.1'))
    assert.deepEqual((await harness.all(endpointSlices))[0]!.endpoints![0]!.hints, {
      forZones: [{ name: 'z1' }],
    })
  })

  void it('puts no more endpoints into a slice than it is told', async () => {
    harness = await runReconcilers([endpointSliceReconciler(2)], ({ client }) => {
      client.seed(nodes, { metadata: { name: 'n1', labels: zone } })
      client.seed(pods, ...['a', 'b', 'c'].map((name, index) => aBackend(name, `10.1.0.${index + 1}`)))
      client.seed(services, aService())
    })
    const sizes = (await harness.all(endpointSlices)).map((slice) => slice.endpoints!.length)
    assert.deepEqual(new Set(sizes), new Set([1, 2]))
  })

  void it('repairs what others change, and leaves services without a selector alone', async () => {
    await start(aService(), aBackend('a', '10.1.0.1'))
    const [key] = keys(await harness.all(endpointSlices))
    await harness.edit(endpointSlices, key!, (slice) => ({ ...slice, endpoints: [] }))
    await harness.settle()
    assert.equal((await harness.one(endpointSlices, key!)).endpoints!.length, 1)
    await harness.client.create(services, { metadata: { name: 'manual' }, spec: {} })
    await harness.settle()
    assert.equal((await harness.all(endpointSlices)).length, 1)
  })
})

void describe('truncated', () => {
  const addresses = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ ip: `10.0.0.${index}` }))
  const rows: readonly (readonly [
    name: string,
    counts: readonly (readonly [ready: number, notReady: number])[],
    expected: readonly (readonly [ready: number, notReady: number])[],
  ])[] = [
    ['nothing while there is room', [[400, 600]], [[400, 600]]],
    [
      'ready addresses to their share, rounded up while there is room, and all that are not ready',
      [
        [500, 10],
        [500, 0],
        [500, 10],
      ],
      [
        [334, 0],
        [334, 0],
        [332, 0],
      ],
    ],
    [
      'those alone that are not ready',
      [
        [700, 200],
        [100, 400],
      ],
      [
        [700, 67],
        [100, 133],
      ],
    ],
    [
      'a subset of which nothing is left',
      [
        [1500, 0],
        [0, 1],
      ],
      [[1000, 0]],
    ],
  ]
  for (const [name, counts, expected] of rows) {
    void it(`cuts ${name}`, () => {
      const subsets = counts.map(([ready, notReady]) => ({
        addresses: addresses(ready),
        notReadyAddresses: addresses(notReady),
      }))
      assert.deepEqual(
        truncated(subsets).map((subset) => [
          subset.addresses?.length ?? 0,
          subset.notReadyAddresses?.length ?? 0,
        ]),
        expected,
      )
    })
  }
})

void describe('endpointsReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('groups addresses by ports, ready apart from not ready, and goes with the service', async () => {
    const ports = [
      { name: 'http', port: 80, targetPort: 'web', protocol: 'TCP' as const },
      { name: 'dns', port: 53, targetPort: 53, protocol: 'UDP' as const },
    ]
    harness = await runReconcilers([endpointsReconciler()], ({ client }) => {
      const backends = [aBackend('b', '10.1.0.2'), aBackend('a', '10.1.0.1', { ready: false })]
      client.seed(pods, ...backends, aBackend('c', '10.1.0.3', { pod: { containers: [] } }))
      client.seed(services, aService({ ports }))
    })
    const address = (ip: string, name: string) => ({
      ip,
      nodeName: 'n1',
      targetRef: { kind: 'Pod', namespace: 'default', name, uid: name },
    })
    const object = await harness.one(endpoints, 'default/web')
    const dns = { name: 'dns', port: 53, protocol: 'UDP' }
    assert.deepEqual(object.subsets, [
      {
        addresses: [address('10.1.0.2', 'b')],
        notReadyAddresses: [address('10.1.0.1', 'a')],
        ports: [dns, { name: 'http', port: 8080, protocol: 'TCP' }],
      },
      { addresses: [address('10.1.0.3', 'c')], ports: [dns] },
    ])
    assert.deepEqual(object.metadata!.labels, {
      team: 'a',
      'endpoints.kubernetes.io/managed-by': 'endpoint-controller',
    })
    await harness.client.delete(services, { namespace: 'default', name: 'web' })
    await harness.settle()
    assert.deepEqual(await harness.all(endpoints), [])
  })

  void it('cuts to a thousand addresses, and says so', async () => {
    harness = await runReconcilers([endpointsReconciler()], ({ client }) => {
      for (let index = 0; index < 1001; index++)
        client.seed(pods, aBackend(`p${index}`, `10.1.${index >> 8}.${index & 255}`))
      client.seed(services, aService())
    })
    const { subsets, metadata } = await harness.one(endpoints, 'default/web')
    assert.equal(subsets![0]!.addresses!.length, 1000)
    assert.equal(metadata!.annotations!['endpoints.kubernetes.io/over-capacity'], 'truncated')
  })

  void it('does not touch what users write for a service without a selector, until that goes', async () => {
    harness = await runReconcilers([endpointsReconciler()], ({ client }) => {
      client.seed(endpoints, { metadata: { namespace: 'default', name: 'manual' }, subsets: [] })
      client.seed(endpoints, { metadata: { namespace: 'default', name: 'early' }, subsets: [] })
      client.seed(services, { metadata: { namespace: 'default', name: 'manual' }, spec: {} })
    })
    assert.deepEqual(keys(await harness.all(endpoints)), ['default/early', 'default/manual'])
    assert.deepEqual(harness.client.calls, [])
    await harness.client.delete(services, { namespace: 'default', name: 'manual' })
    await harness.settle()
    assert.deepEqual(keys(await harness.all(endpoints)), ['default/early'])
  })

  void it('has the first family of the service alone', async () => {
    harness = await runReconcilers([endpointsReconciler()], ({ client }) => {
      const onlyIpv6 = { ...aBackend('b', '10.1.0.2'), status: { ...aBackend('b', '10.1.0.2').status } }
      client.seed(pods, aBackend('a', '10.1.0.1'), {
        ...onlyIpv6,
        status: { ...onlyIpv6.status, podIP: 'fd00::2', podIPs: [{ ip: 'fd00::2' }] },
      })
      client.seed(services, aService({ ipFamilies: ['IPv4', 'IPv6'] }))
    })
    const { subsets } = await harness.one(endpoints, 'default/web')
    assert.deepEqual(
      subsets!.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)),
      ['10.1.0.1'],
    )
  })

  void it('follows the pods of a service that is on its way out', async () => {
    const service = aService()
    harness = await runReconcilers([endpointsReconciler()], ({ client }) => {
      client.seed(pods, aBackend('a', '10.1.0.1'))
      client.seed(services, {
        ...service,
        metadata: { ...service.metadata, finalizers: ['example.com/keep'] },
      })
    })
    await harness.client.delete(services, { namespace: 'default', name: 'web' })
    await harness.client.delete(pods, { namespace: 'default', name: 'a' }, { gracePeriodSeconds: 0 })
    await harness.settle()
    assert.deepEqual((await harness.one(endpoints, 'default/web')).subsets, [])
  })
})

void describe('endpointSliceMirroringReconciler', () => {
  void it('mirrors Endpoints of a service without a selector, and takes the copy back', async () => {
    const harness = await runReconcilers([endpointSliceMirroringReconciler()], ({ client }) => {
      client.seed(services, { metadata: { namespace: 'default', name: 'manual' }, spec: {} })
      const subsets = [
        {
          addresses: [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }],
          notReadyAddresses: [{ ip: '10.0.0.2' }],
          ports: [{ port: 80 }],
        },
      ]
      client.seed(endpoints, {
        metadata: { namespace: 'default', name: 'manual', labels: { a: 'b' } },
        subsets,
      })
    })
    const [v4, v6] = await harness.all(endpointSlices)
    assert.deepEqual(v4!.endpoints, [
      { addresses: ['10.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.0.0.2'], conditions: { ready: false } },
    ])
    assert.deepEqual(v4!.ports, [{ name: '', port: 80, protocol: 'TCP' }])
    assert.equal(v4!.metadata!.labels!['a'], 'b')
    assert.equal(
      v4!.metadata!.labels!['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    )
    assert.deepEqual(v6!.endpoints![0]!.addresses, ['fd00::1'])
    await harness.edit(endpoints, 'default/manual', (object) => ({ ...object, subsets: [] }))
    await harness.settle()
    assert.deepEqual(await harness.all(endpointSlices), [])
    await harness.stop()
  })

  void it('mirrors a thousand addresses of a subset, in one slice, and says what it left out', async () => {
    const address = (index: number) => ({ ip: `10.0.${index >> 8}.${index & 255}` })
    const addresses = [{ ip: 'nowhere' }, ...Array.from({ length: 1005 }, (_, index) => address(index))]
    const metadata = { namespace: 'default', name: 'manual' }
    const harness = await runReconcilers([endpointSliceMirroringReconciler()], ({ client }) => {
      client.seed(services, { metadata, spec: {} })
      client.seed(endpoints, { metadata, subsets: [{ addresses, ports: [{ port: 80 }] }] })
    })
    const slices = await harness.all(endpointSlices)
    assert.deepEqual(
      slices.map(({ endpoints: held }) => held!.length),
      [1000],
    )
    assert.deepEqual(await harness.events(), [
      'InvalidIPAddress: Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      'TooManyAddressesToMirror: A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. ' +
        '6 addresses were skipped',
    ])
    const text = harness.metrics.text()
    for (const series of ['changes{operation="create"} 1', 'endpoints_desired 1000', 'num_endpoint_slices 1'])
      assert.ok(text.includes(`\nendpoint_slice_mirroring_controller_${series}\n`), series)
    await harness.client.delete(endpoints, { namespace: 'default', name: 'manual' })
    await harness.settle()
    assert.ok(harness.metrics.text().includes('\nendpoint_slice_mirroring_controller_endpoints_desired 0\n'))
    await harness.stop()
  })
})
