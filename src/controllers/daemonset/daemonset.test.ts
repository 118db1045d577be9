import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { DaemonSet, DaemonSetSpec } from '../../api/generated/apps.v1.ts'
import type { Node, Pod, PodPhase, PodSpec, Taint } from '../../api/generated/core.v1.ts'
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/generated/resources.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { suitabilityOf, targetNodeOf } from './daemon-pod.ts'
import { daemonSetReconciler } from './daemonset.ts'

const labels = { app: 'agent' }

function aDaemonSet(spec: Partial<DaemonSetSpec> = {}, pod: Partial<PodSpec> = {}): DaemonSet {
  return {
    metadata: { namespace: 'default', name: 'agent' },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'agent', image: 'agent:1' }], ...pod } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1 } },
      ...spec,
    },
  }
}

const aNode = (name: string, ...taints: readonly Taint[]): Node => ({
  metadata: { name, labels: { node: name } },
  spec: { taints },
})

void describe('suitabilityOf', () => {
  const taint = (effect: Taint['effect'], key = 'x'): Taint => ({ key, effect })
  const rows: readonly (readonly [string, Node, DaemonSet, boolean, boolean])[] = [
    ['any node', aNode('a'), aDaemonSet(), true, true],
    [
      'a node that the selector does not select',
      aNode('a'),
      aDaemonSet({}, { nodeSelector: { node: 'b' } }),
      false,
      false,
    ],
    ['another node than the named', aNode('a'), aDaemonSet({}, { nodeName: 'b' }), false, false],
    ['a node not for new pods', aNode('a', taint('NoSchedule')), aDaemonSet(), false, true],
    ['a node that drives pods off', aNode('a', taint('NoExecute')), aDaemonSet(), false, false],
    ['a node that is less liked', aNode('a', taint('PreferNoSchedule')), aDaemonSet(), true, true],
    [
      'an unreachable node',
      aNode('a', taint('NoExecute', 'node.kubernetes.io/unreachable')),
      aDaemonSet(),
      true,
      true,
    ],
    [
      'a cordoned node',
      aNode('a', taint('NoSchedule', 'node.kubernetes.io/unschedulable')),
      aDaemonSet(),
      true,
      true,
    ],
  ]
  for (const [name, node, set, shouldRun, mayStay] of rows) {
    void it(`of ${name}`, () => assert.deepEqual(suitabilityOf(node, set), { shouldRun, mayStay }))
  }
})

