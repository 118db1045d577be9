import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GroupVersionKind } from '../machinery/meta.ts'
import type { ObjectSchema } from '../machinery/schema.ts'
import { decode } from './decode.ts'
import { DecodeError, LongIntegerError } from './decode-error.ts'
import { schemaOf } from './scheme.ts'

const kinds: Readonly<Record<string, GroupVersionKind>> = {
  Pod: { group: '', version: 'v1', kind: 'Pod' },
  Secret: { group: '', version: 'v1', kind: 'Secret' },
  Event: { group: '', version: 'v1', kind: 'Event' },
  Service: { group: '', version: 'v1', kind: 'Service' },
  Deployment: { group: 'apps', version: 'v1', kind: 'Deployment' },
  ClusterRole: { group: 'rbac.authorization.k8s.io', version: 'v1', kind: 'ClusterRole' },
  APIService: { group: 'apiregistration.k8s.io', version: 'v1', kind: 'APIService' },
  CustomResourceDefinition: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
  },
  PodMetrics: { group: 'metrics.k8s.io', version: 'v1beta1', kind: 'PodMetrics' },
}

function schemaOfKind(kind: string): ObjectSchema {
  const schema = schemaOf(kinds[kind] ?? { group: '', version: '', kind })
  assert.ok(schema, `no schema of ${kind}`)
  return schema
}

test('decode gives what Go would serialise', () => {
  const rows: readonly [kind: string, input: object, output: object][] = [
    ['Pod', {}, { metadata: {}, spec: { containers: [] }, status: {} }],
    [
      'Pod',
      {
        spec: {
          hostNetwork: false,
          nodeName: '',
          priority: 0,
          volumes: [],
          nodeSelector: {},
          containers: null,
        },
      },
      { metadata: {}, spec: { containers: [], priority: 0 }, status: {} },
    ],
    [
      'Deployment',
      { spec: { replicas: 0, template: {} } },
      {
        metadata: {},
        spec: {
          replicas: 0,
          selector: null,
          template: { metadata: {}, spec: { containers: [] } },
          strategy: {},
        },
        status: {},
      },
    ],
    [
      'Service',
      { spec: { ports: [{ port: 80 }] } },
      { metadata: {}, spec: { ports: [{ port: 80, targetPort: 0 }] }, status: { loadBalancer: {} } },
    ],
    [
      'Event',
      { eventTime: '2026-01-02T03:04:05.000000Z', firstTimestamp: '2026-01-02T04:04:05.5+01:00' },
      {
        metadata: {},
        involvedObject: {},
        source: {},
        firstTimestamp: '2026-01-02T03:04:05Z',
        lastTimestamp: null,
        eventTime: '2026-01-02T03:04:05.000000Z',
        reportingComponent: '',
        reportingInstance: '',
      },
    ],
    ['ClusterRole', {}, { metadata: {}, rules: [] }],
    [
      'APIService',
      { spec: { group: 'a' } },
      {
        metadata: {},
        spec: { service: null, group: 'a', groupPriorityMinimum: 0, versionPriority: 0 },
        status: {},
      },
    ],
    [
      'Secret',
      { data: { a: 'YQ==', b: null, c: [97] } },
      { metadata: {}, data: { a: 'YQ==', b: '', c: 'YQ==' } },
    ],
    ['Secret', { data: { a: 'YW\nI=' } }, { metadata: {}, data: { a: 'YWI=' } }],
    [
      'PodMetrics',
      { timestamp: '0001-01-01T00:00:00Z', window: '90s', containers: [{ name: 'a', usage: { cpu: 0.5 } }] },
      { metadata: {}, timestamp: null, window: '1m30s', containers: [{ name: 'a', usage: { cpu: '500m' } }] },
    ],
    [
      'Pod',
      { metadata: { creationTimestamp: null, finalizers: [null], labels: { a: null } } },
      { metadata: { labels: { a: '' }, finalizers: [''] }, spec: { containers: [] }, status: {} },
    ],
  ]
  for (const [kind, input, output] of rows) {
    assert.deepEqual(decode(input, schemaOfKind(kind)), output, `${kind} ${JSON.stringify(input)}`)
  }
})

