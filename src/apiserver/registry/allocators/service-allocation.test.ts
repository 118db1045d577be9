import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Service, ServicePort, ServiceSpec } from '../../../api/generated/core.v1.ts'
import { ipAddresses, serviceCIDRs, services } from '../../../api/generated/resources.ts'
import { refusal, TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'

let testServer: TestServer
let requests: TestRequests
describe('service allocation', () => {
  before(async () => {
    testServer = await startTestServer()
    requests = new TestRequests(testServer.server)
  })
  after(() => testServer[Symbol.asyncDispose]())
  beforeEach(async () => {
    await requests.send(
      services,
      { namespace: 'default' },
      {
        verb: 'deletecollection',
        options: {},
        listOptions: { fieldSelector: 'metadata.name!=kubernetes' },
      },
    )
  })

  const named = (name: string) => ({ namespace: 'default', name })

  function service(name: string, spec: ServiceSpec = {}): Service {
    return { metadata: named(name), spec: { ports: [{ port: 80 }], ...spec } }
  }

  async function claims(kind: 'serviceips' | 'servicenodeports'): Promise<readonly string[]> {
    if (kind === 'serviceips') {
      const all = testServer.server.objects.list(ipAddresses)
      return all.map(({ metadata }) => metadata!.name!).sort()
    }
    const prefix = `/registry/ranges/${kind}/`
    const { entries } = await testServer.store.list(prefix)
    return entries.map(({ key }) => key.slice(prefix.length))
  }

  test('a Service gets an address of its own from the upper part of the range', async () => {
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, index) => requests.create(services, service(`s${index}`))),
    )
    const addresses = made.map(({ spec }) => spec!.clusterIP!)
    assert.equal(new Set(addresses).size, 10)
    for (const [index, { spec }] of made.entries()) {
      assert.deepEqual(spec?.clusterIPs, [addresses[index]])
      assert.deepEqual([spec?.ipFamilies, spec?.ipFamilyPolicy], [['IPv4'], 'SingleStack'])
      assert(Number(spec.clusterIP!.split('.')[2]) >= 1, `${spec?.clusterIP} is in the lower part`)
    }
  })

  test('an address is chosen once, and free again when its Service is gone', async () => {
    await requests.create(services, service('a', { clusterIP: '10.96.0.77' }))
    assert.equal(
      await refusal(requests.create(services, service('b', { clusterIP: '10.96.0.77' }))),
      '422 Invalid: Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.77"]: failed to allocate IP 10.96.0.77: ' +
        'provided IP is already allocated',
    )
    assert.match(
      await refusal(requests.create(services, service('b', { clusterIP: '10.97.0.1' }))),
      /failed to allocate IP 10.97.0.1: the provided network does not match the current range/,
    )
    await requests.delete(services, named('a'))
    await requests.create(services, service('b', { clusterIP: '10.96.0.77' }))
  })

  test('node ports are chosen or given out, each once, and shared by the protocols of one port', async () => {
    const ports: ServiceSpec['ports'] = [
      { name: 'a', port: 53, protocol: 'UDP', nodePort: 30_053 },
      { name: 'b', port: 53, protocol: 'TCP' },
      { name: 'c', port: 80 },
    ]
    const { spec } = await requests.create(services, service('dns', { type: 'NodePort', ports }))
    const given = spec!.ports!.map(({ nodePort }) => nodePort!)
    assert.deepEqual(given.slice(0, 2), [30_053, 30_053])
    assert(given[2]! >= 30_086 && given[2]! <= 32_767)
    const taken = service('x', { type: 'NodePort', ports: [{ port: 1, nodePort: 30_053 }] })
    assert.match(
      await refusal(requests.create(services, taken)),
      /spec.ports\[0\].nodePort: Invalid value: 30053: provided port is already allocated$/,
    )
    const outside = service('x', { type: 'NodePort', ports: [{ port: 1, nodePort: 80 }] })
    assert.match(await refusal(requests.create(services, outside)), /The range of valid ports is 30000-32767/)
    assert.equal((await claims('serviceips')).length, 2)
  })

  test('what a Service has no more use for is given back, what a failed write claimed as well', async () => {
    const { spec } = await requests.create(services, service('s', { type: 'NodePort' }))
    await requests.patch(services, named('s'), {
      spec: { type: 'ClusterIP', ports: [{ port: 80, nodePort: null }], externalTrafficPolicy: null },
    })
    assert.deepEqual(await claims('servicenodeports'), [])
    const kept = await requests.get(services, named('s'))
    assert.equal(kept.spec?.clusterIP, spec?.clusterIP)
    await requests.patch(services, named('s'), {
      spec: { type: 'ExternalName', externalName: 'x.io', clusterIP: null, clusterIPs: null },
    })
    assert.deepEqual(await claims('serviceips'), ['10.96.0.1'])
    const back = await requests.patch<Service>(services, named('s'), {
      spec: { type: 'ClusterIP', externalName: null },
    })
    assert.match(back.spec?.clusterIP ?? '', /^10\.96\./)
    const invalid = service('bad', { type: 'NodePort', sessionAffinity: 'Nonsense' as never })
    assert.match(await refusal(requests.create(services, invalid)), /^422/)
    assert.equal((await claims('servicenodeports')).length, 0)
    assert.equal((await claims('serviceips')).length, 2)
  })

  test('a dry run claims nothing', async () => {
    const made = await requests.create(services, service('dry', { type: 'NodePort' }), { dryRun: ['All'] })
    assert.match(made.spec?.clusterIP ?? '', /^10\.96\./)
    assert.deepEqual(await claims('serviceips'), ['10.96.0.1'])
    assert.deepEqual(await claims('servicenodeports'), [])
  })

  test('headless Services have no address, and one family on this cluster', async () => {
    const { spec } = await requests.create(
      services,
      service('h', { clusterIP: 'None', selector: { a: 'b' } }),
    )
    assert.deepEqual([spec?.clusterIP, spec?.clusterIPs, spec?.ipFamilies], ['None', ['None'], ['IPv4']])
    const dual = requests.create(services, service('d', { ipFamilyPolicy: 'RequireDualStack' }))
    assert.match(await refusal(dual), /this cluster is not configured for dual-stack services/)
    const six = requests.create(services, service('d', { ipFamilies: ['IPv6'] }))
    assert.match(
      await refusal(six),
      /spec.ipFamilies\[0\]: Invalid value: "IPv6": not configured on this cluster/,
    )
  })

  test('an update that leaves the address out keeps it', async () => {
    const created = await requests.create(services, service('s'))
    const { resourceVersion } = created.metadata!
    const updated = await requests.update(services, {
      ...service('s', { ports: [{ port: 81 }] }),
      metadata: { ...named('s'), resourceVersion: resourceVersion! },
    })
    assert.equal(updated.spec?.clusterIP, created.spec?.clusterIP)
  })

  test('an update that names the address alone keeps the list of addresses', async () => {
    for (const spec of [
      { clusterIP: '10.96.0.78' },
      { clusterIP: 'None', selector: { a: 'b' }, ports: [] },
    ]) {
      const name = spec.clusterIP.toLowerCase().replaceAll('.', '-')
      await requests.create(services, service(`s-${name}`, spec))
      const updated = await requests.update(services, service(`s-${name}`, spec))
      assert.deepEqual(
        [updated.spec?.clusterIP, updated.spec?.clusterIPs],
        [spec.clusterIP, [spec.clusterIP]],
      )
    }
    const other = requests.update(services, service('s-none', { clusterIP: '10.96.0.79' }))
    assert.match(await refusal(other), /spec.clusterIPs\[0\]: Invalid value: .*: may not change once set/)
  })

  test('an update that leaves node ports out keeps those of the ports with the same names', async () => {
    const ports = (http: number): ServicePort[] => [
      { name: 'http', port: http },
      { name: 'dns', port: 53, protocol: 'UDP' },
    ]
    const created = await requests.create(services, service('s', { type: 'NodePort', ports: ports(80) }))
    const updated = await requests.update(services, service('s', { type: 'NodePort', ports: ports(81) }))
    const nodePorts = ({ spec }: Service) => spec?.ports?.map(({ nodePort }) => nodePort)
    assert.deepEqual(nodePorts(updated), nodePorts(created))
  })

  test('a write of the status leaves addresses and ports as they are', async () => {
    const created = await requests.create(services, service('s', { type: 'LoadBalancer' }))
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.1' }] } }
    const updated = await requests.update(services, { ...created, status }, 'status')
    assert.deepEqual(updated.spec, created.spec)
    assert.equal(updated.status?.loadBalancer?.ingress?.[0]?.ip, '203.0.113.1')
  })

  test('each address of a Service is an IPAddress, and comes back when somebody deletes it', async () => {
    const { spec } = await requests.create(services, service('s'))
    const name = { name: spec!.clusterIP! }
    const address = testServer.server.objects.get(ipAddresses, name)
    assert.deepEqual(address?.spec?.parentRef, {
      resource: 'services',
      namespace: 'default',
      name: 's',
    })
    assert.deepEqual(address?.metadata?.labels, {
      'ipaddress.kubernetes.io/ip-family': 'IPv4',
      'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
    })
    await testServer.server.objects.delete(ipAddresses, name)
    while (!testServer.server.objects.get(ipAddresses, name)) await new Promise(setImmediate)
    await requests.send(services, named('s'), { verb: 'delete', options: {} })
    assert.equal(testServer.server.objects.get(ipAddresses, name), undefined)
  })

  test('addresses come from every ServiceCIDR that stays', async () => {
    const { objects } = testServer.server
    assert.deepEqual(objects.get(serviceCIDRs, { name: 'kubernetes' })?.spec?.cidrs, ['10.96.0.0/16'])
    await objects.create(serviceCIDRs, {
      metadata: { name: 'more', finalizers: ['example.com/keep'] },
      spec: { cidrs: ['10.99.0.0/24'] },
    })
    await requests.create(services, service('a', { clusterIP: '10.99.0.7' }))
    assert.ok((await claims('serviceips')).includes('10.99.0.7'))
    await objects.delete(serviceCIDRs, { name: 'more' })
    const late = requests.create(services, service('b', { clusterIP: '10.99.0.8' }))
    assert.match(await refusal(late), /the provided network does not match the current range/)
    await requests.send(services, named('a'), { verb: 'delete', options: {} })
    assert.ok(!(await claims('serviceips')).includes('10.99.0.7'))
    await objects.change(serviceCIDRs, { name: 'more' }, (object) => {
      delete object.metadata!.finalizers
    })
  })
})
