import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodDisruptionBudget } from '../../../src/api/generated/policy.v1.ts'
import type { Eviction } from '../../../src/api/generated/policy.v1.ts'
import { podDisruptionBudgets, pods, replicaSets } from '../../../src/api/generated/resources.ts'
import { isTooManyRequests } from '../../../src/machinery/status-errors.ts'
import { aReplicaSet } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilList, untilObject } from '../harness/until-object.ts'

const create = ({ client, namespace }: Scope, spec: PodDisruptionBudget['spec'] & object) =>
  client.create(podDisruptionBudgets, {
    metadata: { namespace, name: 'budget' },
    spec: { selector: { matchLabels: { name: 'set' } }, ...spec },
  })

const untilBudget = ({ client, namespace }: Scope, accept: (budget: PodDisruptionBudget) => boolean) =>
  untilObject(client, podDisruptionBudgets, { namespace, name: 'budget' }, accept)

const evict = ({ client, namespace }: Scope, name: string) => {
  const eviction: Eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace, name } }
  return client.createSubresource(pods, { namespace, name }, 'eviction', eviction)
}

async function runPods(scope: Scope, count: number): Promise<readonly string[]> {
  const { client, namespace } = scope
  await client.create(replicaSets, aReplicaSet(namespace, 'set', count))
  await untilObject(
    client,
    replicaSets,
    { namespace, name: 'set' },
    ({ status }) => status?.readyReplicas === count,
  )
  return (await client.list(pods, { namespace })).items.map(({ metadata }) => metadata!.name!)
}

describe('disruption budgets', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 2 })

  it('are created, changed and deleted', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const name = { namespace, name: 'budget' }
    await create(scope, { minAvailable: '1%' })
    await untilBudget(scope, ({ metadata, status }) => status?.observedGeneration === metadata?.generation)
    const read = await client.get(podDisruptionBudgets, name)
    await client.update(podDisruptionBudgets, { ...read, spec: { ...read.spec, minAvailable: '2%' } })
    await untilBudget(scope, ({ status }) => status?.observedGeneration === 2)
    await client.patch(podDisruptionBudgets, name, { type: 'merge', body: { spec: { minAvailable: '3%' } } })
    await untilBudget(
      scope,
      ({ spec, status }) => spec?.minAvailable === '3%' && status?.observedGeneration === 3,
    )
    await client.delete(podDisruptionBudgets, name)
    assert.deepEqual((await client.list(podDisruptionBudgets, { namespace })).items, [])
  })

  it('count healthy pods and how many may go', async () => {
    const scope = await cluster.scope()
    await create(scope, { minAvailable: 1 })
    await runPods(scope, 3)
    const { status } = await untilBudget(scope, ({ status }) => status?.disruptionsAllowed === 2)
    assert.deepEqual([status?.expectedPods, status?.currentHealthy, status?.desiredHealthy], [3, 3, 1])
  })

  it('hold back evictions until they are changed to allow them', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const names = await runPods(scope, 3)
    await create(scope, { minAvailable: 3 })
    await untilBudget(scope, ({ status }) => status?.currentHealthy === 3)
    await assert.rejects(evict(scope, names[0]!), isTooManyRequests)
    const patch = { type: 'merge', body: { spec: { minAvailable: 2 } } } as const
    await client.patch(podDisruptionBudgets, { namespace, name: 'budget' }, patch)
    await untilBudget(scope, ({ status }) => status?.disruptionsAllowed === 1)
    await evict(scope, names[0]!)
    await untilList(client, pods, { namespace }, (items) => {
      return !items.some(({ metadata }) => metadata?.name === names[0])
    })
  })

  it('have a status that is patched on its own', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const names = await runPods(scope, 3)
    await create(scope, { minAvailable: 1 })
    await untilBudget(scope, ({ status }) => status?.disruptionsAllowed === 2)
    const disrupted = { [names[0]!]: new Date().toISOString().replace(/\.\d+/, '') }
    const patched = await client.patch(
      podDisruptionBudgets,
      { namespace, name: 'budget' },
      { type: 'merge', body: { status: { disruptedPods: disrupted } } },
      { subresource: 'status' },
    )
    assert.deepEqual(patched.status?.disruptedPods, disrupted)
    assert.equal(patched.metadata?.generation, 1)
  })
})
