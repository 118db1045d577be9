import assert from 'node:assert/strict'
import { Resolver } from 'node:dns/promises'
import { after, before, describe, it } from 'node:test'
import type { ConfigMap, Pod, Service, ServiceSpec } from '../../src/api/generated/core.v1.ts'
import type { EndpointSlice } from '../../src/api/generated/discovery.v1.ts'
import { loadKubeconfig } from '../../src/client/kubeconfig.ts'
import type { ObjectList } from '../../src/machinery/meta.ts'
import { createApi, type Api } from '../conformance/harness/api.ts'
import { withoutContainers } from './harness/machine.ts'
import { withoutNetImage } from './harness/net-image.ts'
import { aNetPod, nodeNames, ports, ServersAndClients } from './harness/servers-and-clients.ts'
import { until } from './harness/until.ts'
import { portsAndSlices } from './network/ports-and-slices.ts'

const skip = withoutContainers || withoutNetImage

describe('the network', { skip, concurrency: 3 }, () => {
  const network = new ServersAndClients('network')
  const { cluster, addressOf, run, create, change, answerers } = network
  const { untilAnswers, untilOneAnswers, untilBothAnswer } = network
  before(() => network.start())
  after(() => cluster.delete())

  describe('leads', { concurrency: 3 }, () => {
    const servers = ['server1', 'server2']
    for (const from of ['client1', 'host1']) {
      const who = from === 'client1' ? 'a pod' : 'a node'
      it(`from ${who} to pods of every node, over TCP`, async () => {
        for (const to of servers) {
          assert.equal(await run(from, `net http ${addressOf(to)} 8080 /hostname`), to)
        }
      })
      it(`from ${who} to pods of every node, over UDP`, async () => {
        for (const to of servers) assert.equal(await run(from, `net udp ${addressOf(to)} 8090`), to)
      })
    }

    it('pods to one another by their own addresses, not those of nodes', async () => {
      for (const to of servers) {
        const address = addressOf(to)
        assert.equal(await run('client1', `net http ${address} 8080 /clientip`), addressOf('client1'))
        assert.equal(await run('client1', `net udp ${address} 8090 clientip`), addressOf('client1'))
      }
    })

    it('host ports to pods, by address and protocol', async () => {
      const node1 = addressOf('node1')
      const withPort = (name: string, hostIP: string, protocol: 'TCP' | 'UDP') => {
        const serves = protocol === 'TCP' ? 'tcp:8080' : 'udp:8080'
        const pod = aNetPod(name, { nodeName: 'node1', serves })
        const [container] = pod.spec!.containers
        const containerPort = { containerPort: 8080, hostPort: 54_323, hostIP, protocol }
        return {
          ...pod,
          metadata: { name, labels: { app: 'host-port' } },
          spec: { ...pod.spec, containers: [{ ...container, ports: [containerPort] }] },
        }
      }
      await cluster.kubectl.apply(
        withPort('port1', '127.0.0.1', 'TCP'),
        withPort('port2', node1, 'TCP'),
        withPort('port3', node1, 'UDP'),
      )
      await cluster.kubectl(['wait', 'pods', '-l=app=host-port', '--for=condition=Ready', '--timeout=60s'])
      await untilAnswers('host1', 'net http 127.0.0.1 54323 /hostname', 'port1')
      for (const from of ['host1', 'host2', 'client2']) {
        assert.equal(await run(from, `net http ${node1} 54323 /hostname`), 'port2', from)
        assert.equal(await run(from, `net udp ${node1} 54323`), 'port3', from)
      }
      await cluster.kubectl(['delete', 'pods', '-l=app=host-port', '--wait=false'])
    })
  })

  describe('has services', { concurrency: 3 }, () => {
    it('on several ports, over TCP and UDP, from pods, nodes and the machine', async () => {
      const { spec } = await create('several')
      const ip = spec?.clusterIP ?? ''
      for (const from of ['client1', 'host2']) {
        await untilAnswers(from, `net http ${ip} 80 /port`, '8080')
        await untilAnswers(from, `net http ${ip} 81 /port`, '8081')
        await untilAnswers(from, `net udp ${ip} 90`, /^server[12]$/)
      }
      assert.equal(await (await fetch(`http://${ip}:81/port`)).text(), '8081')
    })

    it('that lead a pod to itself', async () => {
      const { spec } = await create('itself', { selector: { name: 'server1' } })
      await untilAnswers('server1', `net http ${spec?.clusterIP} 80 /hostname`, 'server1')
      await untilAnswers('server1', `net udp ${spec?.clusterIP} 90`, 'server1')
    })

    it('with affinity to clients of their cluster address', async () => {
      const { spec } = await create('affinity-cluster', { sessionAffinity: 'ClientIP' })
      await untilOneAnswers('client1', spec?.clusterIP ?? '', 80)
    })

    it('with affinity to clients of their node ports', async () => {
      const { spec } = await create('affinity-node', { sessionAffinity: 'ClientIP', type: 'NodePort' })
      const nodePort = spec?.ports?.[0]?.nodePort ?? 0
      for (const from of ['client1', 'host2']) await untilOneAnswers(from, addressOf('node1'), nodePort)
    })

    it('whose affinity is switched, at their cluster address', async () => {
      const { spec } = await create('switch-cluster')
      const ip = spec?.clusterIP ?? ''
      await untilBothAnswer('client2', ip, 80)
      await change('switch-cluster', { sessionAffinity: 'ClientIP' })
      await untilOneAnswers('client2', ip, 80)
      await change('switch-cluster', { sessionAffinity: 'None' })
      await untilBothAnswer('client2', ip, 80)
    })

    it('whose affinity is switched, at their node ports', async () => {
      const { spec } = await create('switch-node', { type: 'NodePort' })
      const nodePort = spec?.ports?.[0]?.nodePort ?? 0
      await untilBothAnswer('client2', addressOf('node1'), nodePort)
      await change('switch-node', { sessionAffinity: 'ClientIP' })
      await untilOneAnswers('client2', addressOf('node1'), nodePort)
      await change('switch-node', { sessionAffinity: 'None' })
      await untilBothAnswer('client2', addressOf('node1'), nodePort)
    })

    it('whose affinity ends with its timeout', async () => {
      const sessionAffinityConfig = { clientIP: { timeoutSeconds: 1 } }
      const { spec } = await create('timeout', { sessionAffinity: 'ClientIP', sessionAffinityConfig })
      await untilOneAnswers('client1', spec?.clusterIP ?? '', 80)
      const script = `for i in 1 2 3 4 5 6 7 8; do net http ${spec?.clusterIP} 80 /hostname; echo; sleep 1.2; done`
      await until(
        'another one answers',
        async () => new Set((await run('client1', script)).split('\n')).size === 2,
      )
    })

    it('at further addresses, which somebody routes to the nodes', async () => {
      await create('further', { externalIPs: ['192.0.2.80'] })
      await untilAnswers('client1', 'net http 192.0.2.80 80 /port', '8080')
      await untilAnswers('host2', 'net http 192.0.2.80 81 /port', '8081')
    })

    it('that stay on the node of the client', async () => {
      const { spec } = await create('internal', { internalTrafficPolicy: 'Local' })
      for (const [from, to] of [
        ['client1', 'server1'],
        ['client2', 'server2'],
        ['host2', 'server2'],
      ] as const) {
        await untilAnswers(from, `net http ${spec?.clusterIP} 80 /hostname`, to)
        assert.deepEqual([...(await answerers(from, spec?.clusterIP ?? '', 80, 8))], [to])
      }
    })

    it('that prefer the node of the client', async () => {
      const { spec } = await create('near', { trafficDistribution: 'PreferSameNode' })
      await until('only the near one answers', async () => {
        const names = await answerers('client2', spec?.clusterIP ?? '', 80, 16)
        return names.size === 1 && names.has('server2')
      })
    })

    it('without pods, which are refused at once', async () => {
      const { spec } = await create('nobody', { selector: { name: 'nobody' }, type: 'NodePort' })
      for (const from of ['client1', 'host1']) {
        for (const place of [
          `${spec?.clusterIP} 80`,
          `${addressOf('node2')} ${spec?.ports?.[0]?.nodePort}`,
        ]) {
          await untilAnswers(from, `net http ${place} /port 2>&1 || true`, /refused/)
        }
      }
    })

    it('without a selector, with endpoints that somebody writes', async () => {
      const { spec } = await create('written', { selector: {}, ports: [{ name: 'http', port: 80 }] })
      await cluster.kubectl.apply({
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: { name: 'written-1', labels: { 'kubernetes.io/service-name': 'written' } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: 8081 }],
        endpoints: [{ addresses: [addressOf('server2')] }],
      })
      await untilAnswers('client1', `net http ${spec?.clusterIP} 80 /port`, '8081')
      await untilAnswers('server2', `net http ${spec?.clusterIP} 80 /port`, '8081')
    })

    portsAndSlices(network)

    it('whose last pod answers until it has ended', async () => {
      const leaving = aNetPod('leaving', { nodeName: 'node2', serves: 'tcp:8080' })
      const [container] = leaving.spec!.containers
      const lifecycle = { preStop: { sleep: { seconds: 6 } } }
      await cluster.kubectl.apply({
        ...leaving,
        metadata: { name: 'leaving', labels: { name: 'leaving' } },
        spec: {
          ...leaving.spec,
          terminationGracePeriodSeconds: 20,
          containers: [{ ...container, lifecycle }],
        },
      })
      const { spec } = await create('ending', { selector: { name: 'leaving' } })
      const ask = `net http ${spec?.clusterIP} 80 /hostname`
      await untilAnswers('client1', ask, 'leaving')
      await cluster.kubectl(['delete', 'pod', 'leaving', '--wait=false'])
      await until('it is leaving', async () => {
        const { items } = await cluster.kubectl.json<ObjectList<EndpointSlice>>([
          'get',
          'endpointslices',
          '-l',
          'kubernetes.io/service-name=ending',
        ])
        return items[0]?.endpoints?.[0]?.conditions?.terminating === true
      })
      for (let i = 0; i < 3; i++) assert.equal(await run('client1', ask), 'leaving')
    })

    it('over UDP, that lead on to another pod when one has gone', async () => {
      const names = ['udp1', 'udp2']
      const pod = (name: string, nodeName: string) => {
        const made = aNetPod(name, { nodeName, serves: 'udp:8090' })
        return { ...made, metadata: { name, labels: { app: 'udp' } } }
      }
      await cluster.kubectl.apply(pod(names[0]!, 'node1'))
      const { spec } = await create('datagrams', { selector: { app: 'udp' } })
      // One client port throughout: the kernel remembers where its datagrams go.
      const ask = `net udp ${spec?.clusterIP} 90 hostname 45678`
      await untilAnswers('client2', `${ask} 2>&1 || true`, 'udp1')
      await cluster.kubectl.apply(pod(names[1]!, 'node2'))
      await cluster.kubectl(['wait', 'pod/udp2', '--for=condition=Ready', '--timeout=30s'])
      await cluster.kubectl(['delete', 'pod', 'udp1'])
      await untilAnswers('client2', `${ask} 2>&1 || true`, 'udp2')
    })

    it('that change from an external name to a cluster address', async () => {
      await create('to-cluster', { type: 'ExternalName', externalName: 'several.default.svc.cluster.local' })
      await change('to-cluster', { type: 'ClusterIP', externalName: null, ports })
      await untilAnswers('client1', 'net http to-cluster 80 /port', '8080')
    })

    it('that change from an external name to node ports', async () => {
      await create('to-node', { type: 'ExternalName', externalName: 'example.com' })
      const { spec } = await change('to-node', { type: 'NodePort', externalName: null, ports })
      await untilAnswers('client1', 'net http to-node 80 /port', '8080')
      for (const node of nodeNames) {
        await untilAnswers(
          'client1',
          `net http ${addressOf(node)} ${spec?.ports?.[0]?.nodePort} /port`,
          '8080',
        )
      }
    })

    const external = {
      type: 'ExternalName',
      externalName: 'aim.default.svc.cluster.local',
      clusterIP: null,
      clusterIPs: null,
      ports: null,
    }

    it('that change from a cluster address to an external name', async () => {
      const aim = await create('aim')
      await create('from-cluster')
      const { spec } = await change('from-cluster', external)
      assert.equal(spec?.clusterIP, undefined)
      await untilAnswers('client1', 'net resolve from-cluster', aim.spec?.clusterIP ?? '')
      await untilAnswers('client1', 'net http from-cluster 80 /port', '8080')
    })

    it('that change from node ports to an external name', async () => {
      const aim = await create('aim')
      const { spec } = await create('from-node', { type: 'NodePort' })
      const nodePort = spec?.ports?.[0]?.nodePort
      await untilAnswers('client1', `net http ${addressOf('node1')} ${nodePort} /port`, '8080')
      await change('from-node', external)
      await untilAnswers('client1', 'net resolve from-node', aim.spec?.clusterIP ?? '')
      await untilAnswers(
        'client1',
        `net http ${addressOf('node1')} ${nodePort} /port 2>&1 || true`,
        /refused/,
      )
    })
  })

  describe('has load balancers', { concurrency: 3 }, () => {
    const balanced = async (name: string, spec: Partial<ServiceSpec> = {}) => {
      await create(name, { type: 'LoadBalancer', ...spec })
      return until(`${name} has addresses`, async () => {
        const { status } = await cluster.kubectl.json<Service>(['get', 'service', name])
        const ips = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip ?? '')
        return ips.length > 0 && ips
      })
    }
    const fetchText = async (url: string) => (await fetch(url, { signal: AbortSignal.timeout(3000) })).text()

    it('at the addresses of nodes, reached from the machine, nodes and pods', async () => {
      const ips = await balanced('balanced', { ports: [{ port: 8001, targetPort: 8080 }] })
      assert.deepEqual(ips, nodeNames.map(addressOf))
      for (const ip of ips) {
        await until(`${ip} answers the machine`, () => fetchText(`http://${ip}:8001/hostname`))
        for (const from of ['client1', 'host2']) {
          await untilAnswers(from, `net http ${ip} 8001 /hostname`, /^server[12]$/)
        }
      }
      await cluster.kubectl(['delete', 'service', 'balanced'])
      await until('nobody answers any more', () =>
        fetchText(`http://${ips[0]}:8001/hostname`).then(
          () => false,
          () => true,
        ),
      )
    })

    it('whose traffic stays on its node and keeps its source, with checks of the nodes', async () => {
      const [ip, ...others] = await balanced('staying', {
        ports: [{ port: 8002, targetPort: 8080 }],
        externalTrafficPolicy: 'Local',
        selector: { name: 'server2' },
      })
      assert.deepEqual([ip, ...others], [addressOf('node2')])
      const { spec } = await cluster.kubectl.json<Service>(['get', 'service', 'staying'])
      const checked = (node: string) => `http://${addressOf(node)}:${spec?.healthCheckNodePort}/`
      await until('the node is well', async () => (await fetch(checked('node2'))).status === 200)
      await until('the other one is not', async () => (await fetch(checked('node1'))).status === 503)
      const host = addressOf('node2').replace(/\d+$/, '1')
      assert.equal(await fetchText(`http://${ip}:8002/clientip`), host)
      // A pod goes anywhere, by whichever node.
      await untilAnswers('client1', `net http ${ip} 8002 /hostname`, 'server2')
    })

    it('open to some sources only', async () => {
      const [ip] = await balanced('guarded', {
        ports: [{ port: 8003, targetPort: 8080 }],
        loadBalancerSourceRanges: [`${addressOf('client1')}/32`],
      })
      await untilAnswers('client1', `net http ${ip} 8003 /hostname`, /^server[12]$/)
      await assert.rejects(fetchText(`http://${ip}:8003/hostname`))
    })

    it('of others, where another class is named', async () => {
      await create('classed', { type: 'LoadBalancer', loadBalancerClass: 'example.com/other' })
      await balanced('after', { ports: [{ port: 8004 }] })
      const { status, metadata } = await cluster.kubectl.json<Service>(['get', 'service', 'classed'])
      assert.equal(status?.loadBalancer?.ingress, undefined)
      assert.equal(metadata?.finalizers, undefined)
    })
  })

  describe('has names', { concurrency: 3 }, () => {
    const lookup = (type: string, name: string) => `nslookup -type=${type} ${name} 2>&1 || true`

    it('of services, whole and in part', async () => {
      const { spec } = await create('parts')
      const ip = spec?.clusterIP ?? ''
      const names = ['parts', 'parts.default', 'parts.default.svc', 'parts.default.svc.cluster.local']
      for (const from of ['client1', 'host2']) {
        for (const name of names) await untilAnswers(from, `net resolve ${name}`, ip)
      }
      await untilAnswers(
        'client1',
        lookup('srv', '_http._tcp.parts.default.svc.cluster.local'),
        /\b80 parts\.default\.svc/,
      )
      await untilAnswers('client1', `nslookup ${ip} || true`, /name = parts\.default\.svc\.cluster\.local/)
    })

    it('of headless services, which are those of their pods', async () => {
      await create('headless', { clusterIP: 'None' })
      const both = [addressOf('server1'), addressOf('server2')].sort().join(' ')
      await untilAnswers('client1', 'net resolve headless', both)
      await untilAnswers(
        'client1',
        lookup('srv', '_http._tcp.headless.default.svc.cluster.local'),
        /\b8080 \S+\.headless/,
      )
    })

    it('of services elsewhere', async () => {
      await create('elsewhere', { type: 'ExternalName', externalName: 'foo.example.com' })
      const name = 'elsewhere.default.svc.cluster.local'
      await untilAnswers('client1', lookup('cname', name), /canonical name = foo\.example\.com/)
      await change('elsewhere', { externalName: 'bar.example.com' })
      await untilAnswers('client1', lookup('cname', name), /canonical name = bar\.example\.com/)
      const { spec } = await change('elsewhere', { type: 'ClusterIP', externalName: null, ports })
      await untilAnswers('client1', `net resolve ${name}`, spec?.clusterIP ?? '')
    })

    it('of pods, by host name and subdomain', async () => {
      await create('subdomain', { clusterIP: 'None', selector: { name: 'named' } })
      await cluster.kubectl.apply(
        aNetPod('named', { hostname: 'host', subdomain: 'subdomain', nodeName: 'node2' }),
      )
      await cluster.kubectl(['wait', 'pod/named', '--for=condition=Ready', '--timeout=60s'])
      const { status } = await cluster.kubectl.json<Pod>(['get', 'pod', 'named'])
      const ip = status?.podIP ?? ''
      const whole = 'host.subdomain.default.svc.cluster.local'
      assert.equal(await run('named', 'hostname -f'), whole)
      assert.equal(await run('named', 'hostname'), 'host')
      for (const name of [
        whole,
        'subdomain',
        'host.subdomain',
        `${ip.replaceAll('.', '-')}.default.pod.cluster.local`,
      ]) {
        await untilAnswers('client1', `net resolve ${name}`, ip)
      }
      await untilAnswers(
        'client1',
        `nslookup ${ip} || true`,
        /name = host\.subdomain\.default\.svc\.cluster\.local/,
      )
    })

    it('as the Corefile says, of hosts and of stub domains, which is followed while it changes', async () => {
      const at = ['-n', 'kube-system', 'configmap', 'coredns']
      const { data } = await cluster.kubectl.json<ConfigMap>(['get', ...at])
      const text = data?.['Corefile'] ?? assert.fail('there is no Corefile')
      const write = (Corefile: string) =>
        cluster.kubectl(['patch', ...at, '--type=merge', '-p', JSON.stringify({ data: { Corefile } })])
      const { spec } = await create('stub-target')
      // The other node's server stands for that of a company.
      const stub = `corp.test {
        rewrite name suffix .corp.test .default.svc.cluster.local
        forward . ${addressOf('node2')}
      }
      hosts.test:53 {
        hosts {
          192.0.2.77 a.hosts.test
        }
      }`
      await write(`${text}${stub}`)
      await untilAnswers('client1', 'net resolve stub-target.corp.test', spec?.clusterIP ?? '')
      await untilAnswers('client1', 'net resolve a.hosts.test', '192.0.2.77')
      await write(`${text}. {\n  whoami\n}`)
      await untilAnswers('client1', 'net resolve a.hosts.test', '192.0.2.77')
      await write(text)
      await untilAnswers('client1', 'net resolve a.hosts.test || echo none', 'none')
      await untilAnswers(
        'client1',
        `net http ${addressOf('node1')} 9153 /metrics | grep -m1 '^coredns_dns_responses_total'`,
        /plugin="/,
      )
    })

    it('that the machine finds which the cluster runs on', async () => {
      const { spec } = await create('outside')
      const dns = await cluster.kubectl.json<Service>(['get', 'service', 'kube-dns', '-n', 'kube-system'])
      const resolver = new Resolver({ tries: 1, timeout: 1000 })
      resolver.setServers([dns.spec?.clusterIP ?? ''])
      const addresses = await until('its name', () => resolver.resolve4('outside.default.svc.cluster.local'))
      assert.deepEqual(addresses, [spec?.clusterIP])
    })

    it('from servers that a pod is told', async () => {
      const dnsConfig = {
        nameservers: ['1.1.1.1'],
        searches: ['resolv.conf.local'],
        options: [{ name: 'ndots', value: '3' }],
      }
      await cluster.kubectl.apply(aNetPod('configured', { dnsPolicy: 'None', dnsConfig }))
      await cluster.kubectl(['wait', 'pod/configured', '--for=condition=Ready', '--timeout=60s'])
      assert.equal(
        await run('configured', 'cat /etc/resolv.conf'),
        'search resolv.conf.local\nnameserver 1.1.1.1\noptions ndots:3',
      )
    })
  })

  describe('is reached through the API server', { concurrency: 3 }, () => {
    let api: Api
    before(async () => {
      api = createApi((await loadKubeconfig({ paths: [cluster.kubeconfig] })).connection)
      await create('proxied')
    })
    after(() => api.close())

    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']
    const places = [
      { kind: 'pods', names: ['server1', 'http:server1:8080', 'server1:8081'] },
      { kind: 'services', names: ['proxied', 'http:proxied:http', 'proxied:81', 'proxied:other'] },
    ]
    for (const { kind, names } of places) {
      it(`by the names of ${kind}, with ports and schemes`, async () => {
        const root = `/api/v1/namespaces/default/${kind}`
        for (const name of names) {
          await until(`${name} answers`, async () => {
            const { status, text } = await api('GET', `${root}/${name}/proxy/some/path?q=1&r=a%20b`)
            if (status !== 200) throw new Error(`${status} ${text}`)
            assert.equal(text, 'GET /some/path?q=1&r=a%20b')
            return true
          })
        }
      })
      it(`by every method of ${kind}, and with the answers as they come`, async () => {
        const path = `/api/v1/namespaces/default/${kind}/${kind === 'pods' ? 'server1' : 'proxied:http'}`
        await until('it answers', async () => (await api('GET', `${path}/proxy/`)).status === 200)
        for (const method of methods) {
          for (const rest of ['/', '/some/path']) {
            const { status, text } = await api(method, `${path}/proxy${rest}?method=${method}`)
            assert.equal(status, 200, `${method} ${rest} ${text}`)
            assert.equal(text, method === 'HEAD' ? '' : `${method} ${rest}?method=${method}`)
          }
        }
        assert.equal((await api('GET', `${path}/proxy/status/418`)).status, 418)
        for (const method of methods) {
          const { status, headers } = await api(method, `${path}/proxy?a=b`)
          const leads = method === 'GET' || method === 'HEAD'
          assert.deepEqual([status, headers.location], leads ? [301, `${path}/proxy/?a=b`] : [200, undefined])
        }
      })
    }
  })
})
