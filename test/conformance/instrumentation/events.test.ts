import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Event } from '../../../src/api/generated/core.v1.ts'
import type { Event as EventV1 } from '../../../src/api/generated/events.v1.ts'
import { events, eventsV1 } from '../../../src/api/generated/resources.ts'
import { sharedCluster } from '../harness/shared-cluster.ts'

const seconds = '2017-09-19T13:49:16Z'
const micros = '2017-09-19T13:49:16.000000Z'

function aCoreEvent(namespace: string, name: string, labels: Readonly<Record<string, string>>): Event {
  return {
    metadata: { namespace, name, labels },
    message: 'This is a test event',
    reason: 'Test',
    type: 'Normal',
    count: 1,
    involvedObject: { namespace },
    source: { component: 'test' },
    firstTimestamp: seconds,
  }
}

function anEvent(namespace: string, name: string, label: string): EventV1 {
  return {
    metadata: { namespace, name, labels: { [label]: 'true' } },
    regarding: { namespace },
    eventTime: micros,
    note: `This is ${name}`,
    action: 'Do',
    reason: 'Test',
    type: 'Normal',
    reportingController: 'test-controller',
    reportingInstance: 'test-node',
  }
}

/** Without what the server writes at each change. */
function bare(object: EventV1): object {
  const { resourceVersion: _, managedFields: __, ...metadata } = object.metadata ?? {}
  return { ...object, metadata }
}

describe('events of core/v1', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are created, listed, patched, updated with a series, and deleted', async () => {
    const { client, namespace } = await cluster.scope()
    const label = `event-${namespace}`
    const name = { namespace, name: 'event' }
    await client.create(events, aCoreEvent(namespace, 'event', { [label]: 'true' }))
    const { items } = await client.list(events, { labelSelector: `${label}=true` })
    assert.deepEqual(
      items.map(({ metadata }) => metadata?.namespace),
      [namespace],
    )

    const body = { message: 'patched', reason: 'Patched' }
    await client.patch(events, name, { type: 'strategic', body })
    const patched = await client.get(events, name)
    assert.equal(patched.message, 'patched')

    const series = { count: 100, lastObservedTime: micros }
    await client.update(events, {
      ...patched,
      series,
      action: 'Do',
      reportingComponent: 'c',
      reportingInstance: 'i',
    })
    const updated = await client.get(events, name)
    assert.equal(updated.series?.count, 100)
    assert.equal(updated.message, 'patched')

    await client.delete(events, name)
    assert.deepEqual((await client.list(events, { labelSelector: `${label}=true` })).items, [])
  })

  it('are deleted together', async () => {
    const { client, namespace } = await cluster.scope()
    const labelSelector = 'testevent-set=true'
    for (const name of ['test-event-1', 'test-event-2', 'test-event-3']) {
      await client.create(events, aCoreEvent(namespace, name, { 'testevent-set': 'true' }))
    }
    assert.equal((await client.list(events, { namespace, labelSelector })).items.length, 3)
    await client.deleteCollection(events, { namespace, labelSelector })
    assert.deepEqual((await client.list(events, { namespace, labelSelector })).items, [])
  })
})

describe('events of events.k8s.io', { concurrency: true }, () => {
  const cluster = sharedCluster()

  it('are created, selected by field, patched, updated with a series, and deleted', async () => {
    const { client, namespace } = await cluster.scope()
    const name = { namespace, name: 'event-test' }
    await client.create(eventsV1, anEvent(namespace, 'event-test', namespace))
    const labelSelector = `${namespace}=true`
    for (const scope of [{}, { namespace }]) {
      const { items } = await client.list(eventsV1, { ...scope, labelSelector })
      assert.deepEqual(
        items.map(({ metadata }) => metadata?.name),
        ['event-test'],
      )
    }
    const bySource = await client.list(events, { namespace, fieldSelector: 'source=test-controller' })
    assert.deepEqual(
      bySource.items.map(({ metadata }) => metadata?.name),
      ['event-test'],
    )
    const fieldSelector = 'reportingController=test-controller'
    const byReporter = await client.list(eventsV1, { namespace, fieldSelector })
    assert.deepEqual(
      byReporter.items.map(({ metadata }) => metadata?.name),
      ['event-test'],
    )

    const made = await client.get(eventsV1, name)
    const note = 'This is a test event - patched'
    await client.patch(eventsV1, name, { type: 'strategic', body: { note } })
    const patched = await client.get(eventsV1, name)
    assert.deepEqual(bare(patched), bare({ ...made, note }))

    const series = { count: 100, lastObservedTime: micros }
    const { resourceVersion: _, ...metadata } = patched.metadata ?? {}
    await client.update(eventsV1, { ...patched, metadata, series })
    assert.deepEqual(bare(await client.get(eventsV1, name)), bare({ ...patched, series }))

    await client.delete(eventsV1, name)
    for (const scope of [{}, { namespace }]) {
      assert.deepEqual((await client.list(eventsV1, { ...scope, labelSelector })).items, [])
    }
  })

  it('are deleted as a collection', async () => {
    const { client, namespace } = await cluster.scope()
    const labelSelector = 'testevent-set=true'
    for (const name of ['test-event-1', 'test-event-2', 'test-event-3']) {
      await client.create(eventsV1, anEvent(namespace, name, 'testevent-set'))
    }
    assert.equal((await client.list(eventsV1, { namespace, labelSelector })).items.length, 3)
    await client.deleteCollection(eventsV1, { namespace, labelSelector })
    assert.deepEqual((await client.list(eventsV1, { namespace, labelSelector })).items, [])
  })
})
