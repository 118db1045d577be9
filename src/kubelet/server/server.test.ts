import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SubjectAccessReview } from '../../api/generated/authorization.v1.ts'
import type { Client } from '../../client/client.ts'
import { fakeClock } from '../../machinery/testing/fake-clock.ts'
import { createAuthorization, subresourcesOf } from './authorization.ts'
import { logOptions } from './container-logs.ts'
import { streamOptions } from './remote-command.ts'
import { routeOf } from './route.ts'

describe('routeOf', () => {
  const rows: readonly (readonly [string, object | undefined])[] = [
    ['/pods', { type: 'pods' }],
    ['/pods/', { type: 'pods' }],
    ['/statusz', { type: 'zpage' }],
    ['/flagz', { type: 'zpage' }],
    ['/healthz/ping', { type: 'healthz' }],
    ['/containerLogs/ns/pod/c', { type: 'containerLogs', parts: ['ns', 'pod', 'c'] }],
    ['/containerLogs/ns/pod', undefined],
    ['/exec/ns/pod/c', { type: 'exec', namespace: 'ns', pod: 'pod', container: 'c' }],
    ['/exec/ns/pod/uid/c', { type: 'exec', namespace: 'ns', pod: 'pod', uid: 'uid', container: 'c' }],
    ['/portForward/ns/pod', { type: 'portForward', namespace: 'ns', pod: 'pod', container: '' }],
    ['/logs/', { type: 'systemLogs', path: '/' }],
    ['/logs/a%20b/c', { type: 'systemLogs', path: '/a b/c' }],
    ['/logs', undefined],
    ['/none', undefined],
    ['/', undefined],
  ]
  for (const [path, expected] of rows) it(path, () => assert.deepEqual(routeOf(path), expected))
})

describe('subresourcesOf', () => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['/stats/summary', ['stats']],
    ['/metrics/resource', ['metrics']],
    ['/pods', ['pods', 'proxy']],
    ['/healthz/ping', ['healthz', 'proxy']],
    ['/configz', ['configz', 'proxy']],
    ['/logs/', ['log']],
    ['/statusz', ['statusz']],
    ['/flagz', ['configz']],
    ['/exec/ns/pod/c', ['proxy']],
    ['/containerLogs/ns/pod/c', ['proxy']],
    ['/podsomething', ['proxy']],
  ]
  for (const [path, expected] of rows) it(path, () => assert.deepEqual(subresourcesOf(path), expected))
})

describe('createAuthorization', () => {
  it('asks once for each question, and again when the answer is old', async () => {
    const asked: unknown[] = []
    const clock = fakeClock()
    const client = {
      async create(_resource: unknown, review: SubjectAccessReview) {
        asked.push(review.spec.resourceAttributes?.subresource)
        return { ...review, status: { allowed: review.spec.resourceAttributes?.subresource === 'proxy' } }
      },
    } as unknown as Client
    const authorize = createAuthorization(client, clock, 'node-1')
    const user = { name: 'joe', groups: [] }
    await authorize(user, 'GET', '/pods')
    await authorize(user, 'GET', '/pods')
    assert.deepEqual(asked, ['pods', 'proxy'])
    await assert.rejects(authorize(user, 'GET', '/stats/summary'), {
      status: 403,
      message: 'Forbidden (user=joe, verb=get, resource=nodes, subresource(s)=[stats])',
    })
    await clock.advance(301_000)
    await authorize(user, 'GET', '/pods')
    assert.equal(asked.length, 5)
  })
})

describe('streamOptions', () => {
  it('knows both names of each stream; a terminal has one output', () => {
    assert.deepEqual(streamOptions(new URLSearchParams('input=1&output=1&error=1')), {
      stdin: true,
      stdout: true,
      stderr: true,
      tty: false,
    })
    assert.deepEqual(streamOptions(new URLSearchParams('stdout=true&stderr=true&tty=true')), {
      stdin: false,
      stdout: true,
      stderr: false,
      tty: true,
    })
  })
})

describe('logOptions', () => {
  const clock = fakeClock(1_000_000)
  it('reads what kubectl sends', () => {
    const { options, previous } = logOptions(
      new URLSearchParams(
        'follow=true&tailLines=5&sinceSeconds=10&timestamps=true&previous=true&limitBytes=3',
      ),
      clock,
    )
    assert.deepEqual(options, {
      follow: true,
      timestamps: true,
      stream: 'All',
      tailLines: 5,
      sinceMs: 990_000,
      limitBytes: 3,
    })
    assert.equal(previous, true)
  })
  it('refuses what is no number', () => {
    assert.throws(() => logOptions(new URLSearchParams('tailLines=x'), clock), { status: 422 })
  })
})
