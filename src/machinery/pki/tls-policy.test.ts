import assert from 'node:assert/strict'
import { test } from 'node:test'
import { getCiphers } from 'node:tls'
import { serverTls, tlsPolicyWith } from './tls-policy.ts'

test('tlsPolicyWith changes what is said', () => {
  assert.deepEqual(tlsPolicyWith(), serverTls)
  assert.equal(tlsPolicyWith([], 'VersionTLS13').minVersion, 'TLSv1.3')
  const { ciphers } = tlsPolicyWith([
    'TLS_RSA_WITH_AES_128_CBC_SHA',
    'TLS_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
    'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305',
  ])
  const names = ciphers!.split(':')
  assert.deepEqual(names.slice(3), ['AES128-SHA', 'ECDHE-RSA-CHACHA20-POLY1305'])
  for (const name of names) assert.ok(getCiphers().includes(name.toLowerCase()), name)
})

test('tlsPolicyWith refuses suites that there are none of', () => {
  for (const name of ['TLS_RSA_WITH_RC4_128_SHA', 'AES128-SHA']) {
    assert.throws(() => tlsPolicyWith([name]), {
      message: `Cipher suite ${name} not supported or doesn't exist`,
    })
  }
})