void describe('daemonSetReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const start = async (set = aDaemonSet(), names: readonly string[] = ['a', 'b', 'c']) => {
    harness = await runReconcilers([daemonSetReconciler()], ({ client }) => {
      client.seed(nodes, ...names.map((name) => aNode(name)))
      client.seed(daemonSets, set)
    })
  }
  const status = async () => (await harness.one(daemonSets, 'default/agent')).status!
  const images = async () =>
    (await harness.all(pods)).map((pod) => `${targetNodeOf(pod)} ${pod.spec!.containers[0]!.image}`).sort()

  async function change(spec: Partial<DaemonSetSpec>): Promise<void> {
    await harness.edit(daemonSets, 'default/agent', (set) => ({ ...set, spec: { ...set.spec!, ...spec } }))
    await harness.settle()
  }
  const setImage = (image: string) =>
    change({ template: aDaemonSet({}, { containers: [{ name: 'agent', image }] }).spec!.template })

  async function makeReady(select: (pod: Pod) => boolean = () => true): Promise<void> {
    for (const pod of await harness.all(pods)) {
      if (isReady(pod) || !select(pod)) continue
      const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(harness.clock.now()) }
      const status = { phase: 'Running' as PodPhase, conditions: [condition] }
      await harness.edit(pods, keyOf(pod), (current) => ({ ...current, status }), 'status')
    }
    await harness.settle()
  }

  void it('puts one pod on every node, through the scheduler', async () => {
    await start()
    assert.deepEqual(await images(), ['a agent:1', 'b agent:1', 'c agent:1'])
    const [pod] = await harness.all(pods)
    assert.equal(pod!.spec!.nodeName, undefined)
    assert.ok(pod!.spec!.tolerations!.some(({ key }) => key === 'node.kubernetes.io/unreachable'))
    assert.ok(pod!.metadata!.labels!['controller-revision-hash'])
    await makeReady()
    assert.deepEqual(await status(), {
      observedGeneration: 1,
      desiredNumberScheduled: 3,
      currentNumberScheduled: 3,
      numberMisscheduled: 0,
      numberReady: 3,
      numberAvailable: 3,
      numberUnavailable: 0,
      updatedNumberScheduled: 3,
    })
    assert.deepEqual(harness.complaints, [])
  })

  void it('follows nodes that come, go and change, but not their heartbeats', async () => {
    await start(aDaemonSet({}, { nodeSelector: { role: 'worker' } }))
    assert.deepEqual(await images(), [])
    const label = (name: string, role: string) =>
      harness.edit(nodes, name, (node) => ({ ...node, metadata: { ...node.metadata, labels: { role } } }))
    await label('a', 'worker')
    await harness.settle()
    assert.deepEqual(await images(), ['a agent:1'])
    await label('a', 'other')
    await harness.client.create(nodes, { metadata: { name: 'd', labels: { role: 'worker' } } })
    await harness.settle()
    assert.deepEqual(await images(), ['d agent:1'])
    await harness.client.delete(nodes, { name: 'd' })
    await harness.settle()
    assert.deepEqual(await images(), [])
    assert.equal((await status()).desiredNumberScheduled, 0)
  })

  void it('replaces one pod after the other', async () => {
    await start()
    await makeReady()
    await setImage('agent:2')
    assert.deepEqual(await images(), ['a agent:2', 'b agent:1', 'c agent:1'])
    await makeReady()
    assert.deepEqual(await images(), ['a agent:2', 'b agent:2', 'c agent:1'])
    await makeReady()
    await makeReady()
    assert.deepEqual(await images(), ['a agent:2', 'b agent:2', 'c agent:2'])
    assert.equal((await status()).updatedNumberScheduled, 3)
    assert.equal((await harness.all(controllerRevisions)).length, 2)
  })

  void it('replaces broken pods at once', async () => {
    await start()
    await makeReady((pod) => targetNodeOf(pod) === 'c')
    await setImage('agent:2')
    assert.deepEqual(await images(), ['a agent:2', 'b agent:2', 'c agent:1'])
  })

  void it('lets a new pod come beside the old one, which goes when the new one serves', async () => {
    await start(
      aDaemonSet({
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      }),
    )
    await makeReady()
    await setImage('agent:2')
    assert.deepEqual(await images(), ['a agent:1', 'a agent:2', 'b agent:1', 'c agent:1'])
    await makeReady()
    assert.deepEqual(await images(), ['a agent:2', 'b agent:1', 'b agent:2', 'c agent:1'])
    await makeReady()
    await makeReady()
    assert.deepEqual(await images(), ['a agent:2', 'b agent:2', 'c agent:2'])
  })

  void it('leaves pods to the user with OnDelete', async () => {
    await start(aDaemonSet({ updateStrategy: { type: 'OnDelete' } }), ['a'])
    await makeReady()
    await setImage('agent:2')
    assert.deepEqual(await images(), ['a agent:1'])
    const [pod] = await harness.all(pods)
    await harness.client.delete(pods, { namespace: 'default', name: pod!.metadata!.name! })
    await harness.settle()
    assert.deepEqual(await images(), ['a agent:2'])
  })

  void it('makes a failed pod anew, pausing longer each time', async () => {
    await start(aDaemonSet(), ['a'])
    const fail = async () => {
      const [pod] = await harness.all(pods)
      await harness.edit(
        pods,
        keyOf(pod!),
        (current) => ({ ...current, status: { phase: 'Failed' as const } }),
        'status',
      )
      await harness.settle()
      return pod!.metadata!.name
    }
    const name = async () => (await harness.all(pods))[0]!.metadata!.name
    const first = await fail()
    assert.notEqual(await name(), first)
    const second = await fail()
    assert.equal(await name(), second)
    await harness.pass(1_000)
    assert.notEqual(await name(), second)
    assert.ok(
      (await harness.events()).some((event) =>
        /^FailedDaemonPod: Found failed daemon pod default\/agent-\d+ on node a/.test(event),
      ),
    )
  })
})
