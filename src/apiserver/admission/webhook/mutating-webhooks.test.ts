import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { AdmissionReview } from '../../../api/generated/admission.v1.ts'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import { configMaps } from '../../../api/generated/resources.ts'
import type { JsonValue } from '../../../machinery/meta.ts'
import { refusal } from '../../testing/test-requests.ts'
import { allow, configMap, patchWith, useHookedServer } from '../testing/hooked-server.ts'

describe('mutating webhooks', () => {
  const server = useHookedServer()

  test('mutating webhooks are asked by name, each with what the one before made', async () => {
    await server.mutating('b', server.webhook({ path: '/b' }))
    await server.mutating(
      'a',
      server.webhook({ path: '/a1', name: 'one.example.com' }),
      server.webhook({ path: '/a2' }),
    )
    server.hooks.respond = (review: AdmissionReview) => {
      const { data = {} } = review.request!.object as ConfigMap
      const key = `k${Object.keys(data).length}`
      return patchWith({ op: 'add', path: '/data', value: { ...data, [key]: 'x' } })(review)
    }
    const { data } = await server.requests.create(configMaps, configMap())
    assert.deepEqual(Object.keys(data ?? {}), ['k0', 'k1', 'k2'])
    assert.deepEqual(
      server.hooks.calls.map(({ path }) => path.split('?')[0]),
      ['/a1', '/a2', '/b'],
    )
  })

  test('a webhook is asked again when the object changes after it, if it wants to', async () => {
    const patched = new Set<string>()
    await server.mutating(
      'm',
      server.webhook({ path: '/first', name: 'first.example.com', reinvocationPolicy: 'IfNeeded' }),
      server.webhook({ path: '/second', name: 'second.example.com' }),
    )
    server.hooks.respond = (review: AdmissionReview) => {
      const path = server.hooks.calls.at(-1)!.path.split('?')[0]!
      if (path !== '/second' || patched.has(path)) return allow(review)
      patched.add(path)
      return patchWith({ op: 'add', path: '/metadata/labels', value: { by: 'second' } })(review)
    }
    await server.requests.create(configMaps, configMap())
    assert.deepEqual(
      server.hooks.calls.map(({ path }) => path.split('?')[0]),
      ['/first', '/second', '/first'],
    )
    assert.deepEqual((server.reviews()[2]!.object as ConfigMap).metadata?.labels, { by: 'second' })
  })

  test('a patch is read, and noted, as Go reads and writes JSON', async () => {
    await server.mutating('m', server.webhook())
    server.hooks.respond = patchWith({ op: 'add', path: '/data', value: { text: '<\ud800>' } })
    const { data } = await server.requests.create(configMaps, configMap())
    assert.deepEqual(data, { text: '<\ufffd>' })
    assert.match(
      server.requests.notes.get('patch.webhook.admission.k8s.io/round_0_index_0') ?? '',
      /"value":\{"text":"\\u003c\ufffd\\u003e"\}/,
    )
    const undecodable = Buffer.from('[{"op"]').toString('base64')
    server.hooks.respond = (review: AdmissionReview) => {
      const { response, ...rest } = allow(review)
      return { ...rest, response: { ...response, patchType: 'JSONPatch', patch: undecodable } }
    }
    assert.match(
      await refusal(server.requests.create(configMaps, configMap())),
      /received undecodable patch in webhook response: invalid character ']' after object key$/,
    )
  })

  const badPatches: readonly (readonly [string, JsonValue[], RegExp])[] = [
    ['does not apply', [{ op: 'remove', path: '/data/x' }], /^500 InternalError: Internal error occurred: /],
    ['is no patch', ['x'], /received undecodable patch in webhook response: json: cannot unmarshal string/],
    [
      'makes no object',
      [{ op: 'add', path: '/data', value: 5 }],
      /^500 InternalError: Internal error occurred: .*data/,
    ],
  ]
  for (const [name, patch, expected] of badPatches) {
    test(`a patch that ${name} is an internal error`, async () => {
      await server.mutating('m', server.webhook())
      server.hooks.respond = patchWith(...patch)
      assert.match(await refusal(server.requests.create(configMaps, configMap())), expected)
    })
  }

  test('what a webhook adds is defaulted, validated, and belongs to nobody', async () => {
    await server.mutating('m', server.webhook())
    server.hooks.respond = patchWith({ op: 'add', path: '/data', value: { 'not a key': 'x' } })
    assert.match(await refusal(server.requests.create(configMaps, configMap())), /^422 Invalid: .*not a key/)
    server.hooks.respond = patchWith({ op: 'add', path: '/data/added', value: 'x' })
    const applied = await server.requests.patch(
      configMaps,
      { namespace: 'default', name: 'c' },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'c' }, data: { mine: 'x' } },
      'apply',
      { fieldManager: 'm' },
    )
    assert.deepEqual(applied.data, { mine: 'x', added: 'x' })
    assert.deepEqual(applied.metadata?.managedFields?.[0]?.fieldsV1, { 'f:data': { 'f:mine': {} } })
  })

  test('a deletion cannot be patched', async () => {
    await server.requests.create(configMaps, configMap())
    await server.mutating('m', server.webhook())
    server.hooks.respond = patchWith({ op: 'add', path: '/data', value: {} })
    assert.match(
      await refusal(server.requests.delete(configMaps, { namespace: 'default', name: 'c' })),
      /attempted to modify the object, which is not supported for this operation$/,
    )
    server.hooks.respond = allow
  })
})
