import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import * as fc from 'fast-check'
import { configMaps } from '../../api/generated/resources.ts'
import type { ConfigMap } from '../../api/generated/core.v1.ts'
import { silentLogger } from '../../machinery/log.ts'
import { keyOf } from '../../machinery/resource.ts'
import { createInformerCache } from './cache.ts'

function configMap(
  name: string,
  version: number,
  labels: Record<string, string> = {},
  uid = name,
): ConfigMap {
  return { metadata: { namespace: 'n', name, uid, resourceVersion: String(version), labels } }
}

void describe('createInformerCache', () => {
  void it('tells handlers what there is and then every change, in order', () => {
    const cache = createInformerCache(configMaps, silentLogger)
    cache.replace([configMap('a', 1)], '5')
    const seen: string[] = []
    const end = cache.onChange(({ type, object }) => seen.push(`${type} ${keyOf(object)}`))
    cache.set(configMap('b', 6))
    cache.set(configMap('a', 7))
    cache.delete(configMap('b', 8))
    end()
    cache.set(configMap('c', 9))
    assert.deepEqual(seen, ['added n/a', 'added n/b', 'updated n/a', 'deleted n/b'])
    assert.equal(cache.resourceVersion, 9n)
  })

  void it('tells only differences when it is replaced, and two objects of one name apart', () => {
    const cache = createInformerCache(configMaps, silentLogger)
    cache.replace(
      [configMap('same', 1), configMap('changed', 2), configMap('gone', 3), configMap('new', 4)],
      '4',
    )
    const seen: string[] = []
    cache.onChange(({ type, object }) => seen.push(`${type} ${object.metadata?.uid}`))
    seen.length = 0
    cache.replace([configMap('same', 1), configMap('changed', 9), configMap('new', 8, {}, 'other')], '10')
    assert.deepEqual(seen, ['updated changed', 'deleted new', 'added other', 'deleted gone'])
  })

  void it('goes on when a handler throws', () => {
    const cache = createInformerCache(configMaps, silentLogger)
    let count = 0
    cache.onChange(() => {
      throw new Error('broken')
    })
    cache.onChange(() => count++)
    cache.set(configMap('a', 1))
    assert.equal(count, 1)
  })

  void it('waits until a version is seen, by an object or a bookmark', async () => {
    const cache = createInformerCache(configMaps, silentLogger)
    cache.replace([], '5')
    await cache.waitFor('5')
    const seen: string[] = []
    const waits = ['6', '7'].map((version) => cache.waitFor(version).then(() => seen.push(version)))
    cache.set(configMap('a', 6))
    await waits[0]
    assert.deepEqual(seen, ['6'])
    cache.advance('8')
    await Promise.all(waits)
    await cache.waitFor('100', AbortSignal.abort())
  })

  void it('keeps indexes equal to what a scan finds', () => {
    const change = fc.record({
      name: fc.constantFrom('a', 'b', 'c'),
      colour: fc.constantFrom('red', 'blue', undefined),
      gone: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const cache = createInformerCache(configMaps, silentLogger)
        const colours = (object: ConfigMap) => Object.values(object.metadata?.labels ?? {})
        cache.addIndex('early', colours)
        let version = 0
        for (const { name, colour, gone } of changes) {
          const object = configMap(name, ++version, colour === undefined ? {} : { colour })
          if (gone) cache.delete(object)
          else cache.set(object)
        }
        cache.addIndex('late', colours)
        for (const colour of ['red', 'blue', 'green']) {
          const scan = cache.list().filter((object) => colours(object).includes(colour))
          for (const index of ['early', 'late'])
            assert.deepEqual(new Set(cache.byIndex(index, colour)), new Set(scan))
        }
        assert.deepEqual(new Set(cache.list('n')), new Set(cache.list()))
        assert.deepEqual(cache.list('other'), [])
      }),
    )
  })
})
