import assert from 'node:assert/strict'
import { it } from 'node:test'
import { aNetPod, type ServersAndClients } from '../harness/servers-and-clients.ts'

/** Tests of services whose ports differ in their slices or in their protocols. */
export function portsAndSlices({
  cluster,
  addressOf,
  run,
  create,
  change,
  untilAnswers,
}: ServersAndClients): void {
  for (const [title, name, to] of [
    ['with a slice for each port of one address', 'sliced', ['server1', 'server1']],
    ['with slices of different addresses and ports', 'scattered', ['server1', 'server2']],
  ] as const) {
    it(title, async () => {
      const several = [
        { name: 'first', port: 80, target: 8080, of: to[0] },
        { name: 'second', port: 81, target: 8081, of: to[1] },
      ]
      const { spec } = await create(name, {
        selector: {},
        ports: several.map(({ name, port }) => ({ name, port })),
      })
      await cluster.kubectl.apply(
        ...several.map((each) => ({
          apiVersion: 'discovery.k8s.io/v1',
          kind: 'EndpointSlice',
          metadata: { name: `${name}-${each.name}`, labels: { 'kubernetes.io/service-name': name } },
          addressType: 'IPv4',
          ports: [{ name: each.name, port: each.target }],
          endpoints: [{ addresses: [addressOf(each.of)] }],
        })),
      )
      for (const from of ['client1', 'host2']) {
        for (const { port, target, of } of several) {
          await untilAnswers(from, `net http ${spec?.clusterIP} ${port} /port`, `${target}`)
          assert.equal(await run(from, `net http ${spec?.clusterIP} ${port} /hostname`), of)
        }
      }
    })
  }

  it('on one port number for two protocols, of which either may go', async () => {
    await cluster.kubectl.apply({
      ...aNetPod('both', { nodeName: 'node2', serves: 'tcp:8080 udp:8080' }),
      metadata: { name: 'both', labels: { name: 'both' } },
    })
    const tcp = { name: 'tcp', port: 80, targetPort: 8080, protocol: 'TCP' as const }
    const udp = { ...tcp, name: 'udp', protocol: 'UDP' as const }
    const { spec } = await create('protocols', { selector: { name: 'both' }, ports: [tcp, udp] })
    const ask = {
      tcp: `net http ${spec?.clusterIP} 80 /hostname 2>&1 || true`,
      udp: `net udp ${spec?.clusterIP} 80 2>&1 || true`,
    }
    const untilServed = async (served: readonly (keyof typeof ask)[]) => {
      for (const protocol of ['tcp', 'udp'] as const) {
        await untilAnswers('client1', ask[protocol], served.includes(protocol) ? 'both' : /^(?!both)/)
      }
    }
    await untilServed(['tcp', 'udp'])
    await change('protocols', { ports: [tcp] })
    await untilServed(['tcp'])
    await change('protocols', { ports: [udp] })
    await untilServed(['udp'])
  })
}
