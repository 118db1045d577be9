import assert from 'node:assert/strict'
import { test } from 'node:test'
import { customResourceDefinitions } from '../../api/generated/resources.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { compressedBytes, keptBytes, outlineOf, type Bytes } from '../../store/large-value.ts'
import { bulkIn } from './bulk.ts'
import { arrangeObject, encodeArranged } from './object-encoding.ts'
import { StoredObject, storedType } from './stored-object.ts'

const bulkyField = 'bulk'
const metadata = { name: 'a', uid: 'u', labels: { one: '1' } }
const bulk = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field${index}`, 'a text']))
const value = encodeArranged(
  arrangeObject(customResourceDefinitions, { metadata, spec: { name: 'x', parts: [{ bulk }] } } as never),
)

/** Of which no more than the outline can be read. */
function damaged(): Bytes {
  const bytes = outlineOf(keptBytes(value, bulkIn(value, bulkyField)))!
  const frame = Buffer.from('no frame')
  return compressedBytes({ frame, length: value.length, outline: { bytes, bulk: [] } })
}

const outlined = { name: 'x', parts: [{ bulk: {} }] }
const normalize = ({ ...object }: KubernetesObject): Writable<KubernetesObject> => {
  const { spec } = object as { readonly spec?: object }
  return { ...object, spec: { ...spec, added: true } } as unknown as Writable<KubernetesObject>
}

for (const [name, more, spec] of [
  ['that was written now', {}, outlined],
  ['that was written with other defaults', { normalize, normalizedSince: 8n }, { ...outlined, added: true }],
] as const) {
  const type = storedType(customResourceDefinitions as never, { bulkyField, ...more })

  test(`StoredObject reads the outline and the metadata of an object ${name} without its bulk`, () => {
    const stored = new StoredObject(type, 'a', 7n, damaged())
    assert.deepEqual(stored.metadata, { ...metadata, resourceVersion: '7' })
    assert.deepEqual((stored.outline as { spec?: unknown }).spec, spec)
    assert.equal(stored.length, value.length)
    assert.throws(() => stored.object)
  })

  test(`StoredObject makes the same outline of the bytes of an object ${name} where none is kept`, () => {
    const [kept, whole] = [damaged(), keptBytes(value)].map((bytes) => new StoredObject(type, 'a', 7n, bytes))
    assert.deepEqual(whole!.outline, kept!.outline)
    assert.deepEqual((whole!.object as { spec?: unknown }).spec, { ...spec, parts: [{ bulk }] })
  })
}

test('StoredObject writes as long as it says what is kept compressed', () => {
  const type = storedType(customResourceDefinitions as never, { bulkyField })
  const stored = new StoredObject(type, 'a', 7n, keptBytes(value, bulkIn(value, bulkyField)))
  const target = Buffer.alloc(stored.encodedLength)
  assert.equal(stored.encodeInto(target, 0), target.length)
  assert.deepEqual(JSON.parse(target.toString()), stored.object)
})
