import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Deployment, DeploymentSpec, ReplicaSet } from '../../api/generated/apps.v1.ts'
import type { PodPhase } from '../../api/generated/core.v1.ts'
import { deployments, pods, replicaSets } from '../../api/generated/resources.ts'
import { forbidden } from '../../machinery/status-errors.ts'
import { keyOf } from '../../machinery/resource.ts'
import { formatTime } from '../../machinery/time.ts'
import { isReady } from '../pods/pod-state.ts'
import { replicaSetReconciler } from '../replicaset/replicaset.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { revisionOf } from './annotations.ts'
import { lowestRevisionFirst } from './replica-sets.ts'
import { deploymentReconciler } from './deployment.ts'

const labels = { app: 'web' }

function aDeployment(spec: Partial<DeploymentSpec> = {}, image = 'app:1'): Deployment {
  return {
    metadata: { namespace: 'default', name: 'web', annotations: { note: 'kept' } },
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'app', image }] } },
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      ...spec,
    },
  }
}

void describe('deploymentReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const start = async (deployment = aDeployment()) => {
    harness = await runReconcilers([deploymentReconciler, replicaSetReconciler], ({ client }) =>
      client.seed(deployments, deployment),
    )
  }
  const deployment = () => harness.one(deployments, 'default/web')
  const sets = async () => (await harness.all(replicaSets)).toSorted(lowestRevisionFirst)
  const sizes = async () => (await sets()).map(({ spec }) => spec!.replicas)
  const progressing = async () =>
    (await deployment()).status?.conditions?.find(({ type }) => type === 'Progressing')

  async function change(spec: Partial<DeploymentSpec>): Promise<void> {
    await harness.edit(deployments, 'default/web', (current) => ({
      ...current,
      spec: { ...current.spec!, ...spec },
    }))
    await harness.settle()
  }

  const setImage = async (image: string) => change({ template: aDeployment({}, image).spec!.template })

  /** Makes pods ready as a kubelet would; at most `count`. */
  async function makeReady(count = Infinity, image?: string): Promise<void> {
    const waiting = (await harness.all(pods)).filter(
      (pod) => !isReady(pod) && (image === undefined || pod.spec!.containers[0]!.image === image),
    )
    for (const pod of waiting.slice(0, count)) {
      const condition = { type: 'Ready', status: 'True', lastTransitionTime: formatTime(harness.clock.now()) }
      const status = { phase: 'Running' as PodPhase, conditions: [condition] }
      await harness.edit(pods, keyOf(pod), (current) => ({ ...current, status }), 'status')
    }
    await harness.settle()
  }

  async function finishRollout(): Promise<void> {
    for (let round = 0; round < 30; round++) await makeReady()
  }

  void it('creates a replica set for its template, and reports progress until it is complete', async () => {
    await start()
    const [replicaSet] = await sets()
    const hash = replicaSet!.metadata!.labels!['pod-template-hash']!
    assert.match(hash, /^[bcdfghjklmnpqrstvwxz2456789]+$/)
    assert.equal(replicaSet!.metadata!.name, `web-${hash}`)
    assert.deepEqual(replicaSet!.spec!.selector.matchLabels, { app: 'web', 'pod-template-hash': hash })
    assert.deepEqual(replicaSet!.spec!.template!.metadata!.labels, { app: 'web', 'pod-template-hash': hash })
    assert.deepEqual(replicaSet!.metadata!.annotations, {
      note: 'kept',
      'deployment.kubernetes.io/revision': '1',
      'deployment.kubernetes.io/desired-replicas': '3',
      'deployment.kubernetes.io/max-replicas': '4',
    })
    assert.equal((await deployment()).metadata!.annotations!['deployment.kubernetes.io/revision'], '1')
    assert.equal((await progressing())?.reason, 'ReplicaSetUpdated')
    assert.ok(
      (await harness.events()).includes(`ScalingReplicaSet: Scaled up replica set web-${hash} from 0 to 3`),
    )
    await makeReady()
    const { status } = await deployment()
    const { conditions = [], ...counts } = status!
    assert.deepEqual(counts, {
      observedGeneration: 1,
      replicas: 3,
      updatedReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 3,
      unavailableReplicas: 0,
      terminatingReplicas: 0,
    })
    assert.deepEqual(
      conditions
        .map(({ type, status, reason, message }) => `${type} ${status} ${reason}: ${message}`)
        .toSorted(),
      [
        'Available True MinimumReplicasAvailable: Deployment has minimum availability.',
        `Progressing True NewReplicaSetAvailable: ReplicaSet "web-${hash}" has successfully progressed.`,
      ],
    )
    assert.deepEqual(harness.complaints, [])
  })

  void it('rolls a new template out pod by pod, within surge and availability', async () => {
    await start()
    await makeReady()
    await setImage('app:2')
    assert.deepEqual(await sizes(), [3, 1])
    await makeReady(1)
    assert.deepEqual(await sizes(), [2, 2])
    await makeReady(1)
    assert.deepEqual(await sizes(), [1, 3])
    await makeReady(1)
    assert.deepEqual(await sizes(), [0, 3])
    const { status, metadata } = await deployment()
    assert.deepEqual([status!.replicas, status!.updatedReplicas, status!.observedGeneration], [3, 3, 2])
    assert.equal(metadata!.annotations!['deployment.kubernetes.io/revision'], '2')
    assert.equal((await progressing())?.reason, 'NewReplicaSetAvailable')
    const scaled = (await harness.events()).filter((event) => event.startsWith('ScalingReplicaSet'))
    assert.equal(scaled.length, 7)
  })

  void it('stops when new pods do not become ready, and says so after the deadline', async () => {
    await start()
    await makeReady()
    await setImage('broken')
    await harness.pass(599_000)
    assert.equal((await progressing())?.reason, 'ReplicaSetUpdated')
    await harness.pass(3_000)
    assert.deepEqual(await sizes(), [3, 1])
    const { status, reason, message } = (await progressing())!
    assert.deepEqual([status, reason], ['False', 'ProgressDeadlineExceeded'])
    assert.match(message!, /^ReplicaSet "web-.*" has timed out progressing\.$/)
    assert.equal((await deployment()).status!.unavailableReplicas, 1)
    await makeReady()
    await finishRollout()
    assert.equal((await progressing())?.reason, 'NewReplicaSetAvailable')
  })

  void it('goes back to an old template by its replica set, with a new revision and the old in the history', async () => {
    await start()
    await finishRollout()
    await setImage('app:2')
    await finishRollout()
    await setImage('app:1')
    await finishRollout()
    const [second, first] = await sets()
    assert.deepEqual([revisionOf(second!), revisionOf(first!)], [2n, 3n])
    assert.equal(first!.spec!.template!.spec!.containers[0]!.image, 'app:1')
    assert.equal(first!.metadata!.annotations!['deployment.kubernetes.io/revision-history'], '1')
    assert.deepEqual(await sizes(), [0, 3])
    assert.equal((await deployment()).metadata!.annotations!['deployment.kubernetes.io/revision'], '3')
  })

  const rollbackRows: readonly (readonly [string, string, string])[] = [
    ['1', 'app:1', 'DeploymentRollback: Rolled back deployment "web" to revision 1'],
    ['0', 'app:2', 'DeploymentRollback: Rolled back deployment "web" to revision 2'],
    ['7', 'app:3', 'DeploymentRollbackRevisionNotFound: Unable to find the revision to rollback to.'],
    [
      '3',
      'app:3',
      'DeploymentRollbackTemplateUnchanged: The rollback revision contains the same template as current deployment "web"',
    ],
  ]
  for (const [revision, image, event] of rollbackRows) {
    void it(`goes back where the annotation of old clients asks for revision ${revision}`, async () => {
      await start()
      await finishRollout()
      for (const next of ['app:2', 'app:3']) {
        await setImage(next)
        await finishRollout()
      }
      const annotations = { note: 'changed', 'deprecated.deployment.rollback.to': revision }
      await harness.edit(deployments, 'default/web', (now) => ({
        ...now,
        metadata: { ...now.metadata, annotations: { ...now.metadata!.annotations, ...annotations } },
      }))
      await harness.settle()
      await finishRollout()
      const { metadata, spec } = await deployment()
      assert.equal(spec!.template.spec!.containers[0]!.image, image)
      assert.equal(spec!.template.metadata!.labels!['pod-template-hash'], undefined)
      assert.equal(metadata!.annotations!['deprecated.deployment.rollback.to'], undefined)
      assert.equal(metadata!.annotations!['note'], image === 'app:3' ? 'changed' : 'kept')
      assert.ok((await harness.events()).includes(event), (await harness.events()).join('\n'))
    })
  }

  void it('keeps as many old replica sets as the history limit says', async () => {
    await start(aDeployment({ revisionHistoryLimit: 2, replicas: 1 }))
    await finishRollout()
    for (let version = 2; version <= 5; version++) {
      await setImage(`app:${version}`)
      await finishRollout()
    }
    assert.deepEqual((await sets()).map(revisionOf), [3n, 4n, 5n])
  })

  void it('scales in the middle of a rollout in proportion', async () => {
    await start(
      aDeployment({ replicas: 10, strategy: { rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } }),
    )
    await makeReady()
    await setImage('broken')
    assert.deepEqual(await sizes(), [8, 5])
    await change({ replicas: 15 })
    assert.deepEqual(await sizes(), [11, 7])
  })

  void it('is scaled while paused, but rolls nothing out until it is resumed', async () => {
    await start()
    await makeReady()
    await change({ paused: true })
    await setImage('app:2')
    await change({ replicas: 5 })
    assert.deepEqual(await sizes(), [5])
    assert.equal((await progressing())?.reason, 'DeploymentPaused')
    assert.equal((await deployment()).status!.observedGeneration, 4)
    await harness.pass(3_600_000)
    await change({ paused: false })
    await finishRollout()
    assert.deepEqual(await sizes(), [0, 5])
  })

  void it('recreates only when all old pods have ended', async () => {
    await start(aDeployment({ strategy: { type: 'Recreate' } }))
    for (const pod of await harness.all(pods))
      await harness.edit(pods, keyOf(pod), (current) => ({
        ...current,
        spec: { ...current.spec!, nodeName: 'n' },
      }))
    await makeReady()
    await setImage('app:2')
    assert.deepEqual(await sizes(), [0])
    assert.equal((await harness.all(pods)).length, 3)
    for (const pod of await harness.all(pods)) {
      const { namespace, name } = pod.metadata!
      await harness.client.delete(pods, { namespace: namespace!, name: name! }, { gracePeriodSeconds: 0 })
    }
    await harness.settle()
    assert.deepEqual(await sizes(), [0, 3])
    await makeReady()
    assert.equal((await progressing())?.reason, 'NewReplicaSetAvailable')
  })

  void it('recreates only when no old pod can be made any more', async () => {
    const refused: ReplicaSet = {
      metadata: { namespace: 'default', name: 'old', labels, generation: 1 },
      spec: { replicas: 3, selector: { matchLabels: labels }, template: aDeployment().spec!.template },
      status: { replicas: 0, observedGeneration: 1 },
    }
    harness = await runReconcilers([deploymentReconciler], ({ client }) => {
      client.seed(replicaSets, refused)
      client.seed(deployments, aDeployment({ strategy: { type: 'Recreate' } }, 'app:2'))
    })
    assert.deepEqual(await sizes(), [0])
    const observe = (replicaSet: ReplicaSet) => {
      const { generation } = replicaSet.metadata!
      return { ...replicaSet, status: { replicas: 0, ...(generation && { observedGeneration: generation }) } }
    }
    await harness.edit(replicaSets, 'default/old', observe, 'status')
    await harness.settle()
    assert.deepEqual(await sizes(), [0, 3])
  })

  void it('takes another name when that of the new replica set belongs to another template', async () => {
    await start(aDeployment({ replicas: 1 }))
    const [first] = await sets()
    await harness.stop()
    harness = await runReconcilers([deploymentReconciler], ({ client }) => {
      const squatter: ReplicaSet = {
        metadata: { namespace: 'default', name: first!.metadata!.name! },
        spec: { replicas: 0, selector: { matchLabels: { app: 'other' } } },
      }
      client.seed(replicaSets, squatter)
      client.seed(deployments, aDeployment({ replicas: 1 }))
    })
    assert.equal((await deployment()).status!.collisionCount, 1)
    const owned = (await harness.all(replicaSets)).filter(({ metadata }) => metadata!.ownerReferences)
    assert.equal(owned.length, 1)
    assert.notEqual(owned[0]!.metadata!.name, first!.metadata!.name)
  })

  void it('says that a replica set cannot be created, and passes on what hinders its pods', async () => {
    harness = await runReconcilers([deploymentReconciler, replicaSetReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'pods') throw forbidden('pods', 'web', 'exceeded quota')
      }
      client.seed(deployments, aDeployment())
    })
    const failure = (await deployment()).status!.conditions!.find(({ type }) => type === 'ReplicaFailure')
    assert.deepEqual(
      [failure?.reason, failure?.message],
      ['FailedCreate', 'pods "web" is forbidden: exceeded quota'],
    )
    await harness.stop()
    harness = await runReconcilers([deploymentReconciler], ({ client }) => {
      client.onWrite = ({ verb, resource }) => {
        if (verb === 'create' && resource === 'replicasets.apps') throw forbidden('replicasets', 'web', 'no')
      }
      client.seed(deployments, aDeployment())
    })
    const { reason, message } = (await progressing())!
    assert.equal(reason, 'ReplicaSetCreateError')
    assert.match(message!, /^Failed to create new replica set "web-.*": replicasets "web" is forbidden: no$/)
  })

  void it('says that it has made a replica set until that makes progress', async () => {
    harness = await runReconcilers([deploymentReconciler], ({ client }) =>
      client.seed(deployments, aDeployment()),
    )
    const [replicaSet] = await sets()
    const { status, reason, message } = (await progressing())!
    assert.deepEqual(
      [status, reason, message],
      ['True', 'NewReplicaSetCreated', `Created new replica set "${replicaSet!.metadata!.name}"`],
    )
    assert.equal((await deployment()).status!.terminatingReplicas, undefined)
  })

  void it('counts revisions beyond what a float holds exactly', async () => {
    const annotations = { 'deployment.kubernetes.io/revision': '3546343826724305832' }
    const template = { ...aDeployment().spec!.template, metadata: { labels: { ...labels, old: 'yes' } } }
    const old: ReplicaSet = {
      metadata: { namespace: 'default', name: 'old', labels, annotations },
      spec: { replicas: 0, selector: { matchLabels: labels }, template },
    }
    harness = await runReconcilers([deploymentReconciler], ({ client }) => {
      client.seed(replicaSets, old)
      client.seed(deployments, aDeployment())
    })
    assert.deepEqual((await sets()).map(revisionOf), [3546343826724305832n, 3546343826724305833n])
  })

  void it('adopts a replica set that it selects, and lets it go when it does not any more', async () => {
    const orphan: ReplicaSet = {
      metadata: { namespace: 'default', name: 'orphan', labels },
      spec: { replicas: 0, selector: { matchLabels: labels }, template: aDeployment().spec!.template },
    }
    harness = await runReconcilers([deploymentReconciler], ({ client }) => {
      client.seed(replicaSets, orphan)
      client.seed(deployments, aDeployment())
    })
    assert.deepEqual(
      (await sets()).map(({ metadata, spec }) => [metadata!.name, spec!.replicas]),
      [['orphan', 3]],
    )
    await harness.edit(replicaSets, 'default/orphan', (set) => ({
      ...set,
      metadata: { ...set.metadata, labels: {} },
    }))
    await harness.settle()
    const released = await harness.one(replicaSets, 'default/orphan')
    assert.deepEqual(released.metadata!.ownerReferences, [])
    assert.equal((await harness.all(replicaSets)).length, 2)
  })

  void it('writes nothing when nothing has to change', async () => {
    await start()
    await finishRollout()
    const before = harness.client.calls.length
    await harness.edit(deployments, 'default/web', (d) => ({
      ...d,
      metadata: { ...d.metadata, labels: { a: 'b' } },
    }))
    await harness.pass(3_600_000)
    assert.equal(harness.client.calls.length, before + 1)
  })

  void it('converges although any write may fail', async () => {
    let writes = 0
    harness = await runReconcilers([deploymentReconciler, replicaSetReconciler], ({ client, random }) => {
      client.onWrite = () => {
        writes += 1
        if (writes < 300 && random.next() < 0.3) throw new Error('lost')
      }
      client.seed(deployments, aDeployment())
    })
    await harness.pass(60_000)
    for (let round = 0; round < 10; round++) {
      await makeReady().catch(() => {})
      await harness.pass(60_000)
    }
    delete harness.client.onWrite
    await setImage('app:2')
    for (let round = 0; round < 10; round++) {
      await makeReady()
      await harness.pass(60_000)
    }
    assert.deepEqual(await sizes(), [0, 3])
    assert.equal((await progressing())?.reason, 'NewReplicaSetAvailable')
  })
})