test('decode orders fields as Go does', () => {
  const pod = decode(
    {
      status: {},
      spec: { containers: [{ image: 'b', name: 'a' }] },
      metadata: { uid: 'u', name: 'n' },
      kind: 'Pod',
    },
    schemaOfKind('Pod'),
  )
  assert.equal(
    JSON.stringify(pod),
    '{"kind":"Pod","metadata":{"name":"n","uid":"u"},' +
      '"spec":{"containers":[{"name":"a","image":"b","resources":{}}]},"status":{}}',
  )
})

test('decode refuses what Go refuses, in its words', () => {
  const container = (fields: object) => ({ spec: { containers: [fields] } })
  const rows: readonly [kind: string, input: unknown, message: string][] = [
    ['Pod', [], 'json: cannot unmarshal array into Go value of type v1.Pod'],
    [
      'Pod',
      { spec: { containers: 'x' } },
      'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
    ],
    [
      'Pod',
      { spec: { volumes: [{ hostPath: 7 }] } },
      'json: cannot unmarshal number into Go struct field Volume.spec.volumes.VolumeSource.hostPath of type v1.HostPathVolumeSource',
    ],
    [
      'Pod',
      container({ imagePullPolicy: {} }),
      'json: cannot unmarshal object into Go struct field Container.spec.containers.imagePullPolicy of type v1.PullPolicy',
    ],
    [
      'Pod',
      container({ ports: [{ containerPort: '80' }] }),
      'json: cannot unmarshal string into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      'Pod',
      container({ ports: [{ containerPort: 3e9 }] }),
      'json: cannot unmarshal number 3000000000 into Go struct field ContainerPort.spec.containers.ports.containerPort of type int32',
    ],
    [
      'Pod',
      { metadata: { labels: { a: true } } },
      'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels of type string',
    ],
    [
      'Pod',
      { metadata: { uid: 1 } },
      'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.uid of type types.UID',
    ],
    [
      'Deployment',
      { spec: { replicas: 1.5 } },
      'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32',
    ],
    [
      'Service',
      { spec: { ports: [{ targetPort: true }] } },
      'json: cannot unmarshal bool into Go value of type int32',
    ],
    [
      'Pod',
      container({ resources: { limits: { cpu: 'much' } } }),
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    ],
    [
      'Pod',
      { metadata: { creationTimestamp: 'x' } },
      'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
    ],
    [
      'Pod',
      { metadata: { creationTimestamp: 5 } },
      'json: cannot unmarshal number into Go value of type string',
    ],
    ['Secret', { data: { a: '!' } }, 'illegal base64 data at input byte 0'],
    ['Secret', { data: { a: 'YQ=' } }, 'illegal base64 data at input byte 3'],
    ['Secret', { data: { a: 'YWJj=' } }, 'illegal base64 data at input byte 4'],
  ]
  for (const [kind, input, message] of rows) {
    assert.throws(() => decode(input, schemaOfKind(kind)), new DecodeError(message), JSON.stringify(input))
  }
})

test('decode refuses an integer that a number cannot hold where Go has an int64, and asks for its digits elsewhere', () => {
  assert.throws(
    () => decode({ spec: { terminationGracePeriodSeconds: 2 ** 60 } }, schemaOfKind('Pod')),
    DecodeError,
  )
  const custom: ObjectSchema = { type: 'object', fields: { seed: { schema: { type: 'integer' } } } }
  assert.throws(() => decode({ seed: 2 ** 60 }, custom, { refusesLongIntegers: true }), LongIntegerError)
  for (const seed of [2n ** 60n, 2 ** 70]) assert.deepEqual(decode({ seed }, custom), { seed })
})

test('decode refuses endless nesting', () => {
  let deep: unknown = {}
  for (let level = 0; level < 2000; level++) deep = { a: deep }
  const custom: ObjectSchema = { type: 'object', fields: { a: { schema: { type: 'any' } } } }
  for (const [value, schema] of [
    [deep, custom],
    [{ unknown: deep }, schemaOfKind('Pod')],
  ] as const) {
    assert.throws(() => decode(value, schema), new DecodeError('exceeded max depth'))
  }
})

