import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CustomResourceDefinition, JSONSchemaProps } from '../../api/generated/apiextensions.v1.ts'
import { systemClock } from '../../machinery/clock.ts'
import { silentLogger } from '../../machinery/log.ts'
import {
  bytesLength,
  compressedBytes,
  largeValueBytes,
  lazyEntry,
  outlineOf,
} from '../../store/large-value.ts'
import { MemoryStore } from '../../store/memory/memory-store.ts'
import type { Entry, Store } from '../../store/store.ts'
import { aDefinition, define, definitionsPath } from '../testing/custom-definitions.ts'
import { HttpsClient } from '../testing/https-client.ts'
import { startTestServer } from '../testing/test-server.ts'

const count = 12
const prefix = '/registry/apiextensions.k8s.io/customresourcedefinitions/'

/** A definition that is kept compressed, for its schema alone. */
function aLargeDefinition(index: number): CustomResourceDefinition {
  const described = (field: number): JSONSchemaProps => ({
    type: field === 0 ? 'integer' : 'string',
    description: `What field ${field} of kind ${index} says, with a long description. `.repeat(4),
  })
  const properties = Object.fromEntries(
    Array.from({ length: 100 }, (_, field) => [`field${field}`, described(field)]),
  )
  const plural = `widgets${index}`
  const names = { plural, kind: `Widget${index}`, shortNames: [`w${index}`] }
  return {
    ...aDefinition({ v1: { properties: { spec: { type: 'object', properties } } } }, { names }),
    metadata: { name: `${plural}.example.com` },
  }
}

/** A store in which definitions were made by a server that has ended. */
async function filledStore(): Promise<Store> {
  const store = new MemoryStore({ clock: systemClock, log: silentLogger })
  const first = await startTestServer({ store })
  const client = new HttpsClient(first)
  for (let index = 0; index < count; index++) await define(client, aLargeDefinition(index))
  const settled = async () => {
    const { json } = await client.send(definitionsPath)
    return (json['items'] as CustomResourceDefinition[]).every(({ status }) =>
      status?.conditions?.some(({ type, status: value }) => type === 'Established' && value === 'True'),
    )
  }
  while (!(await settled()));
  client.close()
  await first.server.stop()
  return store
}

/** As `store`, with other entries in place of those it lists. */
function showing(store: Store, shown: (entry: Entry) => Entry): Store {
  return {
    get: (key) => store.get(key),
    create: (key, value, options) => store.create(key, value, options),
    update: (key, value, revision, options) => store.update(key, value, revision, options),
    delete: (key, revision) => store.delete(key, revision),
    watch: (from, after, handlers) => store.watch(from, after, handlers),
    compact: (revision) => store.compact(revision),
    currentRevision: () => store.currentRevision(),
    close: () => store.close(),
    async list(from, options) {
      const range = await store.list(from, options)
      return { ...range, entries: range.entries.map(shown) }
    },
  }
}

test('a server serves the custom resources of stored definitions from its start, by their schemas', async () => {
  await using server = await startTestServer({ store: await filledStore() })
  const client = new HttpsClient(server)
  const path = `/apis/example.com/v1/namespaces/default/widgets${count - 1}`
  assert.equal((await client.send(path)).status, 200)
  const create = (name: string, spec: unknown) => {
    const kind = `Widget${count - 1}`
    const body = { apiVersion: 'example.com/v1', kind, metadata: { name }, spec }
    return client.send(path, { method: 'POST', body })
  }
  const created = await create('good', { field0: 1, unknown: 'x' })
  assert.equal(created.status, 201)
  assert.deepEqual(created.json['spec'], { field0: 1 })
  const refused = await create('bad', { field0: 'x' })
  assert.equal(refused.status, 422)
  assert.match(refused.text, /spec\.field0: Invalid value: .*must be of type integer/)
  client.close()
})

test('a server reads no schema of stored definitions for its start, for discovery and for their metadata', async () => {
  const store = await filledStore()
  let [definitions, reads] = [0, 0]
  await using server = await startTestServer({
    store: showing(store, (entry) => {
      const outline = outlineOf(entry)
      if (!entry.key.startsWith(prefix) || !outline) return entry
      definitions++
      const { key, revision, createRevision } = entry
      const form = { frame: Buffer.alloc(0), length: bytesLength(entry) }
      const bytes = compressedBytes({ ...form, outline: { bytes: outline, bulk: [] } })
      Object.defineProperty(bytes, 'value', {
        get() {
          reads++
          return entry.value
        },
      })
      return lazyEntry(key, bytes, revision, createRevision)
    }),
  })
  const client = new HttpsClient(server)
  const discovery = await client.send('/apis/example.com/v1')
  assert.equal((discovery.json['resources'] as unknown[]).length, count)
  const { metadata } = server.server.resources
    .registries()
    .find(({ definition }) => definition.singular === 'customresourcedefinition')!
    .cache.get('widgets0.example.com')!
  assert.equal(metadata.name, 'widgets0.example.com')
  assert.ok(metadata.uid && metadata.resourceVersion)
  assert.deepEqual({ definitions, reads }, { definitions: count, reads: 0 })
  const whole = await client.send(`${definitionsPath}/widgets0.example.com`)
  assert.match(whole.text, /What field 99 of kind 0 says/)
  assert.ok(reads > 0)
  client.close()
})

test('a definition that cannot be read keeps no other from being served', async () => {
  const store = await filledStore()
  const damaged = `${prefix}widgets0.example.com`
  await using server = await startTestServer({
    store: showing(store, (entry) => {
      if (entry.key !== damaged) return entry
      const bytes = compressedBytes({ frame: Buffer.from('no frame'), length: largeValueBytes })
      return lazyEntry(entry.key, bytes, entry.revision, entry.createRevision)
    }),
  })
  const client = new HttpsClient(server)
  const status = async (path: string) => (await client.send(path)).status
  assert.equal(await status('/apis/example.com/v1/widgets1'), 200)
  assert.equal(await status('/apis/example.com/v1/widgets0'), 404)
  assert.equal(await status(`${definitionsPath}/widgets1.example.com`), 200)
  client.close()
})
