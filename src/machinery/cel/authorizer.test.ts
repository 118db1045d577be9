import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  authorizerDeclaration,
  requestResourceCheck,
  requestResourceDeclaration,
} from './authorizer-declarations.ts'
import type { CelAuthorizationAttributes, CelDecision } from './authorizer.ts'
import { CelBudget } from './budget.ts'
import { createCelEnvironment } from './environment.ts'
import type { CelValue } from './values/value.ts'

const environment = createCelEnvironment({
  variables: {
    authorizer: authorizerDeclaration,
    'authorizer.requestResource': requestResourceDeclaration,
  },
})
const requestResource = {
  group: 'apps',
  resource: 'deployments',
  subresource: 'scale',
  namespace: 'a',
  name: 'b',
}

/** The value of an expression, or its error, and what the authoriser was asked. */
function ask(
  expression: string,
  decision: CelDecision = { allowed: true, reason: '' },
): { readonly value: CelValue; readonly asked: readonly CelAuthorizationAttributes[] } {
  const asked: CelAuthorizationAttributes[] = []
  const authorizer = {
    authorize(attributes: CelAuthorizationAttributes) {
      asked.push(attributes)
      return decision
    },
  }
  const compilation = environment.compile(expression)
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  const outcome = compilation.program.evaluate(
    { authorizer, 'authorizer.requestResource': requestResourceCheck(authorizer, requestResource) },
    new CelBudget(),
  )
  return { value: 'value' in outcome ? outcome.value : `error: ${outcome.error.message}`, asked }
}

const pods = {
  isResourceRequest: true,
  version: '*',
  group: '',
  resource: 'pods',
  subresource: '',
  namespace: '',
  name: '',
} as const

const questions: readonly (readonly [string, object])[] = [
  ["authorizer.path('/healthz').check('GET')", { isResourceRequest: false, path: '/healthz', verb: 'GET' }],
  ["authorizer.path('healthz').check('get')", { isResourceRequest: false, path: 'healthz', verb: 'get' }],
  ["authorizer.group('').resource('pods').check('list')", { ...pods, verb: 'list' }],
  [
    "authorizer.group('').resource('pods').subresource('status').namespace('n').name('p').check('get')",
    { ...pods, subresource: 'status', namespace: 'n', name: 'p', verb: 'get' },
  ],
  [
    "authorizer.group('').resource('pods').namespace('n').namespace('').name('p').name('').check('get')",
    { ...pods, verb: 'get' },
  ],
  [
    "authorizer.group('').resource('pods').fieldSelector('spec.nodeName=a').labelSelector('app in (b)').check('list')",
    { ...pods, verb: 'list', fieldSelector: 'spec.nodeName=a', labelSelector: 'app in (b)' },
  ],
  [
    "authorizer.group('').resource('pods').fieldSelector('no selector').fieldSelector('a!=b').check('watch')",
    { ...pods, verb: 'watch', fieldSelector: 'a!=b' },
  ],
  [
    "authorizer.serviceAccount('n', 'a.b').group('').resource('pods').check('list')",
    { ...pods, verb: 'list', serviceAccount: { namespace: 'n', name: 'a.b' } },
  ],
  [
    "authorizer.serviceAccount('n', 'a').serviceAccount('m', 'b').path('/').check('get')",
    { isResourceRequest: false, path: '/', verb: 'get', serviceAccount: { namespace: 'm', name: 'b' } },
  ],
  [
    "authorizer.requestResource.check('update')",
    { ...requestResource, isResourceRequest: true, version: '*', verb: 'update' },
  ],
  [
    "authorizer.requestResource.subresource('').labelSelector('a=b').check('list')",
    {
      ...requestResource,
      isResourceRequest: true,
      version: '*',
      subresource: '',
      labelSelector: 'a=b',
      verb: 'list',
    },
  ],
]
for (const [check, question] of questions) {
  test(`the authoriser is asked what ${check} says`, () => {
    const { value, asked } = ask(`${check}.allowed()`)
    assert.equal(value, true)
    assert.deepEqual(asked, [question])
  })
}

const mistakes: readonly (readonly [string, string])[] = [
  ["authorizer.path('').check('get').allowed()", 'path must not be empty'],
  ["authorizer.path(' \\t').check('get').allowed()", 'path must not be empty'],
  ["authorizer.group('apps').resource('').check('get').allowed()", 'resource must not be empty'],
  ["authorizer.group('apps').resource('  ').check('get').allowed()", 'resource must not be empty'],
  [
    "authorizer.serviceAccount('n', 'not@valid').path('/').check('get').allowed()",
    'Invalid service account name',
  ],
  [
    "authorizer.serviceAccount('a.b', 'valid').path('/').check('get').allowed()",
    'Invalid service account namespace',
  ],
  ["authorizer.group('') == authorizer.group('')", 'no such overload'],
  ['authorizer == authorizer', 'no such overload'],
  ['authorizer.requestResource == authorizer.requestResource', 'no such overload'],
]
for (const [expression, message] of mistakes) {
  test(`${expression} fails: ${message}`, () => {
    const { value, asked } = ask(expression)
    assert.deepEqual([value, asked], [`error: ${message}`, []])
  })
}

/** What cel-go makes of values that cannot be compared. */
const comparisons: readonly (readonly [string, boolean])[] = [
  ['authorizer != authorizer', true],
  ['dyn(authorizer) == null', false],
  ['authorizer in [authorizer]', false],
  ['[authorizer] == [authorizer]', true],
  ["{'a': authorizer} == {'a': authorizer}", true],
]
for (const [expression, expected] of comparisons) {
  test(`${expression} is ${expected}`, () => {
    assert.deepEqual(ask(expression), { value: expected, asked: [] })
  })
}

const decisions: readonly (readonly [CelDecision, readonly [boolean, string, boolean, string]])[] = [
  [{ allowed: true, reason: 'because' }, [true, 'because', false, '']],
  [{ allowed: false, reason: '' }, [false, '', false, '']],
  [{ allowed: false, reason: 'nobody knows', error: 'broken' }, [false, 'nobody knows', true, 'broken']],
]
for (const [decision, expected] of decisions) {
  test(`a decision tells ${JSON.stringify(expected)}`, () => {
    const told = ['allowed', 'reason', 'errored', 'error'].map(
      (word) => ask(`authorizer.path('/').check('get').${word}()`, decision).value,
    )
    assert.deepEqual(told, expected)
  })
}
