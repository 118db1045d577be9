import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  BodyError,
  bodyErrorMessage,
  decodeJsonBody,
  decodeYamlBody,
  strictErrorMessage,
} from './decode-body.ts'
import { schemaOf } from './scheme.ts'

const pod = { group: '', version: 'v1', kind: 'Pod' }
const options = { schemaOf, defaultKind: pod, strict: true }

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

test('decodeJsonBody completes the kind from the default', () => {
  for (const body of ['{}', '{"kind":"Pod"}', '{"apiVersion":"v1"}', '{"kind":null}']) {
    const { object, kind } = decodeJsonBody(bytes(body), options)
    assert.deepEqual(kind, pod)
    assert.deepEqual([object.kind, object.apiVersion], ['Pod', 'v1'])
  }
})

test('decodeJsonBody and decodeYamlBody collect unknown and duplicate fields', () => {
  const json = '{"spec":{"foo":1,"nodeName":"a","nodeName":"b","containers":[{"bar":1}]}}'
  const fromJson = decodeJsonBody(bytes(json), options)
  assert.equal(
    strictErrorMessage(fromJson.strictErrors),
    'strict decoding error: unknown field "spec.foo", unknown field "spec.containers[0].bar", duplicate field "spec.nodeName"',
  )
  const fromYaml = decodeYamlBody(bytes('spec:\n  foo: 1\n  nodeName: a\n  nodeName: b\n'), options)
  assert.deepEqual(fromYaml.strictErrors, [
    'unknown field "spec.foo"',
    'yaml: unmarshal errors:\n  line 4: key "nodeName" already set in map',
  ])
  assert.deepEqual(decodeJsonBody(bytes(json), { ...options, strict: false }).strictErrors, [])
})

test('a body that cannot be decoded is refused in the words of upstream', () => {
  const rows: readonly [body: string, message: string][] = [
    [
      '{"kind":"Pod"',
      `the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: unexpected end of JSON input ({"kind":"Pod")`,
    ],
    [
      '',
      `the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: unexpected end of JSON input (<empty>)`,
    ],
    [
      '{"kind":5}',
      `the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})`,
    ],
    [
      '{"apiVersion":"a/b/c"}',
      'the object provided is unrecognized (must be of type Pod): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})',
    ],
    [
      '{"kind":"Foo","apiVersion":"example.com/v1"}',
      'Foo in version "v1" cannot be handled as a Pod: no kind "Foo" is registered for version "example.com/v1" in scheme "pkg/api/legacyscheme/scheme.go:30"',
    ],
    [
      '{"spec":5}',
      'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field Pod.spec of type v1.PodSpec',
    ],
  ]
  for (const [body, message] of rows) {
    assert.throws(
      () => decodeJsonBody(bytes(body), options),
      (error) => {
        assert.ok(error instanceof BodyError)
        assert.equal(bodyErrorMessage(error, 'Pod', bytes(body)), message)
        return true
      },
    )
  }
})

test('without a default the body must name its kind', () => {
  const bare = { schemaOf }
  assert.throws(() => decodeJsonBody(bytes('{}'), bare), { message: "Object 'Kind' is missing in '{}'" })
  assert.throws(() => decodeJsonBody(bytes('{"kind":"Pod"}'), bare), {
    message: `Object 'apiVersion' is missing in '{"kind":"Pod"}'`,
  })
})

test('decodeYamlBody gives each place its own copy of what an alias repeats', () => {
  const yaml = 'metadata:\n  labels: &same {a: b}\n  annotations: *same\n'
  const { metadata } = decodeYamlBody(bytes(yaml), options).object
  assert.deepEqual(metadata?.labels, metadata?.annotations)
  assert.notEqual(metadata?.labels, metadata?.annotations)
})
