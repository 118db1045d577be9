import assert from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import type {
  MutatingAdmissionPolicySpec,
  ValidatingAdmissionPolicyBindingSpec,
  ValidatingAdmissionPolicySpec,
} from '../../../api/generated/admissionregistration.v1.ts'
import type { ConfigMap } from '../../../api/generated/core.v1.ts'
import {
  configMaps,
  deployments,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  secrets,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
} from '../../../api/generated/resources.ts'
import { systemClock } from '../../../machinery/clock.ts'
import type { ObjectMeta } from '../../../machinery/meta.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import { alwaysAllow } from '../../authorization/always-allow.ts'
import { HttpsClient } from '../../testing/https-client.ts'
import { refusal, TestRequests } from '../../testing/test-requests.ts'
import { startTestServer, type TestServer } from '../../testing/test-server.ts'
import { createMutatingPolicies, createValidatingPolicies } from './policy-plugins.ts'

let testServer: TestServer
let requests: TestRequests
let client: HttpsClient
/** What is asked by expressions. */
let authorizer: Authorizer
describe('policies', () => {
  before(async () => {
    testServer = await startTestServer({
      admission: (objects, { metrics, log, servedKind }) => {
        const asked: Authorizer = {
          name: 'test',
          authorize: (attributes) => authorizer.authorize(attributes),
        }
        const context = { objects, authorizer: asked, servedKind, metrics, clock: systemClock, log }
        return [createMutatingPolicies(context), createValidatingPolicies(context)]
      },
    })
    client = new HttpsClient(testServer)
  })
  after(async () => {
    client.close()
    await testServer[Symbol.asyncDispose]()
  })
  beforeEach(() => {
    requests = new TestRequests(testServer.server)
    authorizer = alwaysAllow
  })
  afterEach(async () => {
    for (const resource of [
      validatingAdmissionPolicyBindings,
      validatingAdmissionPolicies,
      mutatingAdmissionPolicyBindings,
      mutatingAdmissionPolicies,
    ]) {
      for (const name of await requests.names(resource)) await requests.delete(resource, { name })
    }
    for (const resource of [configMaps, secrets, deployments]) {
      for (const name of await requests.names(resource, 'default')) {
        await requests.delete(resource, { namespace: 'default', name })
      }
    }
  })

  const on = (resource: string, apiGroup = '', operations = ['CREATE', 'UPDATE']) => ({
    resourceRules: [
      { operations, apiGroups: [apiGroup], apiVersions: ['v1'], resources: [resource] },
    ] as never,
  })

  async function validating(
    spec: ValidatingAdmissionPolicySpec,
    binding: Partial<ValidatingAdmissionPolicyBindingSpec> = {},
  ): Promise<void> {
    await requests.create(validatingAdmissionPolicies, {
      metadata: { name: 'p' },
      spec: { matchConstraints: on('configmaps'), ...spec },
    })
    await requests.create(validatingAdmissionPolicyBindings, {
      metadata: { name: 'b' },
      spec: { policyName: 'p', validationActions: ['Deny'], ...binding },
    })
  }

  async function mutating(spec: MutatingAdmissionPolicySpec, name = 'm'): Promise<void> {
    await requests.create(mutatingAdmissionPolicies, {
      metadata: { name },
      spec: { matchConstraints: on('configmaps'), reinvocationPolicy: 'Never', ...spec },
    })
    await requests.create(mutatingAdmissionPolicyBindings, { metadata: { name }, spec: { policyName: name } })
  }

  const configMap = (metadata: ObjectMeta = {}, data?: Record<string, string>): ConfigMap => ({
    metadata: { name: 'c', namespace: 'default', ...metadata },
    ...(data && { data }),
  })
  const create = (metadata: ObjectMeta = {}, data?: Record<string, string>) =>
    refusal(requests.create(configMaps, configMap(metadata, data)))
  const denied = (detail: string, code = '422 Invalid') =>
    `${code}: configmaps "c" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${detail}`

  const short = "object.metadata.name.startsWith('a')"

  const verdicts: readonly (readonly [string, ValidatingAdmissionPolicySpec, string])[] = [
    ['holds', { validations: [{ expression: "object.metadata.name == 'c'" }] }, 'no refusal'],
    ['does not hold', { validations: [{ expression: short }] }, denied(`failed expression: ${short}`)],
    ['says why', { validations: [{ expression: short, message: 'no' }] }, denied('no')],
    [
      'computes why',
      {
        validations: [
          { expression: short, messageExpression: "'not ' + object.metadata.name", message: 'no' },
        ],
      },
      denied('not c'),
    ],
    [
      'gives a reason',
      { validations: [{ expression: short, message: 'no', reason: 'Forbidden' }] },
      denied('no', '403 Forbidden'),
    ],
    [
      'fails',
      { validations: [{ expression: 'object.data.missing == "x"' }] },
      denied(`expression 'object.data.missing == "x"' resulted in error: no such key: data`),
    ],
    [
      'fails, which is ignored',
      { failurePolicy: 'Ignore', validations: [{ expression: 'object.data.x == ""' }] },
      'no refusal',
    ],
    [
      'is about other requests',
      { validations: [{ expression: 'false' }], matchConditions: [{ name: 'x', expression: short }] },
      'no refusal',
    ],
    [
      'reads variables',
      {
        variables: [
          { name: 'name', expression: 'object.metadata.name' },
          { name: 'twice', expression: 'variables.name + variables.name' },
          { name: 'broken', expression: 'object.missing' },
        ],
        validations: [{ expression: "variables.twice == 'cc'" }],
      },
      'no refusal',
    ],
    [
      'reads a variable that fails',
      {
        variables: [{ name: 'v', expression: 'object.missing' }],
        validations: [{ expression: 'variables.v == 1' }],
      },
      denied(
        `expression 'variables.v == 1' resulted in error: composited variable "v" fails to evaluate: no such key: missing`,
      ),
    ],
    [
      'asks who asks, and where',
      {
        validations: [
          { expression: "request.userInfo.username == 'tester' && request.operation == 'CREATE'" },
          { expression: "namespaceObject.metadata.name == 'default' && oldObject == null" },
          { expression: "authorizer.requestResource.check('delete').allowed()" },
        ],
      },
      'no refusal',
    ],
  ]
  for (const [name, spec, expected] of verdicts) {
    test(`a policy that ${name}`, async () => {
      await validating(spec)
      assert.equal(await create(), expected)
    })
  }

  test('a policy is told what does not fit the types that it is about', async () => {
    await validating({
      matchConstraints: on('deployments', 'apps'),
      validations: [{ expression: 'object.spec.replicas > 1' }, { expression: 'object.replicas > 1' }],
    })
    let policy = await requests.get(validatingAdmissionPolicies, { name: 'p' })
    while (policy.status?.observedGeneration !== 1) {
      await new Promise<void>((resolve) => void systemClock.after(5, resolve))
      policy = await requests.get(validatingAdmissionPolicies, { name: 'p' })
    }
    const [warning, ...more] = policy.status.typeChecking?.expressionWarnings ?? []
    assert.equal(more.length, 0)
    assert.equal(warning?.fieldRef, 'spec.validations[1].expression')
    assert.match(
      warning.warning,
      /^apps\/v1, Kind=Deployment: ERROR: <input>:1:7: undefined field 'replicas'/,
    )
  })

  test('a policy may warn instead', async () => {
    await validating(
      { validations: [{ expression: 'false', message: 'no' }] },
      { validationActions: ['Warn', 'Audit'] },
    )
    assert.equal(await create(), 'no refusal')
    assert.deepEqual(requests.warnings, [
      "Validation failed for ValidatingAdmissionPolicy 'p' with binding 'b': no",
    ])
  })

  /** Answers like one that is asked over the network: refuses what is named `forbidden`. */
  const answeringLater: Authorizer = {
    name: 'later',
    async authorize({ name }) {
      await new Promise<void>((resolve) => void systemClock.after(1, resolve))
      return { type: name === 'forbidden' ? 'deny' : 'allow', reason: 'asked' }
    },
  }
  const mayUse = (name: string) =>
    `authorizer.group('').resource('secrets').namespace('default').name(${name}).check('get').allowed()`

  const askedInPlaces: readonly (readonly [string, ValidatingAdmissionPolicySpec, RegExp])[] = [
    ['validations', { validations: [{ expression: mayUse("'forbidden'") }] }, /failed expression/],
    [
      'variables',
      {
        variables: [
          { name: 'one', expression: mayUse("'fine'") },
          { name: 'other', expression: `variables.one && ${mayUse("'forbidden'")}` },
        ],
        validations: [{ expression: 'variables.one' }, { expression: 'variables.other' }],
      },
      /failed expression: variables\.other/,
    ],
    [
      'variables that macros and operators read',
      {
        variables: [{ name: 'names', expression: `['fine', 'forbidden'].filter(n, ${mayUse('n')})` }],
        validations: [{ expression: "variables.names == ['fine'] && has(object.data) || false" }],
      },
      /failed expression: variables\.names/,
    ],
    [
      'conditions',
      {
        matchConditions: [{ name: 'c', expression: mayUse("'fine'") }],
        validations: [{ expression: 'false', message: 'reached' }],
      },
      /reached/,
    ],
  ]
  for (const [place, spec, expected] of askedInPlaces) {
    test(`an authorizer that answers later is waited for in ${place}`, async () => {
      authorizer = answeringLater
      await validating(spec)
      assert.match(await refusal(requests.create(configMaps, configMap())), expected)
    })
  }

  test('an authorizer that answers later is waited for in mutations', async () => {
    authorizer = answeringLater
    await mutating({
      variables: [{ name: 'may', expression: mayUse("'forbidden'") }],
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: { expression: "Object{data: {'may': string(variables.may)}}" },
        },
      ],
    })
    assert.deepEqual((await requests.create(configMaps, configMap())).data, { may: 'false' })
  })

  test('a policy without a binding does nothing', async () => {
    await requests.create(validatingAdmissionPolicies, {
      metadata: { name: 'p' },
      spec: { matchConstraints: on('configmaps'), validations: [{ expression: 'false' }] },
    })
    assert.equal(await create(), 'no refusal')
  })

  const params: readonly (readonly [string, object, string])[] = [
    [
      'by name',
      { name: 'limits', parameterNotFoundAction: 'Deny' },
      denied('failed expression: object.data.x == params.data.x'),
    ],
    [
      'by labels',
      { selector: { matchLabels: { a: 'b' } }, parameterNotFoundAction: 'Deny' },
      denied('failed expression: object.data.x == params.data.x'),
    ],
    [
      'that are not there',
      { name: 'other', parameterNotFoundAction: 'Deny' },
      denied(
        'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
      ),
    ],
    ['that need not be there', { name: 'other', parameterNotFoundAction: 'Allow' }, 'no refusal'],
  ]
  for (const [name, paramRef, expected] of params) {
    test(`parameters ${name}`, async () => {
      await requests.create(secrets, {
        metadata: { name: 'limits', namespace: 'default', labels: { a: 'b' } },
        data: { x: 'eQ==' },
      })
      await validating(
        {
          paramKind: { apiVersion: 'v1', kind: 'Secret' },
          validations: [{ expression: 'object.data.x == params.data.x' }],
        },
        { paramRef },
      )
      assert.equal(await create({}, { x: 'z' }), expected)
    })
  }

  test('parameters of a kind that nobody serves', async () => {
    await validating({
      paramKind: { apiVersion: 'a.b/v1', kind: 'None' },
      validations: [{ expression: 'true' }],
    })
    assert.equal(
      await create(),
      `422 Invalid: configmaps "c" is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: ` +
        `failed to find resource referenced by paramKind: 'a.b/v1, Kind=None'`,
    )
  })

  test('what one evaluation may cost is limited', async () => {
    const range = '[0,1,2,3,4,5,6,7,8,9]'
    const expression = `${range}.all(a, ${range}.all(b, ${range}.all(c, ${range}.all(d, ${range}.all(e, ${range}.all(f, true))))))`
    await validating({ validations: [{ expression }] })
    assert.match(await create(), /resulted in error: operation cancelled: actual cost limit exceeded$/)
  })

  const wrong: readonly (readonly [string, ValidatingAdmissionPolicySpec, RegExp])[] = [
    [
      'does not compile',
      { validations: [{ expression: 'foo' }] },
      /spec\.validations\[0\]\.expression: Invalid value: "foo": compilation failed: ERROR: <input>:1:1: undeclared reference to 'foo'/,
    ],
    [
      'is no condition',
      { validations: [{ expression: '1' }] },
      /spec\.validations\[0\]\.expression: Invalid value: "1": must evaluate to bool/,
    ],
    [
      'says nothing',
      {},
      /spec\.validations: Required value: validations or auditAnnotations must contain at least one item/,
    ],
    [
      'has a variable with a bad name',
      { variables: [{ name: 'in', expression: '1' }], validations: [{ expression: 'true' }] },
      /spec\.variables\[0\]\.name: Invalid value: "in": must be a valid CEL identifier/,
    ],
    [
      'has a bad condition',
      { matchConditions: [{ name: 'x', expression: '1' }], validations: [{ expression: 'true' }] },
      /spec\.matchConditions\[0\]\.expression: Invalid value: "1": must evaluate to bool/,
    ],
  ]
  for (const [name, spec, expected] of wrong) {
    test(`a policy that ${name} is refused`, async () => {
      assert.match(await refusal(validating(spec)), expected)
    })
  }

  test('a mutating policy applies a configuration', async () => {
    await mutating({
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression: 'Object{metadata: Object.metadata{labels: {"by": "policy"}}, data: {"b": "2"}}',
          },
        },
      ],
    })
    const created = await requests.create(configMaps, configMap({ labels: { own: 'x' } }, { a: '1' }))
    assert.deepEqual(created.metadata?.labels, { own: 'x', by: 'policy' })
    assert.deepEqual(created.data, { a: '1', b: '2' })
  })

  test('a mutating policy merges lists by their keys', async () => {
    await mutating({
      matchConstraints: on('deployments', 'apps'),
      mutations: [
        {
          patchType: 'ApplyConfiguration',
          applyConfiguration: {
            expression:
              'Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{' +
              'containers: [Object.spec.template.spec.containers{name: "c", image: "other"}]}}}}',
          },
        },
      ],
    })
    const selector = { matchLabels: { app: 'a' } }
    const containers = [
      { name: 'c', image: 'i', command: ['x'] },
      { name: 'd', image: 'i' },
    ]
    const created = await requests.create(deployments, {
      metadata: { name: 'd', namespace: 'default' },
      spec: { selector, template: { metadata: { labels: { app: 'a' } }, spec: { containers } } },
    })
    const made = created.spec?.template.spec?.containers ?? []
    assert.deepEqual(
      made.map(({ name, image, command }) => [name, image, command]),
      [
        ['c', 'other', ['x']],
        ['d', 'i', undefined],
      ],
    )
  })

  test('a mutating policy patches', async () => {
    await mutating({
      variables: [{ name: 'key', expression: "'a/b'" }],
      mutations: [
        {
          patchType: 'JSONPatch',
          jsonPatch: {
            expression:
              '[JSONPatch{op: "test", path: "/data/x", value: "1"}, ' +
              'JSONPatch{op: "add", path: "/metadata/annotations", value: {variables.key: "v"}}]',
          },
        },
      ],
    })
    const created = await requests.create(configMaps, configMap({}, { x: '1' }))
    assert.deepEqual(created.metadata?.annotations, { 'a/b': 'v' })
    const other = await requests.create(configMaps, configMap({ name: 'd' }, { x: '2' }))
    assert.equal(other.metadata?.annotations, undefined)
  })

  test('mutating policies run again when the object changes after them', async () => {
    const count = (key: string) => ({
      patchType: 'JSONPatch' as const,
      jsonPatch: {
        expression: `[JSONPatch{op: "add", path: "/data/${key}", value: string(size(object.data))}]`,
      },
    })
    await mutating({ reinvocationPolicy: 'IfNeeded', mutations: [count('first')] }, 'm1')
    await mutating({ mutations: [count('second')] }, 'm2')
    const created = await requests.create(configMaps, configMap({}, { x: '1' }))
    assert.deepEqual(created.data, { x: '1', first: '3', second: '2' })
  })

  const wrongMutations: readonly (readonly [string, string, RegExp])[] = [
    [
      'fails',
      'Object{data: {"x": object.missing}}',
      /^403 Invalid: policy 'm' with binding 'm' denied request: expression '.*' resulted in error: no such key: missing$/,
    ],
    [
      'makes something else',
      'Object{metadata: Object.wrong{}}',
      /denied request: type mismatch: unexpected type name "Object.wrong", expected "Object.metadata", which matches field name path from root Object type$/,
    ],
    [
      'names no field',
      'Object{wrong: "x"}',
      /denied request: error applying patch: failed to convert patch object to typed object: .*wrong/,
    ],
  ]
  for (const [name, expression, expected] of wrongMutations) {
    test(`a mutation that ${name} is refused`, async () => {
      await mutating({ mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression } }] })
      assert.match(await create(), expected)
    })
  }

  test('evaluations are counted under upstream’s names', async () => {
    const { text } = await client.send('/metrics')
    assert.match(
      text,
      /apiserver_validating_admission_policy_check_total\{policy="p",policy_binding="b",error_type="invalid_error",enforcement_action="deny"\} \d+/,
    )
    assert.match(
      text,
      /apiserver_mutating_admission_policy_check_total\{policy="m",policy_binding="m",error_type="no_error"\} \d+/,
    )
  })
})
