import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Container, Pod } from '../../../src/api/generated/core.v1.ts'
import { pods } from '../../../src/api/generated/resources.ts'
import { aPod, server } from '../harness/objects.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { untilObject } from '../harness/until-object.ts'

type Resources = NonNullable<Container['resources']>

const guaranteed = (...amounts: readonly (readonly [cpu: string, memory: string])[]): readonly Resources[] =>
  amounts.map(([cpu, memory]) => ({ requests: { cpu, memory }, limits: { cpu, memory } }))
const burstable = (requests: Resources['requests'], limits?: Resources['limits']): Resources => ({
  ...(requests && { requests }),
  ...(limits && { limits }),
})

const containersOf = (all: readonly Resources[]): readonly Container[] =>
  all.map((resources, index) => ({ ...server, name: `c${index + 1}`, resources }))

/** All of it has happened: the node tells the new amounts, and that nothing is left to do. */
function isResized({ metadata, spec, status }: Pod): boolean {
  const isDone =
    status?.observedGeneration === metadata?.generation &&
    !status?.conditions?.some(({ type }) => type === 'PodResizePending' || type === 'PodResizeInProgress') &&
    status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true
  return (
    isDone &&
    spec!.containers.every(({ name, resources }) => {
      const told = status?.containerStatuses?.find((each) => each.name === name)
      return JSON.stringify(told?.resources) === JSON.stringify(resources)
    })
  )
}

describe('pods are resized where they run:', { concurrency: true }, () => {
  const cluster = sharedCluster({ nodes: 1 })
  const untilResized = ({ client, namespace }: Scope) =>
    untilObject(client, pods, { namespace, name: 'one' }, isResized)

  async function check(scope: Scope, wanted: readonly Resources[]): Promise<void> {
    const { metadata, spec, status } = await untilResized(scope)
    assert.deepEqual(
      spec?.containers.map(({ resources }) => resources),
      wanted,
    )
    assert.deepEqual(
      status?.containerStatuses?.map(({ restartCount }) => restartCount),
      wanted.map(() => 0),
    )
    assert.equal(status?.observedGeneration, metadata?.generation)
  }

  /** Asks for other amounts, and waits until they are had. */
  async function resize(scope: Scope, wanted: readonly Resources[]): Promise<void> {
    const { client, namespace } = scope
    const containers = containersOf(wanted).map(({ name, resources }) => ({ name, resources }))
    const patch = { type: 'strategic', body: { spec: { containers } } } as const
    await client.patch(pods, { namespace, name: 'one' }, patch, { subresource: 'resize' })
    await check(scope, wanted)
  }

  const original = guaranteed(['20m', '35Mi'], ['22m', '37Mi'], ['24m', '39Mi'])
  const rows: readonly (readonly [title: string, from: readonly Resources[], to: readonly Resources[]])[] = [
    ['up as a whole', original, guaranteed(['25m', '40Mi'], ['27m', '42Mi'], ['19m', '34Mi'])],
    ['down as a whole', original, guaranteed(['25m', '40Mi'], ['17m', '32Mi'], ['19m', '34Mi'])],
    ['some up and some down', original, guaranteed(['25m', '35Mi'], ['17m', '42Mi'], ['29m', '44Mi'])],
    [
      'to amounts that the kernel does not tell apart',
      [burstable({ cpu: '2m' }, { cpu: '10m' })],
      [burstable({ cpu: '1m' }, { cpu: '5m' })],
    ],
  ]
  for (const [title, from, to] of rows) {
    it(title, async () => {
      const scope = await cluster.scope()
      const { client, namespace } = scope
      await client.create(pods, aPod(namespace, 'one', { containers: containersOf(from) }))
      await check(scope, from)
      for (const wanted of [to, from]) await resize(scope, wanted)
    })
  }

  it('with requests and limits that they had not', async () => {
    const scope = await cluster.scope()
    const { client, namespace } = scope
    const from = [
      burstable({ cpu: '20m' }),
      burstable({ memory: '35Mi' }),
      burstable({ cpu: '20m', memory: '35Mi' }),
      burstable({ cpu: '20m' }),
      burstable({ memory: '35Mi' }),
    ]
    const to = [
      burstable({ cpu: '25m' }, { cpu: '35m' }),
      burstable({ memory: '30Mi' }, { memory: '50Mi' }),
      burstable({ cpu: '20m', memory: '30Mi' }),
      burstable({ cpu: '15m', memory: '35Mi' }),
      burstable({ cpu: '20m', memory: '40Mi' }),
    ]
    await client.create(pods, aPod(namespace, 'one', { containers: containersOf(from) }))
    await check(scope, from)
    await resize(scope, to)
  })

  it('by a pod that is read from there and written back', async () => {
    const scope = await cluster.scope()
    const { api, client, namespace } = scope
    const wanted = guaranteed(['25m', '35Mi'], ['17m', '42Mi'], ['29m', '44Mi'])
    await client.create(pods, aPod(namespace, 'one', { containers: containersOf(original) }))
    await check(scope, original)
    const path = `/api/v1/namespaces/${namespace}/pods/one`
    const read = (await api('GET', `${path}/resize`)).json as Pod
    const containers = read.spec!.containers.map((container, index) => {
      return { ...container, resources: wanted[index]! }
    })
    const written = await client.update(
      pods,
      { ...read, spec: { ...read.spec!, containers } },
      { subresource: 'resize' },
    )
    assert.equal(written.metadata?.generation, 2)
    await check(scope, wanted)
    assert.deepEqual((await api('GET', `${path}/resize`)).json, (await api('GET', path)).json)
  })
})