test('decode tells unknown fields where upstream looks for them', () => {
  const unknown: string[] = []
  const input = {
    foo: 1,
    spec: {
      group: 'a',
      bar: [{ baz: 1 }],
      versions: [
        { name: 'v1', qux: 1, schema: { openAPIV3Schema: { type: 'object', quux: 1, items: { quuz: 1 } } } },
      ],
    },
  }
  const object = decode(input, schemaOfKind('CustomResourceDefinition'), {
    onUnknownField: (path) => unknown.push(path),
  })
  assert.deepEqual(unknown, [
    'foo',
    'spec.bar',
    'spec.versions[0].qux',
    'spec.versions[0].schema.openAPIV3Schema.quux',
  ])
  assert.deepEqual((object as { spec: { versions: unknown } }).spec.versions, [
    { name: 'v1', served: false, storage: false, schema: { openAPIV3Schema: { type: 'object', items: {} } } },
  ])
})

test('decode leaves its input alone, and shares nothing with it', () => {
  const input = deepFreeze({
    metadata: { labels: { a: 'b' }, managedFields: [{ fieldsV1: { 'f:spec': {} } }] },
    spec: { containers: [{ name: 'a', args: ['x'] }] },
  })
  const pod = decode(input, schemaOfKind('Pod')) as typeof input
  assert.deepEqual(pod.metadata, input.metadata)
  assert.notEqual(pod.metadata.labels, input.metadata.labels)
  assert.notEqual(pod.metadata.managedFields[0]?.fieldsV1, input.metadata.managedFields[0]?.fieldsV1)
  assert.notEqual(pod.spec.containers[0]?.args, input.spec.containers[0]?.args)
})

test('decode takes keys named like members of Object as data', () => {
  const input = JSON.parse(
    '{"metadata":{"labels":{"__proto__":"x","constructor":"y"},"toString":1}}',
  ) as unknown
  const pod = decode(input, schemaOfKind('Pod')) as { metadata: { labels: object } }
  assert.deepEqual(Object.entries(pod.metadata.labels), [
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ])
})

test('decode prunes custom resources and keeps what validation must judge', () => {
  const schema: ObjectSchema = {
    type: 'object',
    fields: {
      kind: { schema: { type: 'string' } },
      metadata: { schema: schemaOfKind('Pod').fields.metadata!.schema },
      spec: {
        schema: {
          type: 'object',
          fields: {
            size: { schema: { type: 'integer' } },
            names: { schema: { type: 'list', items: { type: 'string' }, listType: 'atomic' } },
            free: { schema: { type: 'object', fields: {}, preserveUnknown: true } },
            template: { schema: { type: 'object', fields: {}, embeddedResource: true } },
          },
        },
      },
    },
  }
  const unknown: string[] = []
  const input = {
    kind: 'Thing',
    metadata: { name: 'a', creationTimestamp: null, spam: 1 },
    spec: {
      size: 'large',
      names: [1, null],
      free: { a: [null, { b: null }] },
      ham: { eggs: 1 },
      empty: null,
      template: { kind: 'Pod', metadata: { name: '', labels: { a: 'b' } }, spec: {} },
    },
    other: {},
  }
  const object = decode(input, schema, { onUnknownField: (path) => unknown.push(path) })
  assert.deepEqual(object, {
    kind: 'Thing',
    metadata: { name: 'a' },
    spec: {
      size: 'large',
      names: [1, null],
      free: { a: [null, { b: null }] },
      template: { kind: 'Pod', metadata: { labels: { a: 'b' } } },
    },
  })
  assert.deepEqual(unknown, ['metadata.spam', 'spec.ham', 'spec.empty', 'spec.template.spec', 'other'])
  assert.throws(() => decode({ metadata: { labels: 'x' } }, schema), DecodeError)
})

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const item of Object.values(value)) deepFreeze(item)
    Object.freeze(value)
  }
  return value
}
