import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps, secrets } from '../../api/generated/resources.ts'
import type { ObjectMeta } from '../../machinery/meta.ts'
import { createGraph, type Task } from './graph.ts'

function child(uid: string, ownerName: string, namespace = 'n'): ObjectMeta {
  const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name: ownerName, uid: 'owner' }]
  return { namespace, name: uid, uid, ownerReferences }
}

const uids = (tasks: readonly Task[]) => tasks.map(({ uid }) => uid)

void describe('disprove', () => {
  void it('goes on with the names that other dependents call the owner by, until none is left', () => {
    const graph = createGraph()
    assert.deepEqual(uids(graph.set(secrets, child('a', 'wrong'))), ['owner'])
    assert.deepEqual(uids(graph.set(secrets, child('b', 'right'))), [])
    assert.deepEqual(uids(graph.disprove('owner')), ['owner', 'a', 'b'])
    const { origin, dependents } = graph.get('owner')!
    assert.equal(origin.type === 'virtual' && origin.reference.name, 'right')
    assert.equal(dependents.size, 2)
    assert.deepEqual(uids(graph.disprove('owner')), ['a', 'b'])
    assert.equal(graph.get('owner'), undefined)
  })

  void it('leaves an owner alone that was seen meanwhile', () => {
    const graph = createGraph()
    graph.set(secrets, child('a', 'owner'))
    graph.set(configMaps, { namespace: 'n', name: 'owner', uid: 'owner' })
    assert.deepEqual(graph.disprove('owner'), [])
    assert.equal(graph.get('owner')!.dependents.size, 1)
  })
})

void describe('set', () => {
  void it('tells of dependents that are in another namespace than the owner once that is seen', () => {
    const misplaced: unknown[] = []
    const graph = createGraph(({ metadata }, { name }) => misplaced.push([metadata.name, name]))
    graph.set(secrets, child('a', 'owner', 'other'))
    graph.set(secrets, child('b', 'owner'))
    assert.deepEqual(uids(graph.set(configMaps, { namespace: 'n', name: 'owner', uid: 'owner' })), ['a'])
    assert.deepEqual(misplaced, [['a', 'owner']])
  })
})
