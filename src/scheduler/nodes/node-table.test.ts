import assert from 'node:assert/strict'
import { test } from 'node:test'
import { seededRandom } from '../../machinery/random.ts'
import { aNode, aPodInfo, aTable } from '../testing/builders.ts'

test('NodeTable, change after change, counts what a fresh table counts', () => {
  const random = seededRandom(3)
  const pick = (count: number) => Math.floor(random.next() * count)
  const table = aTable([])
  const nodes = new Map<string, ReturnType<typeof aNode>>()
  const pods = new Map<string, { pod: ReturnType<typeof aPodInfo>; nodeName: string }>()
  const query = {
    id: 'web',
    topologyKey: 'zone',
    matches: ({ labels }: { labels: Readonly<Record<string, string>> }) => labels.app === 'web',
  }

  for (let step = 0; step < 2000; step++) {
    const nodeName = `node-${pick(30)}`
    const podName = `pod-${pick(60)}`
    switch (pick(4)) {
      case 0: {
        const node = aNode(nodeName, { cpu: `${1 + pick(8)}`, labels: { zone: `z${pick(3)}` } })
        nodes.set(nodeName, node)
        table.setNode(node)
        break
      }
      case 1:
        nodes.delete(nodeName)
        table.removeNode(nodeName)
        break
      case 2: {
        const pod = aPodInfo(podName, {
          cpu: `${pick(900)}m`,
          labels: { app: pick(2) ? 'web' : 'db' },
          hostPort: 1 + pick(3),
        })
        pods.set(pod.key, { pod, nodeName })
        table.addPod(pod, nodeName)
        break
      }
      default:
        pods.delete(`default/${podName}`)
        table.removePod(`default/${podName}`)
    }
    table.counts.of(query)
    table.topology.of('zone')
  }

  const fresh = aTable([...nodes.values()])
  for (const { pod, nodeName } of pods.values()) fresh.addPod(pod, nodeName)
  assert.equal(table.size, nodes.size)
  for (const name of nodes.keys()) {
    const [index, expected] = [table.indexOf(name)!, fresh.indexOf(name)!]
    assert.equal(table.requestedOf('cpu', index), fresh.requestedOf('cpu', expected))
    assert.equal(table.requestedOf('pods', index), fresh.requestedOf('pods', expected))
    assert.equal(table.allocatableOf('cpu', index), fresh.allocatableOf('cpu', expected))
    const [count, freshCount] = [table.counts.of(query), fresh.counts.of(query)]
    assert.equal(count.perNode[index], freshCount.perNode[expected])
    assert.equal(count.around(index), freshCount.around(expected))
    assert.equal(count.total, freshCount.total)
    const port = { hostIP: '0.0.0.0', protocol: 'TCP', hostPort: 1 }
    assert.equal(table.hasHostPort(index, port), fresh.hasHostPort(expected, port))
    const sameZone = [...nodes.keys()].filter((other) => {
      return table.topology.of('zone').ids[table.indexOf(other)!] === table.topology.of('zone').ids[index]
    })
    const label = nodes.get(name)!.metadata!.labels!.zone
    assert.deepEqual(
      sameZone,
      [...nodes].filter(([, node]) => node.metadata!.labels!.zone === label).map(([other]) => other),
    )
  }
})
