import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Node, Pod, Taint, Toleration } from '../../api/generated/core.v1.ts'
import { events, leases, nodes, pods } from '../../api/generated/resources.ts'
import { formatMicroTime, formatTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { nodeLifecycleReconciler } from './node-lifecycle.ts'
import { evictionTimeMs } from './plan-taint-eviction.ts'
import { taintEvictionReconciler } from './taint-eviction.ts'
import { evictionRate, zoneState } from './zone-eviction.ts'

const readyAt = '2026-01-01T00:00:00Z'

function aNode(name: string, options: { readonly ready?: string; readonly heartbeat?: string } = {}): Node {
  const { ready = 'True', heartbeat = readyAt } = options
  const conditions = ready
    ? ['Ready', 'MemoryPressure'].map((type) => ({
        type,
        status: type === 'Ready' ? ready : 'False',
        lastHeartbeatTime: heartbeat,
        lastTransitionTime: readyAt,
      }))
    : []
  return { metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z' } }, status: { conditions } }
}

const aLease = (name: string) => ({
  metadata: { namespace: 'kube-node-lease', name },
  spec: { renewTime: formatMicroTime(0) },
})

void describe('nodeLifecycleReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(...all: readonly Node[]): Promise<void> {
    harness = await runReconcilers([nodeLifecycleReconciler()], ({ client }) => {
      client.seed(nodes, ...all)
      client.seed(leases, ...all.map(({ metadata }) => aLease(metadata!.name!)))
    })
  }

  async function renew(...names: readonly string[]): Promise<void> {
    for (const name of names)
      await harness.edit(leases, `kube-node-lease/${name}`, (lease) => ({
        ...lease,
        spec: { ...lease.spec, renewTime: formatMicroTime(harness.clock.now()) },
      }))
    await harness.settle()
  }

  async function passWith(seconds: number, ...alive: readonly string[]): Promise<void> {
    for (let second = 0; second < seconds; second += 10) {
      await harness.pass(10_000)
      await renew(...alive)
    }
  }

  const taints = async (name: string) =>
    ((await harness.one(nodes, name)).spec?.taints ?? [])
      .map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)
      .sort()
  const ready = async (name: string) =>
    (await harness.one(nodes, name)).status!.conditions!.find(({ type }) => type === 'Ready')!

  void it('leaves a node alone while its lease is renewed', async () => {
    await start(aNode('a'))
    await passWith(300, 'a')
    assert.deepEqual(await taints('a'), [])
    assert.equal((await ready('a')).status, 'True')
    assert.equal(harness.client.calls.filter(({ resource }) => resource === 'nodes').length, 0)
  })

  void it('marks a silent node unknown after 50 s, taints it, and its pods are not ready', async () => {
    await start(aNode('a'), aNode('b'))
    await harness.client.create(pods, aPod('p', { spec: { nodeName: 'a' }, readyAt }))
    await passWith(40, 'b')
    assert.equal((await ready('a')).status, 'True')
    await passWith(20, 'b')
    const { status, reason, message, lastHeartbeatTime } = await ready('a')
    assert.deepEqual(
      [status, reason, message],
      ['Unknown', 'NodeStatusUnknown', 'Kubelet stopped posting node status.'],
    )
    assert.equal(lastHeartbeatTime, readyAt)
    assert.deepEqual(await taints('a'), ['unreachable:NoExecute', 'unreachable:NoSchedule'])
    assert.equal(isReady(await harness.one(pods, 'default/p')), false)
    assert.deepEqual((await harness.events()).toSorted(), [
      'NodeNotReady: Node a status is now: NodeNotReady',
      'NodeNotReady: Node is not ready',
      'RegisteredNode: Registered Node a in Controller',
      'RegisteredNode: Registered Node b in Controller',
    ])
    assert.deepEqual(await taints('b'), [])
  })

  void it('takes the taints away when the node is back, but not those of others', async () => {
    await start(aNode('a'), aNode('b'))
    await passWith(60, 'b')
    const back = aNode('a', { heartbeat: '2026-01-01T00:01:00Z' })
    const other: Taint = { key: 'mine', effect: 'NoSchedule' }
    await harness.edit(nodes, 'a', (node) => ({
      ...node,
      spec: { ...node.spec, taints: [...node.spec!.taints!, other] },
    }))
    await harness.edit(nodes, 'a', (node) => ({ ...node, status: back.status! }), 'status')
    await harness.settle()
    assert.deepEqual((await harness.one(nodes, 'a')).spec!.taints, [other])
  })

  void it('says when a node comes and goes', async () => {
    await start(aNode('a'))
    await harness.client.delete(nodes, { name: 'a' })
    await harness.settle()
    const all = (await harness.client.list(events)).items
    assert.deepEqual(
      all.map(({ reason, message, type, involvedObject: { kind, name } }) => [
        reason,
        message,
        type,
        kind,
        name,
      ]),
      [
        ['RegisteredNode', 'Registered Node a in Controller', 'Normal', 'Node', 'a'],
        ['RemovingNode', 'Removing Node a from Controller', 'Normal', 'Node', 'a'],
      ],
    )
  })

  void it('keeps the former labels of the system and the architecture', async () => {
    const labels = {
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': 'arm64',
      'beta.kubernetes.io/arch': 'x',
    }
    await start({ ...aNode('a'), metadata: { name: 'a', labels } })
    assert.deepEqual((await harness.one(nodes, 'a')).metadata!.labels, {
      ...labels,
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': 'arm64',
    })
  })

  void it('does not count nodes that are excluded when it judges a zone', async () => {
    const label = { 'node.kubernetes.io/exclude-disruption': '' }
    await start(aNode('a', { ready: 'False' }), { ...aNode('b'), metadata: { name: 'b', labels: label } })
    assert.deepEqual(await taints('a'), ['not-ready:NoSchedule'])
  })

  void it('tells of zones and of evictions in metrics', async () => {
    await start(aNode('a', { ready: 'False' }), aNode('b'))
    const text = harness.metrics.text()
    for (const line of [
      'zone_size{zone=":\0:z"} 2',
      'zone_health{zone=":\0:z"} 50',
      'evictions_total{zone=":\0:z"} 1',
    ])
      assert.ok(text.includes(`node_collector_${line}`), text)
  })

  void it('counts no second eviction when the reason changes', async () => {
    await start(aNode('a', { ready: 'False' }), aNode('b'))
    await passWith(60, 'b')
    assert.deepEqual(await taints('a'), ['unreachable:NoExecute', 'unreachable:NoSchedule'])
    assert.match(harness.metrics.text(), /node_collector_evictions_total\{zone=":\0:z"\} 1\n/)
  })

  void it('gives every node time to report after all nodes seemed to fail at once', async () => {
    await start(aNode('a', { ready: 'False' }), aNode('b', { ready: 'False' }))
    await passWith(40, 'b')
    await harness.edit(nodes, 'b', (node) => ({ ...node, status: aNode('b').status! }), 'status')
    await passWith(40, 'b')
    assert.equal((await ready('a')).status, 'False')
    await passWith(20, 'b')
    assert.equal((await ready('a')).status, 'Unknown')
  })

  void it('counts the minute of a node that never reported from when it was made', async () => {
    harness = await runReconcilers([nodeLifecycleReconciler()], ({ client, clock }) => {
      const { metadata } = aNode('a')
      const creationTimestamp = formatTime(clock.now() - 50_000)
      client.seed(nodes, { ...aNode('a', { ready: '' }), metadata: { ...metadata, creationTimestamp } })
    })
    await harness.pass(5_000)
    assert.deepEqual((await harness.one(nodes, 'a')).status!.conditions, [])
    await harness.pass(10_000)
    assert.equal((await ready('a')).reason, 'NodeStatusNeverUpdated')
  })

  void it('gives a new node a minute to report', async () => {
    await start(aNode('a', { ready: '' }), aNode('b'))
    await passWith(50, 'b')
    assert.deepEqual((await harness.one(nodes, 'a')).status!.conditions, [])
    await passWith(20, 'b')
    assert.equal((await ready('a')).reason, 'NodeStatusNeverUpdated')
    assert.deepEqual(await taints('a'), ['unreachable:NoExecute', 'unreachable:NoSchedule'])
  })

  void it('taints by conditions and unschedulable', async () => {
    await start(aNode('a', { ready: 'False' }), aNode('b'))
    assert.deepEqual(await taints('a'), ['not-ready:NoExecute', 'not-ready:NoSchedule'])
    const pressure = { type: 'MemoryPressure', status: 'True' }
    await harness.edit(nodes, 'a', (node) => ({ ...node, spec: { ...node.spec, unschedulable: true } }))
    await harness.edit(
      nodes,
      'a',
      (node) => ({ ...node, status: { conditions: [aNode('a').status!.conditions![0]!, pressure] } }),
      'status',
    )
    await harness.settle()
    assert.deepEqual(await taints('a'), ['memory-pressure:NoSchedule', 'unschedulable:NoSchedule'])
  })

  void it('drives nobody off when all nodes seem to fail at once', async () => {
    await start(aNode('a'), aNode('b'))
    await passWith(120)
    assert.equal((await ready('a')).status, 'Unknown')
    assert.deepEqual(await taints('a'), ['unreachable:NoSchedule'])
    assert.deepEqual(await taints('b'), ['unreachable:NoSchedule'])
  })

  void it('drives pods off one node after the other', async () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    await start(...names.map((name) => aNode(name, { ready: name < 'c' ? 'False' : 'True' })))
    const evicting = async () => {
      const all = await Promise.all(names.map(taints))
      return all.filter((list) => list.includes('not-ready:NoExecute')).length
    }
    assert.equal(await evicting(), 1)
    await passWith(20, ...names)
    assert.equal(await evicting(), 2)
  })
})

