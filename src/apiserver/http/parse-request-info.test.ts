import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RequestInfo } from '../request-info.ts'
import { parseRequestInfo } from './parse-request-info.ts'

/** Method, URL, and what is expected where it is not empty. */
const rows: readonly (readonly [string, string, Partial<RequestInfo>])[] = [
  ['GET', '/api/v1/namespaces', { verb: 'list', resource: 'namespaces', version: 'v1' }],
  [
    'GET',
    '/api/v1/namespaces/other',
    { verb: 'get', namespace: 'other', resource: 'namespaces', name: 'other' },
  ],
  [
    'PUT',
    '/api/v1/namespaces/other/finalize',
    { verb: 'update', namespace: 'other', resource: 'namespaces', subresource: 'finalize', name: 'other' },
  ],
  ['GET', '/api/v1/namespaces/other/pods', { verb: 'list', namespace: 'other', resource: 'pods' }],
  [
    'GET',
    '/api/v1/namespaces/other/pods/foo',
    { verb: 'get', namespace: 'other', resource: 'pods', name: 'foo' },
  ],
  ['HEAD', '/api/v1/namespaces/other/pods/foo', { verb: 'get', resource: 'pods', name: 'foo' }],
  ['GET', '/api/v1/pods?watch=true', { verb: 'watch', resource: 'pods' }],
  ['GET', '/api/v1/pods?watch=false', { verb: 'list', resource: 'pods' }],
  ['GET', '/api/v1/watch/namespaces/other/pods', { verb: 'watch', namespace: 'other', resource: 'pods' }],
  [
    'GET',
    '/api/v1/proxy/namespaces/other/pods/foo',
    { verb: 'proxy', namespace: 'other', resource: 'pods', name: 'foo', subresource: '' },
  ],
  [
    'GET',
    '/api/v1/namespaces/other/pods?fieldSelector=metadata.name%3Dfoo',
    { verb: 'list', name: 'foo', fieldSelector: 'metadata.name=foo' },
  ],
  ['GET', '/api/v1/pods?fieldSelector=metadata.name%3D', { verb: 'list', name: '' }],
  [
    'DELETE',
    '/apis/apps/v1/namespaces/other/deployments',
    { verb: 'deletecollection', group: 'apps', resource: 'deployments' },
  ],
  ['DELETE', '/apis/apps/v1/namespaces/other/deployments/d', { verb: 'delete', name: 'd' }],
  ['PATCH', '/apis/apps/v1/namespaces/other/deployments/d/scale', { verb: 'patch', subresource: 'scale' }],
  ['POST', '/api/v1/namespaces/other/pods', { verb: 'create' }],
  [
    'POST',
    '/api/v1/namespaces/other/services/https:web:443/proxy/a/b',
    {
      verb: 'create',
      resource: 'services',
      name: 'https:web:443',
      subresource: 'proxy',
      parts: ['services', 'https:web:443', 'proxy', 'a', 'b'],
    },
  ],
  ['GET', '/apis/apps/v1', { isResourceRequest: false, verb: 'get', apiPrefix: 'apis' }],
  ['GET', '/api', { isResourceRequest: false, verb: 'get', apiPrefix: '' }],
  ['GET', '/healthz', { isResourceRequest: false, verb: 'get' }],
  ['OPTIONS', '/api/v1/pods', { verb: '' }],
  ['constructor', '/api/v1/pods', { verb: '' }],
  ['GET', `/${'/'.repeat(10)}api/v1/pods${'/'.repeat(10)}`, { verb: 'list', resource: 'pods' }],
]

for (const [method, url, expected] of rows) {
  test(`parseRequestInfo: ${method} ${url}`, () => {
    const [path = '', query = ''] = url.split('?')
    assert.partialDeepStrictEqual(parseRequestInfo(method, path, new URLSearchParams(query)), expected)
  })
}
