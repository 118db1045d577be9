import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import type { Pod } from '../../api/generated/core.v1.ts'
import type { PodDisruptionBudget } from '../../api/generated/policy.v1.ts'
import { namespaces, podDisruptionBudgets, pods } from '../../api/generated/resources.ts'
import type { Status } from '../../machinery/meta.ts'
import { StatusError } from '../../machinery/status.ts'
import { refusal, TestRequests } from '../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

let testServer: TestServer
let requests: TestRequests
let namespace: string
let count = 0
describe('evict pod', () => {
  before(async () => {
    testServer = await startTestServer()
    requests = new TestRequests(testServer.server)
  })
  after(() => testServer[Symbol.asyncDispose]())
  beforeEach(async () => {
    namespace = `evict-${++count}`
    await requests.create(namespaces, { metadata: { name: namespace } })
  })

  const named = (name: string) => ({ namespace, name })

  async function aPod(name: string, ready = true, phase = 'Running'): Promise<void> {
    const pod: Pod = {
      metadata: { ...named(name), labels: { app: 'a' } },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    }
    const created = await requests.create(pods, pod)
    const conditions = [{ type: 'Ready', status: ready ? 'True' : 'False' }]
    await requests.update(pods, { ...created, status: { phase: phase as never, conditions } }, 'status')
  }

  async function aBudget(status: PodDisruptionBudget['status'], name = 'budget'): Promise<void> {
    const budget: PodDisruptionBudget = {
      metadata: named(name),
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'a' } } },
    }
    const created = await requests.create(podDisruptionBudgets, budget)
    await requests.update(
      podDisruptionBudgets,
      { ...created, status: { observedGeneration: 1, ...status } },
      'status',
    )
  }

  function evict(name: string, deleteOptions?: object, dryRun = false): Promise<Status> {
    const eviction = { metadata: named(name), ...(deleteOptions && { deleteOptions }) }
    return requests.post(pods, named(name), 'eviction', eviction, dryRun)
  }

  async function isDeleting(name: string): Promise<boolean> {
    return (await requests.get(pods, named(name))).metadata?.deletionTimestamp !== undefined
  }

  test('eviction without a budget deletes, and says why', async () => {
    await aPod('p')
    const answer = await evict('p')
    assert.deepEqual([answer.status, answer.code], ['Success', 201])
    const pod = await requests.get(pods, named('p'))
    assert.equal(
      pod.status?.conditions?.find(({ type }) => type === 'DisruptionTarget')?.reason,
      'EvictionByEvictionAPI',
    )
    assert(pod.metadata?.deletionTimestamp)
  })

  test('eviction takes a disruption off the budget, and is refused when none is left', async () => {
    await aPod('p')
    await aPod('q')
    await aBudget({ disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 })
    await evict('p', undefined, true)
    assert.equal(await isDeleting('p'), false)
    await evict('p')
    const { status } = await requests.get(podDisruptionBudgets, named('budget'))
    assert.equal(status?.disruptionsAllowed, 0)
    assert.deepEqual(Object.keys(status?.disruptedPods ?? {}), ['p'])
    assert.equal(status?.conditions?.[0]?.reason, 'InsufficientPods')
    const failure = await evict('q').catch((error: unknown) => error)
    assert(failure instanceof StatusError)
    assert.equal(failure.status.code, 429)
    assert.equal(failure.message, "Cannot evict pod as it would violate the pod's disruption budget.")
    assert.deepEqual(failure.status.details?.causes, [
      {
        reason: 'DisruptionBudget',
        message: 'The disruption budget budget needs 1 healthy pods and has 2 currently',
      },
    ])
    assert.equal(await isDeleting('q'), false)
  })

  test('eviction takes what clients before 1.22 send', async () => {
    await aPod('p')
    const post = (eviction: object) =>
      requests.send(
        pods,
        named('p'),
        {
          verb: 'create',
          body: {
            type: 'bytes',
            mediaType: 'application/json',
            bytes: Buffer.from(JSON.stringify({ kind: 'Eviction', metadata: named('p'), ...eviction })),
          },
          options: { fieldValidation: 'Strict' },
        },
        'eviction',
      )
    assert.match(await refusal(post({ apiVersion: 'policy/v1beta2' })), /^400 BadRequest: /)
    assert.match(
      await refusal(post({ apiVersion: 'policy/v1beta1', bogus: 1 })),
      /^400 BadRequest: .*unknown field "bogus"/,
    )
    await post({ apiVersion: 'policy/v1beta1' })
    assert.equal(await isDeleting('p'), true)
  })

  test('eviction waits for the controller to have seen the budget', async () => {
    await aPod('p')
    await aBudget({ observedGeneration: 0, disruptionsAllowed: 1 })
    const failure = await evict('p').catch((error: unknown) => error)
    assert(failure instanceof StatusError)
    assert.equal(failure.status.details?.retryAfterSeconds, 10)
  })

  test('eviction lets pods go that no budget loses by', async () => {
    await aBudget({ disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 })
    await aPod('pending', false, 'Pending')
    await aPod('done', false, 'Succeeded')
    await aPod('unready', false)
    for (const name of ['pending', 'done', 'unready'])
      assert.equal((await evict(name)).status, 'Success', name)
  })

  test('eviction refuses two budgets, wrong names and preconditions that do not hold', async () => {
    await aPod('p')
    const wrong = { preconditions: { uid: 'other' } }
    assert.match(await refusal(evict('p', wrong)), /^409 Conflict/)
    assert.match(
      await refusal(requests.post(pods, named('p'), 'eviction', { metadata: named('q') })),
      /^400 BadRequest: name in URL does not match name in Eviction object/,
    )
    await aBudget({ disruptionsAllowed: 1 }, 'one')
    await aBudget({ disruptionsAllowed: 1 }, 'two')
    assert.match(await refusal(evict('p')), /^500 : This pod has more than one PodDisruptionBudget/)
  })
})
