import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '../../../api/generated/resources.ts'
import {
  authorizerDeclaration,
  requestResourceDeclaration,
} from '../../../machinery/cel/authorizer-declarations.ts'
import { CelBudget } from '../../../machinery/cel/budget.ts'
import { createCelEnvironment } from '../../../machinery/cel/environment.ts'
import type { Attributes, Decision } from '../../authorization/authorizer.ts'
import { requestedVersion } from '../matching/versions.ts'
import { admissionRequest } from '../testing/admission-requests.ts'
import { admissionVariables } from './admission-variables.ts'

const environment = createCelEnvironment({
  variables: {
    authorizer: authorizerDeclaration,
    'authorizer.requestResource': requestResourceDeclaration,
  },
})

/** The value of an expression about a ConfigMap that jane creates, and what the cluster's authoriser was asked. */
function evaluate(expression: string, decision: Decision = { type: 'allow', reason: '' }) {
  const asked: Attributes[] = []
  const authorizer = {
    name: 'test',
    authorize(attributes: Attributes) {
      asked.push(attributes)
      return decision
    },
  }
  const request = admissionRequest('CREATE', configMaps, { metadata: { namespace: 'n', name: 'c' } })
  const compilation = environment.compile(expression)
  assert.ok(compilation.ok, compilation.ok ? '' : compilation.text)
  const variables = admissionVariables({ request, version: requestedVersion(request), authorizer })
  const outcome = compilation.program.evaluate(variables, new CelBudget())
  return { value: 'value' in outcome ? outcome.value : outcome.error.message, asked }
}

const jane = { name: 'jane', groups: ['system:authenticated'] }

test('admissionVariables asks for the request’s user about what is requested, in any version', () => {
  const { asked } = evaluate("authorizer.requestResource.check('delete').allowed()")
  assert.deepEqual(asked, [
    {
      user: jane,
      verb: 'delete',
      isResourceRequest: true,
      group: '',
      version: '*',
      resource: 'configmaps',
      subresource: '',
      namespace: 'n',
      name: 'c',
      path: '',
    },
  ])
})

test('admissionVariables asks for a service account as nobody has authenticated it', () => {
  const { asked } = evaluate("authorizer.serviceAccount('ns', 'sa').path('/x').check('get').allowed()")
  assert.deepEqual(asked[0]?.user, {
    name: 'system:serviceaccount:ns:sa',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:ns'],
  })
})

test('admissionVariables hands selectors to the authoriser', () => {
  const { asked } = evaluate(
    "authorizer.group('').resource('pods').fieldSelector('a=b').labelSelector('c').check('list').allowed()",
  )
  assert.deepEqual([asked[0]?.fieldSelector, asked[0]?.labelSelector], ['a=b', 'c'])
})

test('admissionVariables tells expressions what kept an authoriser from an answer', () => {
  const decision = { type: 'noOpinion', reason: 'none', error: new Error('broken') } as const
  const check = "authorizer.path('/').check('get')"
  const told = ['allowed', 'reason', 'errored', 'error'].map(
    (word) => evaluate(`${check}.${word}()`, decision).value,
  )
  assert.deepEqual(told, [false, 'none', true, 'broken'])
})
