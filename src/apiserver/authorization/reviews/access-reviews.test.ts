import assert from 'node:assert/strict'
import { describe, it, test } from 'node:test'
import type { SubjectAccessReviewSpec } from '../../../api/generated/authorization.v1.ts'
import type { Attributes, Authorizer } from '../authorizer.ts'
import { createPathAuthorizer } from '../path-authorizer.ts'
import { createUnionAuthorizer } from '../union.ts'
import { reviewLocalSubjectAccess, reviewOwnAccess, reviewSubjectAccess } from './access-reviews.ts'
import { reviewOwnRules } from './rules-review.ts'

let last: Attributes | undefined
const authorizer: Authorizer = {
  name: 'test',
  authorize(attributes) {
    last = attributes
    if (attributes.verb === 'get') return { type: 'allow', reason: 'because' }
    return attributes.verb === 'delete'
      ? { type: 'deny', reason: 'never' }
      : { type: 'noOpinion', reason: '' }
  },
}
const jane = { name: 'jane', groups: ['dev'] }

describe('reviewSubjectAccess', () => {
  for (const [verb, status] of [
    ['get', { allowed: true, reason: 'because' }],
    ['list', { allowed: false }],
    ['delete', { allowed: false, denied: true, reason: 'never' }],
  ] as const) {
    it(`answers about ${verb}`, async () => {
      const review = await reviewSubjectAccess(
        { spec: { user: 'jane', resourceAttributes: { verb, resource: 'pods', namespace: 'n' } } },
        authorizer,
      )
      assert.deepEqual(review.status, status)
    })
  }

  const invalid: readonly [SubjectAccessReviewSpec, string][] = [
    [
      { user: 'jane' },
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      { resourceAttributes: {} },
      'spec.user: Invalid value: "": at least one of user or group must be specified',
    ],
    [
      { user: 'jane', resourceAttributes: {}, nonResourceAttributes: { path: '/x' } },
      'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: cannot be specified in combination with resourceAttributes',
    ],
  ]
  for (const [spec, message] of invalid) {
    it(`refuses ${JSON.stringify(spec)}`, async () => {
      await assert.rejects(reviewSubjectAccess({ spec }, authorizer), {
        message: `SubjectAccessReview.authorization.k8s.io "" is invalid: ${message}`,
      })
    })
  }

  it('hands on selectors', async () => {
    await reviewSubjectAccess(
      {
        spec: {
          user: 'jane',
          resourceAttributes: {
            verb: 'list',
            resource: 'pods',
            fieldSelector: { requirements: [{ key: 'spec.nodeName', operator: 'In', values: ['n1'] }] },
            labelSelector: { rawSelector: 'a=b' },
          },
        },
      },
      authorizer,
    )
    assert.equal(last?.fieldSelector, 'spec.nodeName=n1')
    assert.equal(last?.labelSelector, 'a=b')
  })
})

describe('reviewLocalSubjectAccess', () => {
  it('is about its own namespace', async () => {
    const spec = { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'n' } }
    const review = await reviewLocalSubjectAccess({ metadata: { namespace: 'n' }, spec }, 'n', authorizer)
    assert.equal(review.status?.allowed, true)
    await assert.rejects(reviewLocalSubjectAccess({ metadata: { namespace: 'm' }, spec }, 'm', authorizer), {
      message:
        'LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "n": must match metadata.namespace',
    })
  })
})

test('reviewLocalSubjectAccess shows what is not of its namespace in the form of upstream', async () => {
  const spec = { user: 'jane', nonResourceAttributes: { path: '/x', verb: 'get' } }
  const metadata = { namespace: 'n', generateName: '', name: 'r', labels: { b: '1', a: '2' } }
  await assert.rejects(reviewLocalSubjectAccess({ metadata, spec }, 'n', authorizer), {
    message:
      'LocalSubjectAccessReview.authorization.k8s.io "" is invalid: [' +
      'metadata: Invalid value: {"name":"r","namespace":"n","labels":{"a":"2","b":"1"}}: must be empty except for namespace, ' +
      'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":"get"}: disallowed on this kind of request]',
  })
})

describe('reviewOwnAccess', () => {
  it('is about who asks', async () => {
    const review = await reviewOwnAccess(
      { spec: { nonResourceAttributes: { verb: 'get', path: '/healthz' } } },
      jane,
      authorizer,
    )
    assert.equal(review.status?.allowed, true)
    assert.equal(last?.user, jane)
    assert.equal(last?.path, '/healthz')
  })
})

describe('reviewOwnRules', () => {
  it('lists rules of both kinds', () => {
    const resource = { verbs: ['get'], apiGroups: [''], resources: ['pods'], resourceNames: ['a'] }
    const url = { verbs: ['get'], nonResourceURLs: ['/healthz'] }
    const resolver = { rulesFor: () => ({ rules: [resource, url], incomplete: true, errors: ['a', 'b'] }) }
    const review = reviewOwnRules({ spec: { namespace: 'n' } }, jane, [resolver])
    assert.deepEqual(review.status, {
      resourceRules: [resource],
      nonResourceRules: [url],
      incomplete: true,
      evaluationError: '[a, b]',
    })
    assert.throws(() => reviewOwnRules({ spec: {} }, jane, [resolver]), {
      message: 'no namespace on request',
    })
  })
})

describe('createUnionAuthorizer', () => {
  const attributes = { user: jane, verb: 'list', isResourceRequest: true } as unknown as Attributes
  const saying = (reason: string, wait = false): Authorizer => {
    const decision = { type: 'noOpinion', reason } as const
    return { name: reason, authorize: () => (wait ? Promise.resolve(decision) : decision) }
  }

  it('answers at once when it can, and joins reasons', async () => {
    const union = createUnionAuthorizer([saying('a'), saying(''), saying('b')])
    assert.deepEqual(union.authorize(attributes), { type: 'noOpinion', reason: 'a\nb' })
    const waiting = createUnionAuthorizer([saying('a'), saying('b', true), saying('c'), authorizer])
    assert.deepEqual(await waiting.authorize({ ...attributes, verb: 'get' }), {
      type: 'allow',
      reason: 'because',
    })
    assert.deepEqual(await waiting.authorize(attributes), { type: 'noOpinion', reason: 'a\nb\nc' })
  })
})

describe('createPathAuthorizer', () => {
  const paths = createPathAuthorizer(['/healthz', '/livez/*'])
  for (const [path, type] of [
    ['/healthz', 'allow'],
    ['/healthz/x', 'noOpinion'],
    ['/livez/x', 'allow'],
    ['/livez', 'noOpinion'],
  ] as const) {
    it(`decides ${path}`, async () => {
      const decision = await paths.authorize({ path, isResourceRequest: false } as Attributes)
      assert.equal(decision.type, type)
    })
  }

  it('takes a star at the end only', () => {
    assert.throws(() => createPathAuthorizer(['/a*b']), { message: 'only trailing * allowed in "a*b"' })
  })
})
