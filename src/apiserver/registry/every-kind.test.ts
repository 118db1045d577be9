import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { builtInDefinitions } from '../../api/registry.ts'
import { decodeMessage } from '../../api/protobuf/decode.ts'
import { encodeProtobuf, openProtobuf } from '../../api/protobuf/envelope.ts'
import { hasProtobuf } from '../../api/protobuf/message-plan.ts'
import { schemaOf } from '../../api/scheme.ts'
import { createCertificateRequest } from '../../machinery/pki/certificate-request.ts'
import { generateKeyPair } from '../../machinery/pki/key-pair.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import type { ObjectSchema } from '../../machinery/schema.ts'
import { HttpsClient, type TestResponse } from '../testing/https-client.ts'
import { minimalObjects, type MinimalObject } from '../testing/minimal-objects.ts'
import { startTestServer, type TestServer } from '../testing/test-server.ts'

/** What all kinds have in common, held true of each kind that discovery names. */

interface DiscoveredGroup {
  readonly metadata?: { readonly name?: string }
  readonly versions: readonly {
    readonly version: string
    readonly resources: readonly DiscoveredResource[]
  }[]
}

interface DiscoveredResource {
  readonly resource: string
  readonly scope: 'Namespaced' | 'Cluster'
  readonly responseKind: { readonly kind: string }
  readonly verbs: readonly string[]
  readonly subresources?: readonly { readonly subresource: string }[]
}

/** One kind, by the address of its collection. */
interface Kind {
  readonly id: string
  readonly apiVersion: string
  readonly kind: string
  readonly group: string
  readonly version: string
  readonly resource: string
  readonly path: string
  readonly hasStatus: boolean
  readonly schema: ObjectSchema
}

const testServer: TestServer = await startTestServer({ definitions: builtInDefinitions })
const client = new HttpsClient(testServer)
const request = createCertificateRequest(generateKeyPair(), { commonName: 'someone', organizations: [] })
const minimal = minimalObjects(Buffer.from(request).toString('base64'))
const kinds = await discoverKinds()

after(async () => {
  client.close()
  await testServer[Symbol.asyncDispose]()
})

async function discoverKinds(): Promise<readonly Kind[]> {
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  const answers = await Promise.all(
    ['/api', '/apis'].map((path) => client.send(path, { headers: { accept } })),
  )
  const groups = answers.flatMap(({ json }) => json['items'] as readonly DiscoveredGroup[])
  return groups.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources }) =>
      resources
        .filter(({ verbs }) => verbs.includes('create') && verbs.includes('update'))
        .map((discovered) => kindOf(metadata?.name ?? '', version, discovered)),
    ),
  )
}

function kindOf(group: string, version: string, discovered: DiscoveredResource): Kind {
  const { resource, scope, responseKind, subresources = [] } = discovered
  const apiVersion = group === '' ? version : `${group}/${version}`
  const namespace = scope === 'Namespaced' ? 'namespaces/default/' : ''
  return {
    id: `${resource}.${group}/${version}`,
    apiVersion,
    kind: responseKind.kind,
    group,
    version,
    resource,
    path: `/${group === '' ? 'api' : 'apis'}/${apiVersion}/${namespace}${resource}`,
    hasStatus: subresources.some(({ subresource }) => subresource === 'status'),
    schema: schemaOf({ group, version, kind: responseKind.kind })!,
  }
}

type Live = KubernetesObject & { readonly status?: unknown }

function metadataOf({ metadata = {} }: KubernetesObject): NonNullable<KubernetesObject['metadata']> {
  return metadata
}

function versionOf(object: KubernetesObject): string {
  return metadataOf(object).resourceVersion ?? ''
}

const patchTypes = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  json: 'application/json-patch+json',
  apply: 'application/apply-patch+yaml',
} as const

/** Requests for the objects of one kind. */
class Collection {
  readonly kind: Kind
  readonly minimal: MinimalObject
  /** Of the object that most requests are for. */
  readonly name: string

  constructor(kind: Kind) {
    this.kind = kind
    this.minimal = minimal[kind.id]!
    this.name = this.minimal.name ?? 'one'
  }

  get path(): string {
    return `${this.kind.path}/${this.name}`
  }

