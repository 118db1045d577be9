import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { configMaps } from '../../../api/generated/resources.ts'
import { refusal } from '../../testing/test-requests.ts'
import { usePolicyServer } from '../testing/policy-server.ts'

const patch = (expression: string) => ({ patchType: 'JSONPatch' as const, jsonPatch: { expression } })
const apply = (expression: string) => ({
  patchType: 'ApplyConfiguration' as const,
  applyConfiguration: { expression },
})

describe('a mutating policy', () => {
  const server = usePolicyServer()

  it('that makes what its kind does not know fails the request, whatever its failurePolicy', async () => {
    await server.mutating({
      failurePolicy: 'Ignore',
      mutations: [patch('[JSONPatch{op: "add", path: "/wrong", value: "x"}]')],
    })
    assert.equal(
      await server.create(),
      '500 InternalError: Internal error occurred: strict decoding error: unknown field "wrong"',
    )
  })

  it('that makes what its kind cannot hold fails the request, whatever its failurePolicy', async () => {
    await server.mutating({
      failurePolicy: 'Ignore',
      mutations: [patch('[JSONPatch{op: "add", path: "/data", value: "x"}]')],
    })
    assert.match(await server.create(), /^500 InternalError: Internal error occurred: /)
  })

  it('that fails in several conditions says all of it', async () => {
    await server.mutating({
      matchConditions: [
        { name: 'a', expression: 'object.one == 1' },
        { name: 'b', expression: 'object.other == 1' },
      ],
      mutations: [apply('Object{}')],
    })
    assert.equal(
      await server.create(),
      "403 Invalid: policy 'm' with binding 'm' denied request: " +
        "[expression 'object.one == 1' resulted in error: no such key: one, " +
        "expression 'object.other == 1' resulted in error: no such key: other]",
    )
  })

  it('that wants it runs again after its own change', async () => {
    await server.mutating({
      reinvocationPolicy: 'IfNeeded',
      mutations: [
        patch('[JSONPatch{op: "add", path: "/data/" + "x" + string(size(object.data)), value: "y"}]'),
      ],
    })
    const object = { metadata: { name: 'c', namespace: 'default' }, data: { a: 'b' } }
    assert.deepEqual((await server.requests.create(configMaps, object)).data, { a: 'b', x1: 'y', x2: 'y' })
  })

  it('may not make objects in variables', async () => {
    const refused = await refusal(
      server.mutating({
        variables: [{ name: 'made', expression: 'Object{data: {"a": "b"}}' }],
        mutations: [apply('variables.made')],
      }),
    )
    assert.match(
      refused,
      /spec\.variables\[0\]\.expression: Invalid value: .*undeclared reference to 'Object'/,
    )
  })

  it('is counted by mutation, with the kind of its failure', async () => {
    await server.mutating(
      { failurePolicy: 'Ignore', mutations: [apply('Object{}'), apply('Object{data: object.missing}')] },
      'counted',
    )
    assert.equal(await server.create(), 'no refusal')
    const { text } = await server.client.send('/metrics')
    const counted = text.match(/apiserver_mutating_admission_policy_check_total\{policy="counted".*\} \d+/g)
    assert.deepEqual(counted?.toSorted(), [
      'apiserver_mutating_admission_policy_check_total{policy="counted",policy_binding="counted",error_type="invalid_error"} 1',
      'apiserver_mutating_admission_policy_check_total{policy="counted",policy_binding="counted",error_type="no_error"} 1',
    ])
    assert.match(text, /# HELP apiserver_mutating_admission_policy_check_total \[ALPHA\]/)
  })
})
