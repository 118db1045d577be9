import assert from 'node:assert/strict'
import { recordWatch } from '../recorded-watch.ts'
import { bytes, describeEvent } from '../store-fixture.ts'
import { createAll, described, type Criterion } from './criterion.ts'

export function watching(criterion: Criterion): void {
  criterion('watch delivers every later change under its prefix, in order', async (store) => {
    const before = await store.create('/a/0', bytes('zero'))
    const watch = recordWatch(store, '/a/', before.revision)
    const one = await store.create('/a/1', bytes('one'))
    await store.create('/b/1', bytes('elsewhere'))
    await store.create('/aa', bytes('elsewhere'))
    const two = await store.update('/a/1', bytes('two'), one.revision)
    await store.delete('/a/1', two.revision)
    await watch.until(() => watch.events.length >= 3)
    assert.deepEqual(watch.events.map(describeEvent), [
      'create /a/1 as one',
      'update /a/1 to two of one',
      'delete /a/1 of two',
    ])
    const [created, , deleted] = watch.events
    assert.deepEqual(created?.type === 'put' && described(created.entry), described(one))
    assert.ok(deleted?.type === 'delete' && deleted.revision > two.revision)
    assert.deepEqual(described(deleted.previous), described(two))
  })

  criterion('watch from the past replays what happened since', async (store) => {
    const start = await store.currentRevision()
    const one = await store.create('/a/1', bytes('one'))
    await store.delete('/a/1', one.revision)
    await store.create('/a/1', bytes('two'))
    const all = recordWatch(store, '/a/', start)
    const some = recordWatch(store, '/a/', one.revision)
    await store.create('/a/2', bytes('three'))
    await all.until(() => all.events.length >= 4)
    await some.until(() => some.events.length >= 3)
    const expected = [
      'create /a/1 as one',
      'delete /a/1 of one',
      'create /a/1 as two',
      'create /a/2 as three',
    ]
    assert.deepEqual(all.events.map(describeEvent), expected)
    assert.deepEqual(some.events.map(describeEvent), expected.slice(1))
  })

  criterion('watch after a revision that is not reached waits for it', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start + 2n)
    for (const name of ['1', '2', '3', '4']) await store.create(`/a/${name}`, bytes(name))
    await watch.until(() => watch.events.length >= 2)
    assert.deepEqual(watch.events.map(describeEvent), ['create /a/3 as 3', 'create /a/4 as 4'])
  })

  criterion('watches of one key, a prefix, a longer one and everything each get their own', async (store) => {
    const start = await store.currentRevision()
    const prefixes = ['/a/1', '/a/', '/a/b/', '/', '/c/']
    const watches = prefixes.map((prefix) => recordWatch(store, prefix, start))
    await createAll(store, ['/a/1', '/a/b/1', '/d/1'])
    const expected = [['/a/1'], ['/a/1', '/a/b/1'], ['/a/b/1'], ['/a/1', '/a/b/1', '/d/1'], []]
    for (const [index, watch] of watches.entries()) {
      await watch.until(() => watch.events.length >= expected[index]!.length)
      assert.deepEqual(
        watch.events.map((event) => event.type === 'put' && event.entry.key),
        expected[index],
      )
    }
  })

  criterion('watch tells its progress when asked, after what came before', async (store) => {
    const start = await store.currentRevision()
    const quiet = recordWatch(store, '/quiet/', start)
    const busy = recordWatch(store, '/busy/', start)
    const last = await createAll(store, ['/busy/1', '/busy/2', '/busy/3'])
    await quiet.reaches(last.revision)
    await busy.reaches(last.revision)
    assert.equal(quiet.events.length, 0)
    assert.equal(busy.events.length, 3)
  })

  criterion('close ends a watch once, without error and without further events', async (store) => {
    const start = await store.currentRevision()
    const watch = recordWatch(store, '/a/', start)
    const other = recordWatch(store, '/a/', start)
    await store.create('/a/1', bytes('one'))
    await watch.until(() => watch.events.length === 1)
    watch.close()
    watch.close()
    assert.equal(await watch.ended, undefined)
    await store.create('/a/2', bytes('two'))
    await other.until(() => other.events.length === 2)
    assert.equal(watch.events.length, 1)
    assert.equal(watch.ends, 1)
  })

  criterion('a watch whose handler fails ends with the failure and disturbs no other', async (store) => {
    const start = await store.currentRevision()
    const failure = new Error('cannot handle this')
    const ended = Promise.withResolvers<Error | undefined>()
    store.watch('/a/', start, {
      onEvents() {
        throw failure
      },
      onEnd: ended.resolve,
    })
    const other = recordWatch(store, '/a/', start)
    await store.create('/a/1', bytes('one'))
    assert.equal(await ended.promise, failure)
    await store.create('/a/2', bytes('two'))
    await other.until(() => other.events.length === 2)
  })

  criterion('writing from a handler keeps the order of events', async (store) => {
    const start = await store.currentRevision()
    const answers: Promise<unknown>[] = []
    store.watch('/ask/', start, {
      onEvents: (events) => answers.push(...events.map(() => store.create('/answer/1', bytes('yes')))),
      onEnd() {},
    })
    const watch = recordWatch(store, '/', start)
    await store.create('/ask/1', bytes('well?'))
    await watch.until(() => watch.events.length === 2)
    await Promise.all(answers)
    assert.deepEqual(watch.events.map(describeEvent), ['create /ask/1 as well?', 'create /answer/1 as yes'])
  })
}
