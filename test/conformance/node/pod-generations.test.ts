import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Pod } from '../../../src/api/generated/core.v1.ts'
import { pods } from '../../../src/api/generated/resources.ts'
import { isConflict } from '../../../src/machinery/status-errors.ts'
import { aPod, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilObject } from '../harness/until-object.ts'

const generationOf = ({ metadata }: Pod) => metadata?.generation
const isRunning = ({ status }: Pod) => status?.phase === 'Running'

describe('generations of pods', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })

  async function run({ client, namespace }: Scope, pod: Pod = aPod(namespace, 'one')): Promise<Pod> {
    await client.create(pods, pod)
    return untilObject(client, pods, { namespace, name: 'one' }, isRunning)
  }

  /** Reads the pod and writes it back, changed, until nobody else writes in between. */
  async function update(scope: Scope, change: (pod: Pod) => Pod): Promise<Pod> {
    const { client, namespace } = scope
    try {
      return await client.update(pods, change(await client.get(pods, { namespace, name: 'one' })))
    } catch (error) {
      if (isConflict(error)) return update(scope, change)
      throw error
    }
  }

  const untilObserved = ({ client, namespace }: Scope, generation: number) =>
    untilObject(
      client,
      pods,
      { namespace, name: 'one' },
      ({ status }) => status?.observedGeneration === generation,
    )

  it('begin at 1 and rise with what is wanted, which their node then tells to have seen', async () => {
    const scope = await cluster.scope()
    const spec = { initContainers: [{ ...server, name: 'first', command: ['true'] }] }
    const started = await run(scope, aPod(scope.namespace, 'one', spec))
    assert.equal(generationOf(started), 1)
    const toleration = { key: 'foo', operator: 'Equal', value: 'bar', effect: 'NoSchedule' } as const
    const image = (pod: Pod, kind: 'containers' | 'initContainers', image: string): Pod => ({
      ...pod,
      spec: { ...pod.spec!, [kind]: [{ ...pod.spec![kind]![0]!, image }] },
    })
    const steps: readonly (readonly [what: string, change: (pod: Pod) => Pod, rises: boolean])[] = [
      ['nothing', (pod) => pod, false],
      [
        'a toleration',
        (pod) => ({ ...pod, spec: { ...pod.spec!, tolerations: [...pod.spec!.tolerations!, toleration] } }),
        true,
      ],
      ['a deadline', (pod) => ({ ...pod, spec: { ...pod.spec!, activeDeadlineSeconds: 5000 } }), true],
      ['an image', (pod) => image(pod, 'containers', 'server:2'), true],
      ['the image of an init container', (pod) => image(pod, 'initContainers', 'server:2'), true],
      [
        'an annotation',
        (pod) => ({ ...pod, metadata: { ...pod.metadata, annotations: { key: 'value' } } }),
        false,
      ],
      ['the generation itself', (pod) => ({ ...pod, metadata: { ...pod.metadata, generation: 1 } }), false],
    ]
    let generation = 1
    for (const [what, change, rises] of steps) {
      if (rises) generation++
      assert.equal(generationOf(await update(scope, change)), generation, what)
      await untilObserved(scope, generation)
    }
  })

  it('are not what clients say, and rise when the pod is told to end', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const pod = aPod(namespace, 'one', { terminationGracePeriodSeconds: 60 })
    const finalizers = ['example.com/held']
    const started = await run(scope, { ...pod, metadata: { ...pod.metadata, generation: 100, finalizers } })
    assert.equal(generationOf(started), 1)
    const ending = (await client.delete(pods, { namespace, name: 'one' }, { gracePeriodSeconds: 60 })) as Pod
    assert.equal(generationOf(ending), 2)
    assert.equal(generationOf(await client.get(pods, { namespace, name: 'one' })), 2)
    const body = { metadata: { finalizers: null } }
    await client.patch(pods, { namespace, name: 'one' }, { type: 'merge', body })
  })

  it('are told to have been seen at last after many changes', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    await run(scope)
    const deadlines = Array.from({ length: 499 }, (_, index) => 10_000 - index)
    for (const activeDeadlineSeconds of deadlines) {
      const patch = { type: 'merge', body: { spec: { activeDeadlineSeconds } } } as const
      await client.patch(pods, { namespace, name: 'one' }, patch)
    }
    assert.equal(generationOf(await untilObserved(scope, 500)), 500)
  })
})
