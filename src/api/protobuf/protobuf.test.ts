import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import type { ObjectSchema, Schema } from '../../machinery/schema.ts'
import { decode } from '../decode.ts'
import { decodeProtobufBody } from '../decode-body.ts'
import { DecodeError } from '../decode-error.ts'
import { schemaOf, schemaOfType } from '../scheme.ts'
import { decodeMessage } from './decode.ts'
import { encodeMessage } from './encode.ts'
import { encodeProtobuf, encodeProtobufList, openProtobuf, sealProtobuf } from './envelope.ts'
import { hasProtobuf } from './message-plan.ts'
import { encodeWatchFrame, WatchFrameReader } from './watch-frame.ts'
import { ProtoReader, ProtoWriter } from './wire.ts'

const podSchema = schemaOf({ group: '', version: 'v1', kind: 'Pod' })!

test('integers survive the wire at all sizes', () => {
  const samples = [0, 1, 127, 128, 300, 2 ** 31, 2 ** 32, 2 ** 53 - 1, -1, -128, -(2 ** 31), -(2 ** 53 - 1)]
  const arbitrary = fc.oneof(fc.maxSafeInteger(), fc.constantFrom(...samples))
  fc.assert(
    fc.property(arbitrary, (value) => {
      const writer = new ProtoWriter()
      writer.integer(value)
      const bytes = writer.finish()
      assert.deepEqual(bytes, Buffer.from(protobuf.Writer.create().int64(value).finish()))
      assert.equal(new ProtoReader(bytes).integer(), value)
    }),
  )
})

test('integers beyond 2^53 are refused', () => {
  const bytes = Buffer.from('ffffffffffffffff7f', 'hex')
  assert.throws(() => new ProtoReader(bytes).integer(), DecodeError)
})

test('encodeMessage writes what protobufjs reads', () => {
  const { root } = protobuf.parse(`syntax = "proto2";
    message ObjectMeta { optional string name = 1; map<string, string> labels = 11; }
    message Probe { optional Handler handler = 1; optional int32 initialDelaySeconds = 2; }
    message Handler { optional HTTPGetAction httpGet = 2; }
    message HTTPGetAction { optional string path = 1; optional IntOrString port = 2; }
    message IntOrString { optional int64 type = 1; optional int32 intVal = 2; optional string strVal = 3; }
    message Container { optional string name = 1; repeated string args = 4; optional Probe livenessProbe = 10; }
    message PodSpec { repeated Container containers = 2; optional int64 terminationGracePeriodSeconds = 4; optional bool hostNetwork = 11; }
    message Pod { optional ObjectMeta metadata = 1; optional PodSpec spec = 2; }`)
  const pod = {
    metadata: { name: 'naïve', labels: { b: '2', a: '1' } },
    spec: {
      containers: [
        {
          name: 'x',
          args: ['-v', ''],
          livenessProbe: { httpGet: { path: '/', port: 'http' }, initialDelaySeconds: -1 },
        },
      ],
      terminationGracePeriodSeconds: 2 ** 40,
    },
  }
  const message = root.lookupType('Pod')
  const read = message.toObject(message.decode(encodeMessage(pod, podSchema)), { longs: Number }) as object
  assert.deepEqual(read, {
    metadata: { name: 'naïve', labels: { a: '1', b: '2' } },
    spec: {
      containers: [
        {
          name: 'x',
          args: ['-v', ''],
          livenessProbe: {
            handler: { httpGet: { path: '/', port: { type: 1, intVal: 0, strVal: 'http' } } },
            initialDelaySeconds: -1,
          },
        },
      ],
      terminationGracePeriodSeconds: 2 ** 40,
      hostNetwork: false,
    },
  })
})

/** Values that a client may send for a schema, as JSON. */
function valuesOf(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  switch (schema.type) {
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 40 })
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return schema.format === 'int32' ? fc.integer() : fc.maxSafeInteger()
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)
    case 'bytes':
      return fc.base64String()
    case 'quantity':
      return fc.constantFrom('0', '100m', '1', '1Gi', '1500m', '1e3')
    case 'intOrString':
      return fc.oneof(fc.integer(), fc.string())
    case 'time':
      return fc
        .date({ min: new Date(0), noInvalidDate: true, max: new Date('9999-01-01') })
        .map((date) => date.toISOString())
    case 'microTime':
      return fc.constantFrom('2026-01-02T03:04:05.000006Z', '1969-12-31T23:59:59.999999Z')
    case 'duration':
      return fc.constantFrom('0s', '1m30s', '1ms')
    case 'any':
      return schema.schema ? fc.constant({ type: 'string' }) : fc.constant({ a: [1, 'x', null] })
    case 'list':
      return fc.array(valuesOf(schema.items, depth), { maxLength: 2 })
    case 'map':
      return fc.dictionary(fc.string(), valuesOf(schema.values, depth), { maxKeys: 2 })
    case 'object': {
      if (depth === 0) return fc.constant({})
      const fields = Object.entries(schema.fields).filter(
        ([name]) => name !== 'kind' && name !== 'apiVersion',
      )
      const record = fields.map(([name, field]) => [
        name,
        fc.option(valuesOf(field.schema, depth - 1), { nil: null }),
      ])
      return fc.record(Object.fromEntries(record) as Record<string, fc.Arbitrary<unknown>>)
    }
  }
}

