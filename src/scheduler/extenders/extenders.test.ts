import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test, type TestContext as Test } from 'node:test'
import { silentLogger } from '../../machinery/log.ts'
import type { ExtenderConfiguration } from '../configuration/configuration.ts'
import { podInfo } from '../pod-info.ts'
import { aNode, aPod, aTable } from '../testing/builders.ts'
import { createExtenders } from './extenders.ts'

const withUid = (name: string) => {
  const pod = aPod(name)
  return { ...pod, metadata: { ...pod.metadata, uid: `uid-${name}` } }
}
const preemptor = podInfo(withUid('high'))
const [low, other] = [withUid('low'), withUid('other')]

/** Extenders over a server that answers all questions with `answer`, in turn; and what it was asked. */
async function extendersAnswered(
  test: Test,
  answers: readonly unknown[],
  more: readonly Partial<ExtenderConfiguration>[] = [{}],
) {
  const asked: unknown[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const answer = answers[asked.length]
      asked.push([request.url, JSON.parse(Buffer.concat(chunks).toString())])
      response.statusCode = answer === undefined ? 500 : 200
      response.end(JSON.stringify(answer ?? {}))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  test.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const table = aTable(
    [aNode('a'), aNode('b')],
    [
      [low, 'a'],
      [other, 'b'],
    ],
  )
  const configurations = more.map((one) => ({
    urlPrefix: `http://127.0.0.1:${port}`,
    preemptVerb: 'preempt',
    ...one,
  }))
  return { asked, extenders: createExtenders(configurations, { nodes: table, log: silentLogger }) }
}

const victims = new Map([
  ['a', { pods: [podInfo(low)], budgetViolations: 1 }],
  ['b', { pods: [podInfo(other)], budgetViolations: 0 }],
])
const meta = (uid: string, violations = 0) => ({ Pods: [{ UID: uid }], NumPDBViolations: violations })
const namesIn = (left: Awaited<ReturnType<ReturnType<typeof createExtenders>['processPreemption']>>) =>
  [...left].map(([node, { pods, budgetViolations }]) => [
    node,
    pods.map(({ pod }) => pod.metadata!.name),
    budgetViolations,
  ])

test('processPreemption tells extenders whole pods, and takes the victims that they leave', async (t) => {
  const { asked, extenders } = await extendersAnswered(t, [
    { NodeNameToMetaVictims: { a: meta('uid-low', 2) } },
  ])
  assert.equal(extenders.preempts(preemptor), true)
  assert.deepEqual(namesIn(await extenders.processPreemption(preemptor, victims)), [['a', ['low'], 2]])
  assert.deepEqual(asked, [
    [
      '/preempt',
      {
        Pod: preemptor.pod,
        NodeNameToVictims: {
          a: { Pods: [low], NumPDBViolations: 1 },
          b: { Pods: [other], NumPDBViolations: 0 },
        },
        NodeNameToMetaVictims: null,
      },
    ],
  ])
})

test('processPreemption tells uids to extenders that know nodes, one after the other', async (t) => {
  const { asked, extenders } = await extendersAnswered(
    t,
    [{ NodeNameToMetaVictims: { b: meta('uid-other') } }, { NodeNameToMetaVictims: null }],
    [{ nodeCacheCapable: true }, { nodeCacheCapable: true }],
  )
  assert.equal((await extenders.processPreemption(preemptor, victims)).size, 0)
  assert.deepEqual(
    asked.map((one) => (one as [string, object])[1]),
    [
      {
        Pod: preemptor.pod,
        NodeNameToVictims: null,
        NodeNameToMetaVictims: { a: meta('uid-low', 1), b: meta('uid-other') },
      },
      { Pod: preemptor.pod, NodeNameToVictims: null, NodeNameToMetaVictims: { b: meta('uid-other') } },
    ],
  )
})

const faults: readonly [what: string, answer: unknown, error: RegExp][] = [
  ['an error', undefined, /code 500$/],
  [
    'a node without victims',
    { NodeNameToMetaVictims: { a: { Pods: [] } } },
    /^Error: expected at least one victim pod on node "a"$/,
  ],
  [
    'an unknown node',
    { NodeNameToMetaVictims: { c: meta('uid-low') } },
    /^Error: nodeinfo not found for node name "c"$/,
  ],
  [
    'a pod that is elsewhere',
    { NodeNameToMetaVictims: { b: meta('uid-low') } },
    /claims to preempt pod \(UID: uid-low\) on node: b, but the pod is not found on that node$/,
  ],
]

for (const [what, answer, error] of faults) {
  test(`processPreemption fails for ${what}, unless the extender may be passed over`, async (t) => {
    const { extenders } = await extendersAnswered(t, [answer, answer], [{}])
    await assert.rejects(extenders.processPreemption(preemptor, victims), error)
    const lenient = await extendersAnswered(t, [answer], [{ ignorable: true }])
    const left = await lenient.extenders.processPreemption(preemptor, victims)
    assert.equal(left.size, what === 'a node without victims' ? 0 : 2)
  })
}

test('preempts is about extenders with a verb for it that are interested in the pod', async (t) => {
  const none = await extendersAnswered(
    t,
    [],
    [{ preemptVerb: '' }, { managedResources: [{ name: 'example.com/x' }] }],
  )
  assert.equal(none.extenders.preempts(preemptor), false)
})
