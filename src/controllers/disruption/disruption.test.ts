import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '../../api/generated/policy.v1.ts'
import {
  daemonSets,
  podDisruptionBudgets,
  pods,
  replicaSets,
  statefulSets,
} from '../../api/generated/resources.ts'
import type { IntOrString } from '../../machinery/meta.ts'
import { aPod } from '../testing/a-pod.ts'
import { serveDiscovery } from '../testing/serve-discovery.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { disruptionReconciler, stalePodDisruptionReconciler } from './disruption.ts'
import { expectationOf } from './plan-disruption.ts'

const labels = { app: 'web' }
const readyAt = '2026-01-01T00:00:00Z'

function aBudget(spec: PodDisruptionBudgetSpec): PodDisruptionBudget {
  return {
    metadata: { namespace: 'default', name: 'b' },
    spec: { selector: { matchLabels: labels }, ...spec },
  }
}

void describe('expectationOf', () => {
  const rows: readonly (readonly [
    { minAvailable?: IntOrString; maxUnavailable?: IntOrString },
    number,
    number,
  ])[] = [
    [{ minAvailable: 2 }, 5, 2],
    [{ minAvailable: '50%' }, 7, 4],
    [{ maxUnavailable: 1 }, 7, 6],
    [{ maxUnavailable: '30%' }, 7, 4],
    [{ maxUnavailable: 20 }, 7, 0],
  ]
  for (const [spec, expectedPods, desiredHealthy] of rows) {
    void it(`of ${JSON.stringify(spec)} with 5 pods and a scale of 7`, () => {
      assert.deepEqual(expectationOf(aBudget(spec), 5, 7), { expectedPods, desiredHealthy })
    })
  }
})

