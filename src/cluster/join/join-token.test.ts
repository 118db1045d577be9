import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCertificateAuthority } from '../../machinery/pki/certificate.ts'
import {
  bootstrapTokenSecret,
  formatJoinToken,
  isPinned,
  newBootstrapToken,
  parseJoinToken,
} from './join-token.ts'

const authority = (commonName: string) => createCertificateAuthority({ commonName, now: 0 }).certificatePem

test('parseJoinToken reads what formatJoinToken writes, and the token pins that authority alone', () => {
  const ours = authority('ours')
  const bootstrapToken = newBootstrapToken()
  const parsed = parseJoinToken(formatJoinToken(bootstrapToken, ours))
  assert.equal(parsed.bootstrapToken, bootstrapToken)
  assert.equal(isPinned(ours, parsed), true)
  assert.equal(isPinned(authority('theirs'), parsed), false)
})

test('parseJoinToken refuses what is none', () => {
  for (const text of ['', 'abcdef.0123456789abcdef', `abcdef.0123456789abcdef.${'z'.repeat(64)}`]) {
    assert.throws(() => parseJoinToken(text), /token/)
  }
})

test('bootstrapTokenSecret is what kubeadm makes', () => {
  const { metadata, type, stringData } = bootstrapTokenSecret('abcdef.0123456789abcdef', undefined)
  assert.equal(metadata?.name, 'bootstrap-token-abcdef')
  assert.equal(type, 'bootstrap.kubernetes.io/token')
  assert.equal(stringData?.['token-secret'], '0123456789abcdef')
  assert.equal(stringData?.['expiration'], undefined)
})
