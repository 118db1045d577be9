import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { Pod, PodStatus } from '../../api/generated/core.v1.ts'
import type { ResourceClaim } from '../../api/generated/resource.v1.ts'
import { pods, resourceClaims, resourceClaimTemplates } from '../../api/generated/resources.ts'
import { claimFinalizer } from '../../api/resource/pod-claims.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'
import { aPod } from '../testing/a-pod.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { claimFromTemplate } from './claims-of-pod.ts'
import { resourceClaimReconciler } from './resourceclaim.ts'

const devices = { requests: [{ name: 'r', exactly: { deviceClassName: 'gpu' } }] }
const template = {
  metadata: { namespace: 'default', name: 'gpu' },
  spec: { metadata: { labels: { of: 'template' }, annotations: { a: 'b' } }, spec: { devices } },
}
const aUser = (metadata: ObjectMeta = {}, status: PodStatus = {}, nodeName?: string): Pod =>
  aPod('p', {
    metadata,
    status,
    spec: {
      resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'gpu' }],
      ...(nodeName !== undefined && { nodeName }),
    },
  })
const allocation = { devices: { results: [{ request: 'r', driver: 'd', pool: 'n', device: 'g' }] } }
const reservedFor = [{ resource: 'pods', name: 'p', uid: 'p' }]
const aClaim = (metadata: ObjectMeta = {}, status: ResourceClaim['status'] = {}): ResourceClaim => ({
  metadata: { namespace: 'default', name: 'c', uid: 'c', ...metadata },
  spec: { devices },
  status,
})
const owned: ObjectMeta = {
  annotations: { 'resource.kubernetes.io/pod-claim-name': 'gpu' },
  ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'p', controller: true }],
}
const inUse = { allocation, reservedFor }
const guarded: ObjectMeta = { finalizers: [claimFinalizer] }
const user = (status: PodStatus = {}, metadata: ObjectMeta = {}, nodeName?: string): Pod =>
  aPod('p', {
    metadata,
    status,
    spec: {
      resourceClaims: [{ name: 'gpu', resourceClaimName: 'c' }],
      ...(nodeName !== undefined && { nodeName }),
    },
  })

void describe('resourceClaimReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  const start = async (pod: Pod | undefined, claim?: ResourceClaim, hasTemplate = true) => {
    harness = await runReconcilers([resourceClaimReconciler()], ({ client }) => {
      if (hasTemplate) client.seed(resourceClaimTemplates, template)
      if (claim) client.seed(resourceClaims, claim)
      if (pod) client.seed(pods, pod)
    })
  }
  const claims = () => harness.all(resourceClaims)

  void it('makes a claim of a template, and tells the pod, and makes it again', async () => {
    await start(aUser())
    for (let time = 0; time < 2; time++) {
      const [claim, ...others] = await claims()
      assert.equal(others.length, 0)
      const { name, annotations, labels, ownerReferences } = claim!.metadata!
      assert.match(name!, /^p-gpu-/)
      assert.deepEqual(annotations, { a: 'b', 'resource.kubernetes.io/pod-claim-name': 'gpu' })
      assert.deepEqual(labels, { of: 'template' })
      assert.equal(ownerReferences![0]!.uid, 'p')
      assert.deepEqual(claim!.spec, { devices })
      const { status } = await harness.one(pods, 'default/p')
      assert.deepEqual(status!.resourceClaimStatuses, [{ name: 'gpu', resourceClaimName: name }])
      await harness.client.delete(resourceClaims, { namespace: 'default', name: name! })
      await harness.settle()
    }
  })

  void it('tells of a claim that it made without being able to say so', async () => {
    await start(aUser(), aClaim(owned))
    assert.equal((await claims()).length, 1)
    const { status } = await harness.one(pods, 'default/p')
    assert.deepEqual(status!.resourceClaimStatuses, [{ name: 'gpu', resourceClaimName: 'c' }])
  })

  void it('says that there is no template, until there is one', async () => {
    await start(aUser(), undefined, false)
    assert.deepEqual(
      (await harness.events())[0],
      'FailedResourceClaimCreation: PodResourceClaim gpu: resource claim template "gpu": ' +
        'resourceclaimtemplate.resource.k8s.io "gpu" not found',
    )
    await harness.client.create(resourceClaimTemplates, template)
    await harness.pass(10_000)
    assert.equal((await claims()).length, 1)
  })

  void it('reserves for a pod that came with a node', async () => {
    await start(user({}, {}, 'n'), aClaim({}, { allocation }))
    assert.deepEqual((await claims())[0]!.status!.reservedFor, reservedFor)
  })

  const freed = { metadata: [], status: {} }
  const kept = { metadata: [claimFinalizer], status: inUse }
  const rows: readonly (readonly [string, Pod | undefined, typeof freed | typeof kept])[] = [
    ['keeps the devices of a pod that may run', user(), kept],
    ['frees those of a pod that succeeded', user({ phase: 'Succeeded' }), freed],
    ['frees those of a pod that failed', user({ phase: 'Failed' }), freed],
    ['frees those of a pod that is gone', undefined, freed],
    ['frees those of another pod of that name', user({}, { uid: 'other' }), freed],
    [
      'frees those of a pod that goes before it has a node',
      user({}, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] }),
      freed,
    ],
    [
      'keeps those of a pod that goes from its node',
      user({}, { deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x/y'] }, 'n'),
      kept,
    ],
  ]
  for (const [name, pod, expected] of rows) {
    void it(name, async () => {
      await start(pod, aClaim(guarded, inUse))
      const [claim] = await claims()
      assert.deepEqual({ metadata: claim!.metadata!.finalizers ?? [], status: claim!.status }, expected)
    })
  }

  void it('keeps the devices while others use them', async () => {
    const other = { resource: 'pods', name: 'q', uid: 'q' }
    harness = await runReconcilers([resourceClaimReconciler()], ({ client }) => {
      client.seed(resourceClaims, aClaim(guarded, { allocation, reservedFor: [...reservedFor, other] }))
      client.seed(pods, aPod('q'))
    })
    assert.deepEqual((await claims())[0]!.status, { allocation, reservedFor: [other] })
  })

  void it('lets a claim go that is deleted while nobody uses it', async () => {
    await start(undefined, aClaim(guarded, { allocation }))
    await harness.client.delete(resourceClaims, { namespace: 'default', name: 'c' })
    await harness.settle()
    assert.deepEqual(await claims(), [])
  })

  void it('deletes the claim that was made for a pod that has ended', async () => {
    const resourceClaimStatuses = [{ name: 'gpu', resourceClaimName: 'c' }]
    await start(
      aUser({}, { phase: 'Succeeded', resourceClaimStatuses }),
      aClaim({ ...owned, ...guarded }, inUse),
    )
    assert.deepEqual(await claims(), [])
  })

  void it('shortens both names when they are long', async () => {
    await start(undefined)
    const pod = aPod('p'.repeat(60))
    const { metadata } = claimFromTemplate(pod, { name: 'c'.repeat(40) }, template)
    assert.equal(metadata!.generateName, `${'p'.repeat(33)}-${'c'.repeat(22)}`)
  })
})