  body(metadata: object = { name: this.name }): KubernetesObject {
    const { apiVersion, kind } = this.kind
    return { apiVersion, kind, metadata, ...this.minimal.object }
  }

  async create(query = '', metadata?: object): Promise<Live> {
    return ok(await client.send(this.kind.path + query, { method: 'POST', body: this.body(metadata) }), 201)
  }

  async get(): Promise<Live> {
    return ok(await client.send(this.path))
  }

  async put(body: object, suffix = ''): Promise<TestResponse> {
    return client.send(this.path + suffix, { method: 'PUT', body })
  }

  async patch(type: keyof typeof patchTypes, body: unknown, suffix = ''): Promise<TestResponse> {
    return client.send(this.path + suffix, {
      method: 'PATCH',
      body: JSON.stringify(body),
      headers: { 'content-type': patchTypes[type] },
    })
  }

  async delete(suffix = '', body: object = { gracePeriodSeconds: 0 }): Promise<TestResponse> {
    return client.send(this.path + suffix, { method: 'DELETE', body })
  }

  /** Deletes the object, whatever holds it back. */
  async remove(): Promise<void> {
    const deleted = await this.delete()
    if (deleted.status === 404) return
    assert.equal(deleted.status, 200, deleted.text)
    if (this.kind.resource === 'namespaces') await this.#finalize()
    else if ((await client.send(this.path)).status === 200) {
      ok(await this.patch('merge', { metadata: { finalizers: null } }))
    }
  }

  async #finalize(): Promise<void> {
    const namespace = await this.get()
    ok(await this.put({ ...namespace, spec: { finalizers: [] } }, '/finalize'))
  }
}

function ok(response: TestResponse, status = 200): Live {
  assert.equal(response.status, status, response.text)
  return response.json
}

function refused(response: TestResponse, status: number, message?: RegExp): void {
  assert.equal(response.status, status, response.text)
  if (message) assert.match(response.json['message'] as string, message)
}

it('every kind that is served is in the table, and no other', () => {
  assert.deepEqual(Object.keys(minimal).toSorted(), kinds.map(({ id }) => id).toSorted())
})

