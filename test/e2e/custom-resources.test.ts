import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createKubectl, kubectlPrograms } from './harness/kubectl.ts'
import { aCluster, type TestCluster } from './harness/test-cluster.ts'

interface Defined {
  readonly name: string
  readonly schema: object
}

function definition({ name, schema }: Defined): object {
  const kind = name.charAt(0).toUpperCase() + name.slice(1)
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${name}s.example.com` },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: `${name}s`, kind, shortNames: [`${name}x`], categories: ['all'] },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: schema },
          subresources: {
            status: {},
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
          additionalPrinterColumns: [
            { name: 'Size', type: 'string', jsonPath: '.spec.size' },
            { name: 'Note', type: 'string', jsonPath: '.spec.note', priority: 1 },
            { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
          ],
        },
      ],
    },
  }
}

function object(name: string, fields: object): object {
  const kind = name.charAt(0).toUpperCase() + name.slice(1)
  return { apiVersion: 'example.com/v1', kind, metadata: { name: 'one' }, ...fields }
}

const foo: Defined = {
  name: 'foo',
  schema: {
    type: 'object',
    description: 'Foo CRD for Testing',
    properties: {
      spec: {
        type: 'object',
        description: 'Specification of Foo',
        properties: {
          size: { type: 'string', enum: ['small', 'large'], default: 'small' },
          note: { type: 'string' },
          replicas: { type: 'integer', format: 'int32' },
          bars: {
            type: 'array',
            description: 'List of Bars and their specs.',
            items: {
              type: 'object',
              required: ['name'],
              properties: {
                name: { type: 'string', description: 'Name of Bar.' },
                bazs: { type: 'array', description: 'List of Bazs.', items: { type: 'string' } },
              },
            },
          },
        },
      },
      status: { type: 'object', properties: { replicas: { type: 'integer' } } },
    },
  },
}
const loose = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
const nested = {
  type: 'object',
  description: 'preserve-unknown-properties in nested field for Testing',
  properties: { spec: loose },
}

/** kubectl takes custom resources as it finds them by discovery and OpenAPI. */
for (const release of ['new', 'old'] as const) {
  const program = kubectlPrograms()[release]
  describe(`the ${release} kubectl and custom resources`, { skip: program ? false : 'not fetched' }, () => {
    let cluster: TestCluster
    let kubectl: ReturnType<typeof createKubectl>
    before(async () => {
      cluster = aCluster(`custom-${release}`)
      await cluster.up('--runtime', 'simulated')
      kubectl = createKubectl(release, program!, cluster.kubeconfig)
    })
    after(() => cluster.delete())

    async function define(defined: Defined): Promise<void> {
      await kubectl.apply(definition(defined))
      await kubectl([
        'wait',
        '--for=condition=Established',
        `crd/${defined.name}s.example.com`,
        '--timeout=10s',
      ])
    }

    it('creates, shows, changes and deletes', async () => {
      await define(foo)
      await kubectl.apply(object('foo', { spec: { bars: [{ name: 'a' }], note: 'hello' } }))
      assert.match(await kubectl(['get', 'foox']), /^NAME +SIZE +AGE\none +small +\d+s\n$/)
      assert.match(await kubectl(['get', 'foos', '-o', 'wide']), /^NAME +SIZE +NOTE +AGE\none +small +hello /)
      assert.match(await kubectl(['get', 'all']), /^foo\.example\.com\/one +small /m)
      await kubectl(['patch', 'foo', 'one', '--type=merge', '-p', '{"spec":{"size":"large"}}'])
      assert.match(await kubectl(['get', 'foo', 'one', '-o', 'jsonpath={.spec.size}']), /^large$/)
      await kubectl.apply(object('foo', { spec: { bars: [], size: 'small', replicas: 1 } }))
      await kubectl(['scale', 'foo/one', '--replicas=3'])
      assert.equal(await kubectl(['get', 'foo', 'one', '-o', 'jsonpath={.spec.replicas}']), '3')
      assert.match(await kubectl(['describe', 'foo', 'one']), /^Kind: +Foo$/m)
      await kubectl(['delete', 'foo', 'one'])
      assert.equal(await kubectl(['get', 'foos', '-o', 'name']), '')
    })

    it('is told what is wrong with an object', async () => {
      await define(foo)
      const stdin = JSON.stringify(object('foo', { spec: { size: 'huge', bars: [{}] } }))
      const { exitCode, stderr } = await kubectl.result(['create', '--validate=false', '-f', '-'], { stdin })
      assert.equal(exitCode, 1)
      assert.match(stderr, /spec\.size: Unsupported value: "huge": supported values: "small", "large"/)
      assert.match(stderr, /spec\.bars\[0\]\.name: Required value/)
      const unknown = JSON.stringify(object('foo', { spec: { color: 'red' } }))
      const refused = await kubectl.result(['create', '-f', '-'], { stdin: unknown })
      assert.match(refused.stderr, /unknown field "(spec\.)?color"/)
    })

    it('explains what the schema says', async () => {
      await define(foo)
      assert.match(
        await kubectl(['explain', 'foos']),
        /DESCRIPTION:[^]*Foo CRD for Testing[^]*FIELDS:[^]*apiVersion[^]*<string>[^]*spec[^]*<Object>[^]*Specification of Foo/,
      )
      assert.match(
        await kubectl(['explain', 'foos.spec.bars']),
        /bars[^]*<\[\]Object>[^]*List of Bars and their specs[^]*bazs[^]*<\[\]string>[^]*List of Bazs[^]*name[^]*<string>[^]*Name of Bar/,
      )
      assert.match(await kubectl(['explain', 'foos.metadata']), /FIELDS:[^]*creationTimestamp[^]*<string>/)
      const { stderr } = await kubectl.result(['explain', 'foos.spec.bars2'])
      assert.match(stderr, /field "bars2" does not exist/)
    })

    const free: readonly (readonly [string, Defined, object, RegExp])[] = [
      [
        'takes anything without a schema',
        { name: 'empty', schema: loose },
        { a: { b: [{ c: 'd' }] } },
        /DESCRIPTION:\s+<empty>/,
      ],
      [
        'takes anything where unknown fields are kept at the root',
        { name: 'root', schema: { ...loose, properties: { spec: { type: 'object' } } } },
        { a: { b: [{ c: 'd' }] } },
        /KIND: +Root/,
      ],
      [
        'takes anything where unknown fields are kept within',
        { name: 'nest', schema: nested },
        { spec: { a: null, b: [{ c: 'd' }] } },
        /preserve-unknown-properties in nested field for Testing/,
      ],
    ]
    for (const [title, defined, fields, explained] of free) {
      it(title, async () => {
        await define(defined)
        const stdin = JSON.stringify(object(defined.name, fields))
        for (const verb of ['create', 'apply']) {
          await kubectl([verb, '-f', '-'], { stdin })
          await kubectl(['delete', `${defined.name}s`, 'one'])
        }
        assert.match(await kubectl(['explain', `${defined.name}s`]), explained)
        await kubectl(['delete', 'crd', `${defined.name}s.example.com`])
      })
    }
  })
}
