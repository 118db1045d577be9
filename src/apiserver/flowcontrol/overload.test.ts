import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { suggestedFlowSchemas, suggestedPriorityLevels } from '../../api/flowcontrol/suggested.ts'
import { createMetrics } from '../../machinery/metrics.ts'
import type { Resource } from '../../machinery/resource.ts'
import { seededRandom } from '../../machinery/random.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import type { Objects } from '../objects.ts'
import type { RequestInfo } from '../request-info.ts'
import { FlowControl } from './flow-control.ts'

const longestServiceMs = 5
const serverSeats = 600
const others = 20

/** A server whose requests take one to five milliseconds each, in the suggested configuration. */
function simulatedServer() {
  const clock = fakeClock()
  const random = seededRandom(5)
  const suggested: Readonly<Record<string, object>> = {
    flowschemas: suggestedFlowSchemas,
    prioritylevelconfigurations: suggestedPriorityLevels,
  }
  const objects = {
    list: ({ resource }: Resource) =>
      Object.entries(suggested[resource]!).map(([name, spec]) => ({
        metadata: { name },
        spec: spec as unknown,
      })) as KubernetesObject[],
  } as unknown as Objects
  const flowControl = new FlowControl({
    objects,
    serverSeats,
    statistics: () => undefined,
    clock,
    metrics: createMetrics(),
  })
  /** How long a request of `name` takes in all; undefined when it is turned away. */
  async function request(name: string): Promise<number | undefined> {
    const startedMs = clock.monotonic()
    const admission = await flowControl.admit({
      info,
      user: { name, groups: ['system:authenticated'] },
      query: new URLSearchParams(),
      waitLimitMs: 15_000,
      signal: () => new AbortController().signal,
    })
    if (admission.type === 'rejected') return undefined
    await new Promise<void>((resolve) => clock.after(1 + random.next() * (longestServiceMs - 1), resolve))
    admission.end()
    return clock.monotonic() - startedMs
  }
  return { clock, request }
}

const info: RequestInfo = {
  isResourceRequest: true,
  path: '/api/v1/namespaces/default/configmaps/a',
  verb: 'get',
  apiPrefix: 'api',
  group: '',
  version: 'v1',
  namespace: 'default',
  resource: 'configmaps',
  subresource: '',
  name: 'a',
  parts: ['configmaps', 'a'],
}

/** What the other clients measure for a while, while one has so many requests under way at all times. */
async function measure(overloadRequests: number): Promise<readonly number[]> {
  const { clock, request } = simulatedServer()
  const measured: number[] = []
  const run = { isOver: false }
  const insist = async () => {
    while (!run.isOver) {
      const took = await request('greedy')
      if (took === undefined) await new Promise<void>((resolve) => clock.after(1, resolve))
    }
  }
  const greedy = Array.from({ length: overloadRequests }, insist)
  await clock.advance(50)
  const own: Promise<void>[] = []
  for (let round = 0; round < 15; round++) {
    for (let other = 0; other < others; other++) {
      own.push(
        request(`modest-${other}`).then((took) => {
          assert.ok(took !== undefined, 'a modest client is turned away')
          measured.push(took)
        }),
      )
      await clock.advance(2)
    }
  }
  run.isOver = true
  await clock.advance(400)
  await Promise.all([...own, ...greedy])
  return measured.toSorted((a, b) => a - b)
}

test('under an overload by one client, 99 of 100 requests of the others take at most twice their time', async () => {
  const [calm, loaded] = [await measure(0), await measure(300)]
  assert.equal(calm.length, loaded.length)
  const p99 = (sorted: readonly number[]) => sorted[Math.floor(sorted.length * 0.99)]!
  assert.ok(p99(calm) <= longestServiceMs)
  assert.ok(p99(loaded) <= 2 * p99(calm), `${p99(loaded)} ms against ${p99(calm)} ms`)
})