void describe('zoneState', () => {
  const rows = [
    [10, 0, 'normal', 0.1],
    [10, 2, 'normal', 0.1],
    [2, 2, 'fullDisruption', 0.1],
    [10, 6, 'partialDisruption', 0],
    [100, 60, 'partialDisruption', 0.01],
    [3, 2, 'normal', 0.1],
  ] as const
  for (const [total, unhealthy, state, rate] of rows) {
    void it(`of ${unhealthy} unhealthy in ${total} is ${state}`, () => {
      assert.equal(zoneState(total, unhealthy), state)
      assert.equal(evictionRate(state, total), rate)
    })
  }
})

void describe('evictionTimeMs', () => {
  const nowMs = Date.UTC(2026, 0, 1, 0, 1)
  const taint: Taint = { key: 'down', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' }
  const tolerating = (...tolerations: readonly Toleration[]): Pod => aPod('p', { spec: { tolerations } })
  const rows: readonly (readonly [string, Pod, number | undefined])[] = [
    ['no toleration', aPod('p'), nowMs],
    ['one without limit', tolerating({ key: 'down', operator: 'Exists' }), undefined],
    [
      'one with a limit',
      tolerating({ key: 'down', operator: 'Exists', tolerationSeconds: 300 }),
      nowMs + 240_000,
    ],
    ['a negative limit', tolerating({ operator: 'Exists', tolerationSeconds: -1 }), nowMs - 60_000],
    [
      'two, of which the shorter counts',
      tolerating(
        { operator: 'Exists', tolerationSeconds: 300 },
        { key: 'down', operator: 'Exists', tolerationSeconds: 90 },
      ),
      nowMs + 30_000,
    ],
    [
      'a limit, on the node since the taint was there',
      aPod('p', {
        spec: { tolerations: [{ operator: 'Exists', tolerationSeconds: 300 }] },
        status: {
          conditions: [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '2026-01-01T00:00:50Z' }],
        },
      }),
      nowMs + 290_000,
    ],
    ['one for another taint', tolerating({ key: 'other', operator: 'Exists' }), nowMs],
  ]
  for (const [name, pod, expected] of rows) {
    void it(`with ${name}`, () => assert.equal(evictionTimeMs(pod, [taint], nowMs), expected))
  }
  void it('knows only NoExecute', () => {
    assert.equal(evictionTimeMs(aPod('p'), [{ key: 'x', effect: 'NoSchedule' }], nowMs), undefined)
  })
})