test('decodeMessage undoes encodeMessage', () => {
  const names = [
    'core.v1.Pod',
    'core.v1.Secret',
    'core.v1.Event',
    'authentication.v1.TokenReview',
    'apps.v1.Deployment',
  ]
  const schemas: ObjectSchema[] = names.map((name) => schemaOfType(`io.k8s.api.${name}`)!)
  for (const schema of schemas) {
    fc.assert(
      fc.property(valuesOf(schema, 3), (value) => {
        const object = decode(value, schema) as object
        assert.deepEqual(
          withoutEmpty(decodeMessage(encodeMessage(object, schema), schema)),
          withoutEmpty(object),
        )
      }),
      { numRuns: 20 },
    )
  }
})

/** Protobuf does not tell an empty list in a message from none, nor a set from an unset empty map. */
function withoutEmpty(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutEmpty)
  const entries = Object.entries(value).map(([key, item]) => [key, withoutEmpty(item)] as const)
  return Object.fromEntries(entries.filter(([, item]) => item !== null && !isEmptyContainer(item)))
}

function isEmptyContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

test('decodeMessage skips fields that it does not know and refuses broken input', () => {
  const pod = encodeMessage({ metadata: { name: 'a' } }, podSchema)
  const unknownField = Buffer.from('fa3f03616263', 'hex')
  const decoded = decodeMessage(Buffer.concat([unknownField, pod]), podSchema)
  assert.deepEqual(decoded.metadata, { name: 'a' })
  for (const bytes of [
    pod.subarray(0, 5),
    Buffer.from('0a7f', 'hex'),
    Buffer.from('08', 'hex'),
    Buffer.from('0801', 'hex'),
  ]) {
    assert.throws(() => decodeMessage(bytes, podSchema), DecodeError)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      try {
        decodeMessage(bytes, podSchema)
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error))
      }
    }),
  )
})

test('hasProtobuf tells kinds that upstream has no message of', () => {
  const rows: readonly [group: string, kind: string, expected: boolean][] = [
    ['', 'Pod', true],
    ['', 'Status', true],
    ['meta.k8s.io', 'PartialObjectMetadata', true],
    ['meta.k8s.io', 'Table', false],
    ['apiextensions.k8s.io', 'CustomResourceDefinition', true],
  ]
  for (const [group, kind, expected] of rows) {
    assert.equal(hasProtobuf(schemaOf({ group, version: 'v1', kind })!), expected, kind)
  }
  assert.equal(hasProtobuf({ type: 'object', fields: {} }), false)
})

test('the envelope names the kind', () => {
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' }, spec: { containers: [] }, status: {} }
  const bytes = encodeProtobuf(pod, podSchema)
  assert.equal(bytes.subarray(0, 4).toString('latin1'), 'k8s\0')
  const { kind, object } = decodeProtobufBody(bytes, { schemaOf })
  assert.deepEqual(kind, { group: '', version: 'v1', kind: 'Pod' })
  assert.deepEqual(object, pod)
  assert.deepEqual(sealProtobuf(pod, encodeMessage(pod, podSchema)), bytes)
  assert.throws(() => openProtobuf(Buffer.from('{}')), {
    message: 'provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]',
  })
  assert.throws(() => openProtobuf(Buffer.alloc(0)), { message: 'empty data' })
})

test('encodeProtobufList joins encoded items', () => {
  const pods = ['a', 'b'].map((name) => ({ metadata: { name }, spec: { containers: [] }, status: {} }))
  const list = { apiVersion: 'v1', kind: 'PodList', metadata: { resourceVersion: '7' }, items: pods }
  const bytes = encodeProtobufList(
    list,
    list.metadata,
    pods.map((pod) => encodeMessage(pod, podSchema)),
  )
  const listSchema = schemaOf({ group: '', version: 'v1', kind: 'PodList' })!
  assert.deepEqual(bytes, encodeProtobuf(list, listSchema))
  assert.deepEqual(decodeProtobufBody(bytes, { schemaOf }).object, list)
})

test('WatchFrameReader finds events however the stream is cut', () => {
  const objects = ['a', 'b', 'c'].map((text) => Buffer.from(text.repeat(300)))
  const stream = Buffer.concat(objects.map((object) => encodeWatchFrame('MODIFIED', object)))
  fc.assert(
    fc.property(fc.integer({ min: 1, max: stream.length }), (size) => {
      const reader = new WatchFrameReader()
      const frames = []
      for (let start = 0; start < stream.length; start += size) {
        frames.push(...reader.push(stream.subarray(start, start + size)))
      }
      assert.deepEqual(
        frames.map(({ type, object }) => [type, object]),
        objects.map((object) => ['MODIFIED', object]),
      )
    }),
  )
})
