import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Endpoints, Service, ServiceSpec } from '../../../src/api/generated/core.v1.ts'
import type { EndpointSlice } from '../../../src/api/generated/discovery.v1.ts'
import { endpoints, endpointSlices, pods, services } from '../../../src/api/generated/resources.ts'
import { aPod, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilGone, untilList, untilObject } from '../harness/until-object.ts'

const create = ({ client, namespace }: Scope, name: string, spec: ServiceSpec): Promise<Service> =>
  client.create(services, { metadata: { namespace, name }, spec })

const port = { port: 80, protocol: 'TCP' as const }

const untilSlices = (
  { client, namespace }: Scope,
  service: string,
  accept: (slices: readonly EndpointSlice[]) => boolean,
) =>
  untilList(
    client,
    endpointSlices,
    { namespace, labelSelector: `kubernetes.io/service-name=${service}` },
    accept,
  )

const addressesOf = (slices: readonly EndpointSlice[]) =>
  slices.flatMap((slice) => (slice.endpoints ?? []).flatMap(({ addresses }) => addresses))

const ipsOf = ({ subsets }: Endpoints) =>
  (subsets ?? []).flatMap(({ addresses }) => (addresses ?? []).map(({ ip }) => ip))

describe('services', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('have endpoints and slices for as long as they live', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'service' }
    await create(scope, 'service', { selector: { name: 'none' }, ports: [port] })
    await untilObject(client, endpoints, name, () => true)
    await untilSlices(scope, 'service', (slices) => slices.length === 1)
    await client.delete(services, name)
    await untilGone(client, endpoints, name)
    await untilSlices(scope, 'service', (slices) => slices.length === 0)
  })

  it('follow the pods that they select, with the ports that these name', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const named = { name: 'main', containerPort: 3000, protocol: 'TCP' as const }
    const web = (name: string, containerPort: number) => {
      const containers = [{ ...server, ports: [{ ...named, containerPort }] }]
      const pod = aPod(namespace, name, { containers })
      return client.create(pods, { ...pod, metadata: { ...pod.metadata, labels: { app: 'web', name } } })
    }
    await create(scope, 'first', {
      selector: { name: 'one' },
      ports: [{ ...port, name: 'main', targetPort: 3000 }],
    })
    await create(scope, 'both', {
      selector: { app: 'web' },
      ports: [{ ...port, name: 'main', targetPort: 'main' }],
    })
    await web('one', 3000)
    await web('two', 3001)
    const found = await untilList(client, pods, { namespace }, (items) => {
      return items.length === 2 && items.every(({ status }) => status?.phase === 'Running')
    })
    const ips = found.map(({ status }) => status?.podIP)
    await untilSlices(scope, 'first', (slices) => addressesOf(slices).join() === ips[0])
    const slices = await untilSlices(scope, 'both', (slices) => addressesOf(slices).length === 2)
    const ports = slices.map(({ ports: [port] = [], ...slice }) => [port?.port, addressesOf([slice])[0]])
    assert.deepEqual(
      new Map(ports as [number, string][]),
      new Map([
        [3000, ips[0]!],
        [3001, ips[1]!],
      ]),
    )
    await untilObject(client, endpoints, { namespace, name: 'both' }, (object) => ipsOf(object).length === 2)
    await client.delete(pods, { namespace, name: 'one' })
    await untilSlices(scope, 'first', (slices) => addressesOf(slices).length === 0)
    await untilSlices(scope, 'both', (slices) => addressesOf(slices).join() === ips[1])
  })

  it('without a selector have endpoints that clients write, mirrored into slices', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'custom' }
    await create(scope, 'custom', { ports: [{ ...port, name: 'example' }] })
    const subsets = (ip: string, port: number) => [
      { addresses: [{ ip }], ports: [{ name: 'example', port }] },
    ]
    await client.create(endpoints, { metadata: name, subsets: subsets('10.1.2.3', 80) })
    const mirrored = await untilSlices(scope, 'custom', (slices) => addressesOf(slices).join() === '10.1.2.3')
    assert.equal(
      mirrored[0]?.metadata?.labels?.['endpointslice.kubernetes.io/managed-by'],
      'endpointslicemirroring-controller.k8s.io',
    )
    await client.patch(endpoints, name, { type: 'merge', body: { subsets: subsets('10.2.3.4', 9090) } })
    await untilSlices(scope, 'custom', (slices) => {
      return addressesOf(slices).join() === '10.2.3.4' && slices[0]?.ports?.[0]?.port === 9090
    })
    await client.delete(endpoints, name)
    await untilSlices(scope, 'custom', (slices) => slices.length === 0)
  })

  it('change their type, and have just the addresses and ports of the new one', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'service' }
    const change = async (spec: object) => {
      const { spec: changed } = await client.patch(services, name, { type: 'merge', body: { spec } })
      const { clusterIP, externalName, ports } = changed ?? {}
      return [Boolean(clusterIP), externalName, ports?.some(({ nodePort }) => nodePort) === true]
    }
    const toExternal = {
      type: 'ExternalName',
      externalName: 'foo.example.com',
      clusterIP: '',
      clusterIPs: null,
    }
    const external = [false, 'foo.example.com', false]
    await create(scope, 'service', { type: 'ExternalName', externalName: 'foo.example.com' })
    const own = (type: string) => ({ type, externalName: null, ports: [port] })
    assert.deepEqual(await change(own('ClusterIP')), [true, undefined, false])
    assert.deepEqual(await change(toExternal), external)
    assert.deepEqual(await change(own('NodePort')), [true, undefined, true])
    assert.deepEqual(await change({ ...toExternal, ports: [port] }), external)
  })

  it('have endpoints soon after they are made', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'server' }
    await client.create(pods, aPod(namespace, 'server'))
    await untilObject(client, pods, name, ({ status }) => status?.phase === 'Running')
    const tookMs = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const startedAt = performance.now()
        await create(scope, `service-${index}`, { selector: { name: 'server' }, ports: [port] })
        await untilSlices(scope, `service-${index}`, (slices) => addressesOf(slices).length === 1)
        return performance.now() - startedAt
      }),
    )
    const sorted = tookMs.toSorted((a, b) => a - b)
    assert.ok(sorted[50]! < 20_000, `${sorted[50]} ms half of the time`)
    assert.ok(sorted[90]! < 50_000, `${sorted[90]} ms nine times in ten`)
  })
})
