import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps } from '../../../src/api/generated/resources.ts'
import type { ConfigMap } from '../../../src/api/generated/core.v1.ts'
import { sharedCluster, type Scope } from '../harness/shared-cluster.ts'
import { readEvents } from '../harness/until-object.ts'

type Told = readonly [type: string, name: string | undefined, mutation: string | undefined]

function summary({ type, object }: { type: string; object: ConfigMap }): Told {
  return [type, object.metadata?.name, object.data?.['mutation']]
}

const create = ({ client, namespace }: Scope, name: string, label: string) =>
  client.create(configMaps, { metadata: { namespace, name, labels: { watched: label } } })

const mutate = ({ client, namespace }: Scope, name: string, mutation: number, label?: string) => {
  const metadata = label === undefined ? undefined : { labels: { watched: label } }
  const body = { ...(metadata && { metadata }), data: { mutation: String(mutation) } }
  return client.patch(configMaps, { namespace, name }, { type: 'merge', body })
}

const remove = ({ client, namespace }: Scope, name: string) => client.delete(configMaps, { namespace, name })

const watch = ({ client, namespace }: Scope, labelSelector: string, resourceVersion = '') =>
  readEvents(client, configMaps, { namespace, labelSelector, ...(resourceVersion && { resourceVersion }) })

describe('watches', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('tell of what is added, changed and deleted, each what its selector takes', async () => {
    const scope = await cluster.scope()
    const empty = await scope.client.list(configMaps, { namespace: scope.namespace })
    const resourceVersion = empty.metadata?.resourceVersion ?? ''
    const watches = ['watched=a', 'watched=b', 'watched in (a,b)'].map((selector) =>
      watch(scope, selector, resourceVersion),
    )
    await create(scope, 'a', 'a')
    await mutate(scope, 'a', 1)
    await mutate(scope, 'a', 2)
    await remove(scope, 'a')
    await create(scope, 'b', 'b')
    await remove(scope, 'b')
    const ofA: readonly Told[] = [
      ['ADDED', 'a', undefined],
      ['MODIFIED', 'a', '1'],
      ['MODIFIED', 'a', '2'],
      ['DELETED', 'a', '2'],
    ]
    const ofB: readonly Told[] = [
      ['ADDED', 'b', undefined],
      ['DELETED', 'b', undefined],
    ]
    for (const [index, expected] of [ofA, ofB, [...ofA, ...ofB]].entries()) {
      for (const told of expected) assert.deepEqual(summary(await watches[index]!.next()), told)
      watches[index]!.close()
    }
  })

  it('begin at a version in the past', async () => {
    const scope = await cluster.scope()
    await create(scope, 'one', 'old')
    const first = await mutate(scope, 'one', 1)
    await mutate(scope, 'one', 2)
    await remove(scope, 'one')
    const events = watch(scope, 'watched=old', first.metadata?.resourceVersion)
    assert.deepEqual(summary(await events.next()), ['MODIFIED', 'one', '2'])
    assert.deepEqual(summary(await events.next()), ['DELETED', 'one', '2'])
    events.close()
  })

  it('go on from the last version that another one told', async () => {
    const scope = await cluster.scope()
    const empty = await scope.client.list(configMaps, { namespace: scope.namespace })
    const first = watch(scope, 'watched=again', empty.metadata?.resourceVersion)
    await create(scope, 'one', 'again')
    await mutate(scope, 'one', 1)
    assert.deepEqual(summary(await first.next()), ['ADDED', 'one', undefined])
    const last = await first.next()
    assert.deepEqual(summary(last), ['MODIFIED', 'one', '1'])
    first.close()

    await mutate(scope, 'one', 2)
    await remove(scope, 'one')
    const second = watch(scope, 'watched=again', last.object.metadata?.resourceVersion)
    assert.deepEqual(summary(await second.next()), ['MODIFIED', 'one', '2'])
    assert.deepEqual(summary(await second.next()), ['DELETED', 'one', '2'])
    second.close()
  })

  it('tell of objects that leave and enter their selector as deleted and added', async () => {
    const scope = await cluster.scope()
    const empty = await scope.client.list(configMaps, { namespace: scope.namespace })
    const events = watch(scope, 'watched=in', empty.metadata?.resourceVersion)
    await create(scope, 'one', 'in')
    await mutate(scope, 'one', 1)
    await mutate(scope, 'one', 1, 'out')
    await mutate(scope, 'one', 2)
    await mutate(scope, 'one', 3, 'in')
    await mutate(scope, 'one', 4)
    await remove(scope, 'one')
    const expected: readonly Told[] = [
      ['ADDED', 'one', undefined],
      ['MODIFIED', 'one', '1'],
      ['DELETED', 'one', '1'],
      ['ADDED', 'one', '3'],
      ['MODIFIED', 'one', '4'],
      ['DELETED', 'one', '4'],
    ]
    for (const told of expected) assert.deepEqual(summary(await events.next()), told)
    events.close()
  })

  it('tell the same in the same order, from wherever they begin', async () => {
    const scope = await cluster.scope()
    const writes = (async () => {
      for (let round = 0; round < 20; round++) {
        await create(scope, `map-${round}`, 'many')
        await mutate(scope, `map-${round}`, round)
        await remove(scope, `map-${round}`)
      }
    })()
    const versionOf = ({ object }: { object: ConfigMap }) => object.metadata?.resourceVersion ?? ''
    const first = watch(scope, 'watched=many')
    const seen = [versionOf(await first.next())]
    const others = [watch(scope, 'watched=many', seen[0])]
    while (seen.length < 60) {
      const version = versionOf(await first.next())
      seen.push(version)
      if (seen.length < 60) others.push(watch(scope, 'watched=many', version))
    }
    await writes
    for (const [start, other] of others.entries()) {
      for (const version of seen.slice(start + 1)) assert.equal(versionOf(await other.next()), version)
      other.close()
    }
    first.close()
  })
})