for (const kind of kinds.filter(({ id }) => minimal[id])) {
  describe(kind.id, () => {
    const collection = new Collection(kind)
    const { change, generations, status, countsLabels, countsAnnotations } = collection.minimal
    const { needsVersion, settlesWith } = collection.minimal
    let live: Live

    before(async () => {
      live = await collection.create()
      if (!settlesWith) return
      while (!hasCondition(live, settlesWith)) live = await collection.get()
    })
    after(() => collection.remove())

    it('is created with what the server says of it', () => {
      const { name, uid, creationTimestamp, resourceVersion, generation } = metadataOf(live)
      assert.equal(name, collection.name)
      assert.ok(uid)
      assert.ok(creationTimestamp)
      assert.ok(resourceVersion)
      assert.equal(generation, generations?.[0])
    })

    it('is created once', async () => {
      const again = await client.send(kind.path, { method: 'POST', body: collection.body() })
      refused(again, 409, /already exists$/)
      assert.equal(again.json['reason'], 'AlreadyExists')
    })

    it('gets a name where only its beginning is given', async () => {
      if (collection.minimal.name) return
      const made = await collection.create('?dryRun=All', { generateName: 'some-' })
      assert.match(metadataOf(made).name ?? '', /^some-[bcdfghjklmnpqrstvwxz2456789]{5}$/)
    })

    it('is not written when nothing changes', async () => {
      const { managedFields: _, resourceVersion: __, ...metadata } = live.metadata!
      const unconditional = await collection.put({ ...live, metadata })
      if (needsVersion)
        refused(unconditional, 422, /resourceVersion: Invalid value: 0: must be specified for an upd/)
      else ok(unconditional)
      ok(await collection.put(live))
      ok(await collection.patch('merge', {}))
      ok(await collection.patch('strategic', {}))
      ok(await collection.patch('json', []))
      assert.deepEqual(await collection.get(), live)
    })

    it('changes nothing in a dry run', async () => {
      const annotations = { dry: 'run' }
      const patched = ok(await collection.patch('merge', { metadata: { annotations } }, '?dryRun=All'))
      assert.equal(metadataOf(patched).annotations?.['dry'], 'run')
      ok(await collection.put({ ...live, metadata: { ...live.metadata, annotations } }, '?dryRun=All'))
      ok(await collection.delete('', { dryRun: ['All'], gracePeriodSeconds: 0 }))
      ok(await client.send(`${collection.path}?dryRun=All`, { method: 'DELETE' }))
      const list = ok(await client.send(kind.path, { method: 'DELETE', body: { dryRun: ['All'] } }))
      assert.match(list.kind ?? '', /List$/)
      if (!collection.minimal.name) {
        await collection.create('?dryRun=All', { name: 'other' })
        refused(await client.send(`${kind.path}/other`), 404)
      }
      assert.deepEqual(await collection.get(), live)
    })

    it('is guarded by uid and resourceVersion', async () => {
      const { uid, resourceVersion, ...rest } = live.metadata!
      refused(
        await collection.put({ ...live, metadata: { ...rest, uid, resourceVersion: '1' } }),
        409,
        /the object has been modified; please apply your changes to the latest version and try again$/,
      )
      refused(
        await collection.put({ ...live, metadata: { ...rest, resourceVersion, uid: 'another' } }),
        409,
        /Precondition failed: UID in precondition: another, UID in object meta: /,
      )
      const isNamespace = kind.resource === 'namespaces'
      refused(
        await collection.delete('', { preconditions: { uid: 'another' } }),
        409,
        isNamespace
          ? /namespaces "one": Precondition failed: UID in precondition: another, UID in object meta: /
          : /: the UID in the precondition \(another\) does not match the UID in record \(.*\)\. /,
      )
      refused(
        await collection.delete('', { preconditions: { resourceVersion: '1' } }),
        409,
        isNamespace
          ? /Precondition failed: ResourceVersion in precondition: 1, ResourceVersion in object meta: /
          : /: the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(/,
      )
      refused(await collection.patch('merge', { metadata: { resourceVersion: '1' } }), 409)
      assert.deepEqual(await collection.get(), live)
    })

    it('is patched by patches of each type', async () => {
      const before = await collection.get()
      ok(await collection.patch('merge', { metadata: { annotations: { a: 'merge', b: 'merge' } } }))
      ok(await collection.patch('strategic', { metadata: { annotations: { a: 'strategic', c: null } } }))
      ok(await collection.patch('json', [{ op: 'replace', path: '/metadata/annotations/b', value: 'json' }]))
      const { apiVersion, kind: name } = kind
      const configuration = {
        apiVersion,
        kind: name,
        metadata: { name: collection.name, annotations: { d: 'apply' } },
      }
      const applied = ok(await collection.patch('apply', configuration, '?fieldManager=tester'))
      const annotations = { a: 'strategic', b: 'json', d: 'apply' }
      assert.partialDeepStrictEqual(metadataOf(applied).annotations, annotations)
      const again = ok(await collection.patch('apply', configuration, '?fieldManager=tester'))
      assert.equal(versionOf(again), versionOf(applied))
      const { generation } = metadataOf(before)
      assert.equal(metadataOf(again).generation, countsAnnotations ? (generation ?? 0) + 4 : generation)
      const entry = metadataOf(again).managedFields?.find(({ manager }) => manager === 'tester')
      assert.deepEqual(entry?.fieldsV1, { 'f:metadata': { 'f:annotations': { 'f:d': {} } } })
      assert.equal(entry.operation, 'Apply')
      assert.equal(entry.apiVersion, apiVersion)
    })

    it('counts what is wanted, and only that', async () => {
      const before = await collection.get()
      const labelled = ok(await collection.patch('merge', { metadata: { labels: { more: 'x' } } }))
      const expected = (metadataOf(before).generation ?? 0) + (countsLabels ? 1 : 0)
      assert.equal(metadataOf(labelled).generation ?? 0, expected)
      assert.notEqual(versionOf(labelled), versionOf(before))
      const sent = { ...labelled, metadata: { ...labelled.metadata, generation: 77 } }
      assert.equal(metadataOf(ok(await collection.put(sent))).generation, metadataOf(labelled).generation)
      if (!change) return
      const changed = ok(await collection.patch('merge', change))
      assert.notEqual(versionOf(changed), versionOf(labelled))
      const raised = generations ? generations[1] - generations[0] : 0
      assert.equal(metadataOf(changed).generation ?? 0, expected + raised)
    })

    it('keeps status and the rest apart', async () => {
      assert.equal(kind.hasStatus, status !== undefined || settlesWith !== undefined)
      if (!status) return
      const before = await collection.get()
      // Whoever creates a node may say its status, and so may an update of what has no status of its own.
      const unaffected = ok(
        await collection.patch('merge', { status, metadata: { annotations: { s: 'a' } } }),
      )
      assert.deepEqual(unaffected.status, before.status)
      const both = { ...change, status, metadata: { annotations: { s: 'b' } } }
      const reported = ok(await collection.patch('merge', both, '/status'))
      assert.notDeepEqual(reported.status, before.status)
      const { status: _, metadata: __, ...content } = reported
      const { status: ___, metadata: ____, ...contentBefore } = before
      assert.deepEqual(content, contentBefore)
      assert.equal(metadataOf(reported).generation, metadataOf(unaffected).generation)
      const same = ok(await collection.put(reported, '/status'))
      assert.equal(versionOf(same), versionOf(reported))
      if (collection.minimal.keepsConditions) return
      const written = ok(await collection.put({ ...reported, status: before.status ?? {} }, '/status'))
      assert.equal(metadataOf(written).generation, metadataOf(unaffected).generation)
    })

    it('is read and written as JSON, YAML and protobuf', async () => {
      const object = await collection.get()
      const yaml = await client.send(collection.path, { headers: { accept: 'application/yaml' } })
      assert.equal(yaml.headers['content-type'], 'application/yaml')
      const byYaml = await client.send(collection.path, {
        method: 'PUT',
        body: yaml.text,
        headers: { 'content-type': 'application/yaml' },
      })
      assert.deepEqual(ok(byYaml), object)
      const accept = 'application/vnd.kubernetes.protobuf'
      const binary = await client.send(collection.path, { headers: { accept } })
      if (!hasProtobuf(kind.schema)) return refused(binary, 406)
      assert.equal(binary.headers['content-type'], accept)
      const { message, ...type } = openProtobuf(binary.body)
      assert.deepEqual(type, { apiVersion: kind.apiVersion, kind: kind.kind })
      const { kind: _, apiVersion: __, ...content } = object
      assert.deepEqual(decodeMessage(message, kind.schema), content)
      const byProtobuf = await client.send(collection.path, {
        method: 'PUT',
        body: encodeProtobuf(object, kind.schema),
        headers: { 'content-type': accept },
      })
      assert.deepEqual(ok(byProtobuf), object)
    })

    it('is shown as a table, and as its metadata alone', async () => {
      const object = await collection.get()
      for (const form of ['application/json', 'application/yaml', 'application/vnd.kubernetes.protobuf']) {
        const as = (view: string) => ({ accept: `${form};as=${view};g=meta.k8s.io;v=v1` })
        const table = await client.send(kind.path, { headers: as('Table') })
        if (form.endsWith('protobuf')) refused(table, 406)
        else assert.equal(table.status, 200, table.text)
        const partial = await client.send(collection.path, { headers: as('PartialObjectMetadata') })
        assert.equal(partial.status, 200, partial.text)
        if (form.endsWith('json')) {
          assert.deepEqual(partial.json, {
            kind: 'PartialObjectMetadata',
            apiVersion: 'meta.k8s.io/v1',
            metadata: object.metadata,
          })
          const rows = table.json['rows'] as readonly { readonly cells: readonly unknown[] }[]
          const columns = table.json['columnDefinitions'] as readonly unknown[]
          for (const { cells } of rows) assert.equal(cells.length, columns.length)
        }
        const list = await client.send(kind.path, { headers: as('PartialObjectMetadataList') })
        assert.equal(list.status, 200, list.text)
      }
    })

    it('is deleted', async () => {
      await collection.remove()
      refused(await client.send(collection.path), 404, / not found$/)
      refused(await collection.delete(), 404)
    })
  })
}

function hasCondition({ status }: Live, type: string): boolean {
  const { conditions = [] } = (status ?? {}) as { readonly conditions?: readonly { readonly type: string }[] }
  return conditions.some((condition) => condition.type === type)
}
