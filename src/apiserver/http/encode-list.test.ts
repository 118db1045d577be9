import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConfigMap } from '../../api/generated/core.v1.ts'
import { configMaps } from '../../api/generated/resources.ts'
import { encodeArranged, arrangeObject } from '../storage/object-encoding.ts'
import { storedType, StoredObject } from '../storage/stored-object.ts'
import type { ServedResource } from '../registry/served-resource.ts'
import { encodeJsonList } from './encode-list.ts'

const type = storedType(configMaps)

function aStoredConfigMap(index: number): StoredObject<ConfigMap> {
  const metadata = { name: `c${index}`, namespace: 'default', uid: String(index) }
  const object = { metadata, data: { text: `${index} ${'x'.repeat((index * 37) % 3000)}` } }
  const value = encodeArranged(arrangeObject(configMaps, object as ConfigMap))
  return new StoredObject(type, `default/c${index}`, BigInt(index + 1), { value })
}

test('encodeJsonList makes a piece in the place of one that is given back, and of no other', () => {
  const items = Array.from({ length: 1500 }, (_, index) => aStoredConfigMap(index))
  const served = {
    definition: {},
    resource: configMaps,
    apiVersion: 'v1',
    isCustom: false,
    sendsStored: true,
  }
  const list = () => encodeJsonList(served as unknown as ServedResource, { items, revision: 9n })
  const expected = Buffer.concat([...list().pieces]).toString()
  const names = (JSON.parse(expected) as { items: { metadata: { name: string } }[] }).items
  assert.deepEqual(
    names.map(({ metadata }) => metadata.name),
    items.map(({ name }) => name),
  )
  for (const keepsEvery of [1, 2, 3]) {
    const { pieces } = list()
    const iterator = pieces[Symbol.iterator]()
    const texts: string[] = []
    const kept: { readonly piece: Buffer; readonly text: string }[] = []
    const places = new Set<ArrayBufferLike>()
    let free: Buffer | undefined
    for (let next = iterator.next(free); !next.done; next = iterator.next(free)) {
      texts.push(next.value.toString())
      places.add(next.value.buffer)
      free = texts.length % keepsEvery === 0 ? next.value : undefined
      if (!free) kept.push({ piece: next.value, text: texts.at(-1)! })
    }
    assert.equal(texts.join(''), expected)
    for (const { piece, text } of kept) assert.equal(piece.toString(), text)
    if (keepsEvery === 1)
      assert.ok(places.size < texts.length / 2, `${places.size} places, ${texts.length} pieces`)
  }
})