void describe('taintEvictionReconciler', () => {
  void it('counts from when it saw a taint that does not tell its age', async () => {
    const tolerations = [{ operator: 'Exists', tolerationSeconds: 10 }] as const
    const harness = await runReconcilers([taintEvictionReconciler()], ({ client }) => {
      client.seed(nodes, { ...aNode('a'), spec: { taints: [{ key: 'down', effect: 'NoExecute' }] } })
      client.seed(pods, aPod('p', { spec: { nodeName: 'a', tolerations } }))
    })
    const isLeaving = async () =>
      (await harness.all(pods)).every(({ metadata }) => metadata?.deletionTimestamp !== undefined)
    await harness.pass(9000)
    assert.equal(await isLeaving(), false)
    await harness.edit(nodes, 'a', (node) => ({
      ...node,
      metadata: { ...node.metadata, labels: { a: 'b' } },
    }))
    await harness.pass(1000)
    assert.equal(await isLeaving(), true)
    await harness.stop()
  })

  void it('deletes what does not tolerate, later what tolerates for a while, and calls off when the taint goes', async () => {
    const limited = (name: string, seconds: number) =>
      aPod(name, {
        spec: { nodeName: 'a', tolerations: [{ operator: 'Exists', tolerationSeconds: seconds }] },
      })
    const harness = await runReconcilers([taintEvictionReconciler()], ({ client }) => {
      client.seed(nodes, aNode('a'))
      client.seed(pods, aPod('now', { spec: { nodeName: 'a' } }), limited('soon', 10), limited('later', 100))
    })
    const left = async () =>
      (await harness.all(pods))
        .filter(({ metadata }) => !metadata!.deletionTimestamp)
        .map(({ metadata }) => metadata!.name)
    const setTaints = async (...list: readonly Taint[]) => {
      await harness.edit(nodes, 'a', (node) => ({ ...node, spec: { taints: list } }))
      await harness.settle()
    }
    await setTaints({ key: 'down', effect: 'NoExecute', timeAdded: '2026-01-01T00:00:00Z' })
    assert.deepEqual(await left(), ['soon', 'later'])
    const condition = (await harness.one(pods, 'default/now')).status!.conditions!.find(
      ({ type }) => type === 'DisruptionTarget',
    )
    assert.equal(condition?.reason, 'DeletionByTaintManager')
    await harness.pass(10_000)
    assert.deepEqual(await left(), ['later'])
    await setTaints()
    await harness.pass(100_000)
    assert.deepEqual(await left(), ['later'])
    assert.ok(
      (await harness.events()).includes('TaintManagerEviction: Cancelling deletion of Pod default/later'),
    )
    await harness.stop()
  })
})
