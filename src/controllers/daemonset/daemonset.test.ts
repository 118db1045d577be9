import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { DaemonSet, DaemonSetSpec } from '../../api/generated/apps.v1.ts'
import type { Node, Pod, PodPhase, PodSpec, Taint } from '../../api/generated/core.v1.ts'
import { controllerRevisions, daemonSets, nodes, pods } from '../../api/generated/resources.ts'
import { controllerOf } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'
import { aPod } from '../testing/a-pod.ts'
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

  void it('tolerates what befalls nodes, and requires its node in place of what the template requires', async () => {
    const required = {
      nodeSelectorTerms: [{ matchExpressions: [{ key: 'node', operator: 'In' as const, values: ['a'] }] }],
    }
    const preferred = [
      { weight: 1, preference: { matchExpressions: [{ key: 'x', operator: 'Exists' as const }] } },
    ]
    const own = { key: 'gpu', operator: 'Exists' as const }
    await start(
      aDaemonSet(
        {},
        {
          hostNetwork: true,
          tolerations: [own],
          affinity: {
            nodeAffinity: {
              requiredDuringSchedulingIgnoredDuringExecution: required,
              preferredDuringSchedulingIgnoredDuringExecution: preferred,
            },
          },
        },
      ),
    )
    const [pod, ...others] = await harness.all(pods)
    assert.equal(others.length, 0)
    assert.deepEqual(
      pod!.spec!.tolerations!.map(({ key, effect }) => `${key} ${effect ?? ''}`.trim()),
      [
        'gpu',
        'node.kubernetes.io/not-ready NoExecute',
        'node.kubernetes.io/unreachable NoExecute',
        'node.kubernetes.io/disk-pressure NoSchedule',
        'node.kubernetes.io/memory-pressure NoSchedule',
        'node.kubernetes.io/pid-pressure NoSchedule',
        'node.kubernetes.io/unschedulable NoSchedule',
        'node.kubernetes.io/network-unavailable NoSchedule',
      ],
    )
    assert.deepEqual(pod!.spec!.affinity!.nodeAffinity, {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['a'] }] }],
      },
      preferredDuringSchedulingIgnoredDuringExecution: preferred,
    })
  })

  void it('makes pods anew that have succeeded, without a pause', async () => {
    await start(aDaemonSet(), ['a'])
    for (let round = 0; round < 2; round++) {
      const [pod] = await harness.all(pods)
      const { name } = pod!.metadata!
      await harness.edit(
        pods,
        keyOf(pod!),
        (current) => ({ ...current, status: { phase: 'Succeeded' as const } }),
        'status',
      )
      await harness.settle()
      assert.notEqual((await harness.all(pods))[0]!.metadata!.name, name)
      const message = `Found succeeded daemon pod default/${name} on node a, will try to delete it`
      assert.ok((await harness.events()).includes(`SucceededDaemonPod: ${message}`))
    }
  })

  void it('adopts orphans, and lets go what it does not select any more', async () => {
    const nodeName = 'a'
    harness = await runReconcilers([daemonSetReconciler()], ({ client }) => {
      client.seed(nodes, aNode('a'))
      client.seed(pods, aPod('orphan', { metadata: { labels }, spec: { nodeName } }))
      client.seed(daemonSets, aDaemonSet({ updateStrategy: { type: 'OnDelete' } }))
    })
    assert.equal(controllerOf(await harness.one(pods, 'default/orphan'))?.name, 'agent')
    assert.equal((await harness.all(pods)).length, 1)
    await harness.edit(pods, 'default/orphan', (pod) => ({
      ...pod,
      metadata: { ...pod.metadata, labels: {} },
    }))
    await harness.settle()
    assert.equal(controllerOf(await harness.one(pods, 'default/orphan')), undefined)
    assert.equal((await harness.all(pods)).length, 2)
  })

  void it('goes back to a revision, and keeps as many as the limit says beside those in use', async () => {
    await start(aDaemonSet({ revisionHistoryLimit: 1, updateStrategy: { type: 'OnDelete' } }), ['a'])
    for (const image of ['agent:2', 'agent:3', 'agent:4']) await setImage(image)
    const revisions = async () =>
      (await harness.all(controllerRevisions)).map(({ revision }) => revision).toSorted((a, b) => a - b)
    assert.deepEqual(await revisions(), [1, 4], 'the first is still in use')
    await setImage('agent:1')
    assert.deepEqual(await revisions(), [4, 5])
    assert.equal((await status()).updatedNumberScheduled, 1)
  })

  void it('counts a name that is taken, and takes another', async () => {
    harness = await runReconcilers([daemonSetReconciler()], ({ client }) =>
      client.seed(daemonSets, aDaemonSet()),
    )
    const [first] = await harness.all(controllerRevisions)
    await harness.stop()
    const foreign = {
      ...first!,
      metadata: { namespace: 'default', name: first!.metadata!.name! },
      data: { a: 1 },
    }
    harness = await runReconcilers([daemonSetReconciler()], ({ client }) => {
      client.seed(controllerRevisions, foreign)
      client.seed(daemonSets, aDaemonSet())
    })
    assert.equal((await status()).collisionCount, 1)
    assert.equal((await harness.all(controllerRevisions)).length, 2)
    assert.deepEqual(harness.complaints, [])
  })

  void it('tells that pods cannot be created, and tries again', async () => {
    harness = await runReconcilers([daemonSetReconciler()], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'pods') throw forbidden('pods', 'agent-', 'quota')
      }
      client.seed(nodes, aNode('a'), aNode('b'))
      client.seed(daemonSets, aDaemonSet())
    })
    assert.equal((await status()).desiredNumberScheduled, 2)
    assert.ok(
      (await harness.events()).includes('FailedCreate: Error creating: pods "agent-" is forbidden: quota'),
    )
    delete harness.client.onWrite
    await harness.pass(1000)
    assert.deepEqual(await images(), ['a agent:1', 'b agent:1'])
  })

  void it('refuses to select all pods', async () => {
    await start(aDaemonSet({ selector: {} }))
    assert.deepEqual(await harness.events(), [
      'SelectingAll: This daemon set is selecting all pods. A non-empty selector is required.',
    ])
    assert.equal((await harness.all(pods)).length, 0)
  })

  void it('writes nothing when nothing has to change', async () => {
    await start()
    await makeReady()
    const before = harness.client.calls.length
    await harness.edit(daemonSets, 'default/agent', (set) => ({
      ...set,
      metadata: { ...set.metadata, labels: { a: 'b' } },
    }))
    await harness.edit(nodes, 'a', (node) => ({ ...node, status: { phase: 'Running' as const } }), 'status')
    await harness.pass(3_600_000)
    assert.equal(harness.client.calls.length, before + 2)
  })
})