void describe('disruptionReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  async function start(budget: PodDisruptionBudget, owned = true): Promise<void> {
    harness = await runReconcilers([disruptionReconciler], ({ client }) => {
      serveDiscovery(client, [{ resource: replicaSets }])
      client.served.set('/apis/apps/v1', JSON.stringify({ resources: [{ name: 'replicasets/scale' }] }))
      const metadata = { namespace: 'default', name: 'rs', uid: 'rs' }
      client.seed(replicaSets, { metadata, spec: { replicas: 4, selector: {} } })
      const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'rs', uid: 'rs', controller: true }
      const ownerReferences = owned ? [owner] : []
      for (const name of ['a', 'b', 'c'])
        client.seed(pods, aPod(name, { metadata: { labels, ownerReferences }, readyAt }))
      client.seed(
        pods,
        aPod('unready', { metadata: { labels, ownerReferences } }),
        aPod('other', { readyAt }),
      )
      client.seed(podDisruptionBudgets, budget)
    })
  }
  const status = async () => (await harness.one(podDisruptionBudgets, 'default/b')).status!

  void it('counts the healthy against what must be', async () => {
    await start(aBudget({ minAvailable: 2 }))
    const { conditions, ...counts } = await status()
    assert.deepEqual(counts, {
      observedGeneration: 1,
      disruptionsAllowed: 1,
      currentHealthy: 3,
      desiredHealthy: 2,
      expectedPods: 4,
    })
    assert.deepEqual(
      conditions!.map(({ type, status, reason }) => [type, status, reason]),
      [['DisruptionAllowed', 'True', 'SufficientPods']],
    )
    await harness.client.delete(pods, { namespace: 'default', name: 'a' })
    await harness.settle()
    assert.equal((await status()).disruptionsAllowed, 0)
    assert.equal((await status()).conditions![0]!.reason, 'InsufficientPods')
  })

  void it('knows the sizes of controllers', async () => {
    await start(aBudget({ maxUnavailable: 2 }))
    assert.deepEqual([(await status()).expectedPods, (await status()).disruptionsAllowed], [4, 1])
    await harness.edit(replicaSets, 'default/rs', (set) => ({ ...set, spec: { ...set.spec!, replicas: 3 } }))
    await harness.settle()
    assert.deepEqual([(await status()).expectedPods, (await status()).disruptionsAllowed], [3, 2])
  })

  void it('allows nothing while it cannot know', async () => {
    await start(aBudget({ maxUnavailable: 2 }))
    await harness.client.delete(replicaSets, { namespace: 'default', name: 'rs' })
    await harness.settle()
    const { disruptionsAllowed, conditions } = await status()
    assert.equal(disruptionsAllowed, 0)
    assert.equal(conditions![0]!.reason, 'SyncFailed')
    assert.match(conditions![0]!.message, /found no controllers for pod "a"/)
    assert.equal(conditions![0]!.observedGeneration, (await status()).observedGeneration)
    const { length } = harness.client.calls
    await harness.pass(600_000)
    assert.equal(harness.client.calls.length, length, 'no more is tried until something changes')
    assert.deepEqual(harness.complaints, [])
  })

  const foreign: readonly (readonly [string, string, string, string])[] = [
    ['has no scale', 'apps/v1', 'DaemonSet', 'daemonsets.apps does not implement the scale subresource'],
    [
      'is of no kind that is served',
      'e.com/v1',
      'Widget',
      'no matches for kind "Widget" in version "e.com/v1"',
    ],
    ['is gone', 'apps/v1', 'StatefulSet', 'found no controllers for pod "p"'],
  ]
  for (const [what, apiVersion, kind, message] of foreign)
    void it(`says why when a controller ${what}`, async () => {
      const reference = { apiVersion, kind, name: 'owner', uid: 'owner', controller: true }
      harness = await runReconcilers([disruptionReconciler], ({ client }) => {
        serveDiscovery(client, [{ resource: daemonSets }, { resource: statefulSets }])
        const served = [{ name: 'daemonsets' }, { name: 'statefulsets' }, { name: 'statefulsets/scale' }]
        client.served.set('/apis/apps/v1', JSON.stringify({ resources: served }))
        client.seed(pods, aPod('p', { metadata: { labels, ownerReferences: [reference] }, readyAt }))
        client.seed(podDisruptionBudgets, aBudget({ maxUnavailable: 1 }))
      })
      assert.equal((await status()).conditions![0]!.message, message)
      assert.deepEqual(await harness.events(), [
        `CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${message}`,
      ])
    })

  void it('takes the size of a set whose deployment is gone', async () => {
    const owner = (kind: string, name: string) => ({
      apiVersion: 'apps/v1',
      kind,
      name,
      uid: name,
      controller: true,
    })
    harness = await runReconcilers([disruptionReconciler], ({ client }) => {
      serveDiscovery(client, [{ resource: replicaSets }])
      const metadata = {
        namespace: 'default',
        name: 'rs',
        uid: 'rs',
        ownerReferences: [owner('Deployment', 'gone')],
      }
      client.seed(replicaSets, { metadata, spec: { replicas: 4, selector: {} } })
      client.seed(
        pods,
        aPod('p', { metadata: { labels, ownerReferences: [owner('ReplicaSet', 'rs')] }, readyAt }),
      )
      client.seed(podDisruptionBudgets, aBudget({ maxUnavailable: 1 }))
    })
    assert.equal((await status()).expectedPods, 4)
  })

  void it('warns of pods that several budgets select', async () => {
    harness = await runReconcilers([disruptionReconciler], ({ client }) => {
      client.seed(pods, aPod('p', { metadata: { labels }, readyAt }))
      client.seed(podDisruptionBudgets, aBudget({ minAvailable: 1 }))
      client.seed(podDisruptionBudgets, {
        ...aBudget({ minAvailable: 1 }),
        metadata: { namespace: 'default', name: 'c' },
      })
    })
    assert.deepEqual(await harness.events(), [
      'MultiplePodDisruptionBudgets: Pod "default"/"p" matches multiple PodDisruptionBudgets.  Chose "b" arbitrarily.',
    ])
  })

  void it('counts allowed evictions until the pods are gone, or for two minutes', async () => {
    await start(aBudget({ minAvailable: 1 }))
    assert.equal((await status()).disruptionsAllowed, 2)
    const evict = { disruptedPods: { a: '2026-01-01T00:00:00Z' }, disruptionsAllowed: 1 }
    await harness.edit(
      podDisruptionBudgets,
      'default/b',
      (budget) => ({ ...budget, status: { ...budget.status, ...evict } }),
      'status',
    )
    await harness.settle()
    assert.deepEqual([(await status()).currentHealthy, (await status()).disruptionsAllowed], [2, 1])
    await harness.pass(122_000)
    assert.deepEqual([(await status()).disruptedPods, (await status()).disruptionsAllowed], [undefined, 2])
    assert.ok(
      (await harness.events()).some((event) =>
        event.startsWith('NotDeleted: Pod was expected by PDB default/b'),
      ),
    )
  })

  void it('warns of pods that nobody manages', async () => {
    await start(aBudget({ maxUnavailable: 1 }), false)
    assert.equal((await status()).disruptionsAllowed, 0)
    const selector =
      '&LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}'
    const expected = `UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: ${selector}) were found`
    assert.ok((await harness.events()).some((event) => event.startsWith(expected)))
  })
})

void it('stalePodDisruptionReconciler takes back a disruption that does not come', async () => {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: readyAt,
    reason: 'EvictionByEvictionAPI',
  }
  const harness = await runReconcilers([stalePodDisruptionReconciler], ({ client }) =>
    client.seed(pods, aPod('p', { status: { phase: 'Running', conditions: [condition] } })),
  )
  const status = async () => (await harness.one(pods, 'default/p')).status!.conditions![0]!.status
  await harness.pass(119_000)
  assert.equal(await status(), 'True')
  await harness.pass(1_000)
  assert.equal(await status(), 'False')
  await harness.stop()
})

void it('stalePodDisruptionReconciler leaves alone what the kubelet says of its own terminations', async () => {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: readyAt,
    reason: 'TerminationByKubelet',
  }
  const harness = await runReconcilers([stalePodDisruptionReconciler], ({ client }) =>
    client.seed(pods, aPod('p', { status: { phase: 'Running', conditions: [condition] } })),
  )
  await harness.pass(600_000)
  assert.equal((await harness.one(pods, 'default/p')).status!.conditions![0]!.status, 'True')
  await harness.stop()
})
