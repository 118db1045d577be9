import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldErrorText, path } from '../machinery/field-error.ts'
import { validateWebhookService, validateWebhookUrl } from './webhook-client-config.ts'

const form = '; desired format: https://host[/path]'
const urls: readonly (readonly [string, readonly string[]])[] = [
  ['https://a.b/c', []],
  ['http://a.b', [`u: Invalid value: "http": 'https' is the only allowed URL scheme${form}`]],
  ['https://', [`u: Invalid value: "": host must be specified${form}`]],
  ['https://me:secret@a.b', ['u: Invalid value: "me:secret": user information is not permitted in the URL']],
  ['https://a.b#c', ['u: Invalid value: "c": fragments are not permitted in the URL']],
  ['HTTP://a.b', [`u: Invalid value: "http": 'https' is the only allowed URL scheme${form}`]],
  [':a', [`u: Required value: url must be a valid URL: parse ":a": missing protocol scheme${form}`]],
  [
    'https://a.b:x',
    [
      `u: Required value: url must be a valid URL: parse "https://a.b:x": invalid port ":x" after host${form}`,
    ],
  ],
  [
    '1a:b/c#d',
    [
      `u: Required value: url must be a valid URL: parse "1a:b/c": first path segment in URL cannot contain colon${form}`,
    ],
  ],
  [
    'https://a.b/%zz',
    [`u: Required value: url must be a valid URL: parse "https://a.b/%zz": invalid URL escape "%zz"${form}`],
  ],
  ['https://a.b?c=d', ['u: Invalid value: "c=d": query parameters are not permitted in the URL']],
]
for (const [url, expected] of urls) {
  test(`validateWebhookUrl: ${url}`, () => {
    assert.deepEqual(validateWebhookUrl(url, path('u')).map(fieldErrorText), expected)
  })
}

const paths: readonly (readonly [string, readonly string[]])[] = [
  ['/a/b-c', []],
  ['//', ['s.path: Invalid value: "//": segment[0] may not be empty']],
  ['/a//b', ['s.path: Invalid value: "/a//b": segment[1] may not be empty']],
  ['xa', [`s.path: Invalid value: "xa": must start with a '/'`]],
]
for (const [servicePath, expected] of paths) {
  test(`validateWebhookService: path ${servicePath}`, () => {
    const service = { namespace: 'a', name: 'b', path: servicePath }
    assert.deepEqual(validateWebhookService(service, path('s')).map(fieldErrorText), expected)
  })
}

test('validateWebhookService takes the name for the namespace, as upstream does', () => {
  const faultsOf = (service: object) => validateWebhookService(service, path('s')).map(fieldErrorText)
  assert.deepEqual(faultsOf({ name: 'a', port: 0 }), [
    's.name: Required value',
    's.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive',
  ])
  assert.deepEqual(faultsOf({ namespace: 'a' }), ['s.namespace: Required value'])
})
