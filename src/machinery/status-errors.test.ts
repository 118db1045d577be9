import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invalid as invalidField, required } from './field-error.ts'
import { genericServerResponse } from './generic-server-response.ts'
import * as errors from './status-errors.ts'
import { StatusError } from './status.ts'

test('notFound answers with the whole Status', () => {
  assert.deepEqual(errors.notFound('deployments.apps', 'web').status, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'deployments.apps "web" not found',
    reason: 'NotFound',
    details: { name: 'web', group: 'apps', kind: 'deployments' },
    code: 404,
  })
})

test('factories word as upstream', () => {
  const pods = { group: '', resource: 'pods' }
  const rows: readonly (readonly [StatusError, number, string, string])[] = [
    [errors.alreadyExists(pods, 'a'), 409, 'AlreadyExists', 'pods "a" already exists'],
    [
      errors.generateNameConflict(pods, 'a', 1),
      409,
      'AlreadyExists',
      'pods "a" already exists, the server was not able to generate a unique name for the object',
    ],
    [
      errors.conflict(pods, 'a'),
      409,
      'Conflict',
      'Operation cannot be fulfilled on pods "a": the object has been modified; ' +
        'please apply your changes to the latest version and try again',
    ],
    [errors.unauthorized(), 401, 'Unauthorized', 'not authorized'],
    [errors.forbidden(pods, 'a', 'no'), 403, 'Forbidden', 'pods "a" is forbidden: no'],
    [errors.forbidden(pods, '', 'no'), 403, 'Forbidden', 'pods is forbidden: no'],
    [errors.forbidden('', '', 'no'), 403, 'Forbidden', 'forbidden: no'],
    [
      errors.methodNotSupported('deployments.apps', 'patch'),
      405,
      'MethodNotAllowed',
      'patch is not supported on resources of kind "deployments.apps"',
    ],
    [
      errors.notAcceptable(['a/b', 'c/d']),
      406,
      'NotAcceptable',
      'only the following media types are accepted: a/b, c/d',
    ],
    [
      errors.unsupportedMediaType(['a/b', 'c/d']),
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: a/b, c/d',
    ],
    [
      errors.requestEntityTooLarge('limit is 3'),
      413,
      'RequestEntityTooLarge',
      'Request entity too large: limit is 3',
    ],
    [errors.tooManyRequests('slow down', 2), 429, 'TooManyRequests', 'slow down'],
    [
      errors.serverTimeout(pods, 'list', 2),
      500,
      'ServerTimeout',
      'The list operation against pods could not be completed at this time, please try again.',
    ],
    [errors.timeoutError('late', 0), 504, 'Timeout', 'Timeout: late'],
    [errors.tooOldResourceVersion(3, 7n), 410, 'Expired', 'too old resource version: 3 (7)'],
    [
      errors.tooLargeResourceVersion(9n, 7n, 1),
      504,
      'Timeout',
      'Timeout: Too large resource version: 9, current: 7',
    ],
    [errors.gone('away'), 410, 'Gone', 'away'],
    [errors.internalError(new Error('oops')), 500, 'InternalError', 'Internal error occurred: oops'],
    [errors.serviceUnavailable('later'), 503, 'ServiceUnavailable', 'later'],
  ]
  for (const [error, code, reason, message] of rows) {
    assert.deepEqual([error.status.code, error.status.reason, error.message], [code, reason, message])
  }
})

test('invalid lists the faults in message and causes', () => {
  const error = errors.invalid({ group: 'apps', kind: 'Deployment' }, 'web', [
    required('spec.selector'),
    invalidField('spec.replicas', -1, 'must be greater than or equal to 0'),
  ])
  assert.equal(
    error.message,
    'Deployment.apps "web" is invalid: [spec.selector: Required value, ' +
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0]',
  )
  assert.deepEqual(error.status.details, {
    name: 'web',
    group: 'apps',
    kind: 'Deployment',
    causes: [
      { reason: 'FieldValueRequired', message: 'Required value', field: 'spec.selector' },
      {
        reason: 'FieldValueInvalid',
        message: 'Invalid value: -1: must be greater than or equal to 0',
        field: 'spec.replicas',
      },
    ],
  })
})

test('predicates trust known reasons before codes', () => {
  assert.equal(errors.isConflict(errors.conflict('pods', 'a')), true)
  assert.equal(errors.isConflict(errors.alreadyExists('pods', 'a')), false)
  assert.equal(errors.isConflict(new StatusError(409, 'Odd', '')), true)
  assert.equal(errors.isNotFound(new Error('not found')), false)
  assert.equal(errors.isGone(errors.expired('x')), false)
  assert.equal(errors.isTooManyRequests(new StatusError(429, 'Timeout', '')), true)
})

test('from keeps StatusErrors and hides nothing of others', () => {
  const known = errors.badRequest('x')
  assert.equal(errors.from(known), known)
  assert.deepEqual(errors.from(new TypeError('boom')).status.details, { causes: [{ message: 'boom' }] })
  assert.equal(errors.from('text').message, 'Internal error occurred: text')
})

test('suggestedDelaySeconds reads retryAfterSeconds', () => {
  assert.equal(errors.suggestedDelaySeconds(errors.tooManyRequests('x', 4)), 4)
  assert.equal(errors.suggestedDelaySeconds(errors.serverTimeout('pods', 'get', 0)), 0)
  assert.equal(errors.suggestedDelaySeconds(errors.badRequest('x')), undefined)
})

test('genericServerResponse words what a proxy answered', () => {
  const pods = { group: '', resource: 'pods' }
  const bad = genericServerResponse({ code: 502, verb: 'GET', resource: pods, name: 'a', message: 'nope' })
  assert.equal(
    bad.message,
    'an error on the server ("nope") has prevented the request from succeeding (get pods a)',
  )
  assert.equal(
    genericServerResponse({ code: 404, verb: 'get', message: '' }).message,
    'the server could not find the requested resource',
  )
})
