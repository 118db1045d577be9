import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowlistProblem, verificationPolicy, type VerificationPolicyName } from './verification-policy.ts'

test('verificationPolicy asks for credentials where its name says', () => {
  const rows: readonly (readonly [VerificationPolicyName, boolean, boolean])[] = [
    ['NeverVerify', false, false],
    ['NeverVerifyPreloadedImages', false, true],
    ['NeverVerifyAllowlistedImages', true, true],
    ['AlwaysVerify', true, true],
  ]
  for (const [name, preloaded, pulled] of rows) {
    const policy = verificationPolicy(name)
    assert.deepEqual([policy('busybox', false), policy('busybox', true)], [preloaded, pulled], name)
  }
})

test('verificationPolicy leaves images of the allowlist to everybody', () => {
  const list = ['docker.io/library/busybox', 'registry.example/team/*']
  const policy = verificationPolicy('NeverVerifyAllowlistedImages', list)
  const rows: readonly (readonly [string, boolean])[] = [
    ['busybox:1.36', false],
    ['busybox-other', true],
    ['registry.example/team/app@sha256:' + 'a'.repeat(64), false],
    ['registry.example/teams/app', true],
    ['no image', true],
  ]
  for (const [image, expected] of rows) assert.equal(policy(image, true), expected, image)
})

test('allowlistProblem takes names and prefixes only', () => {
  for (const pattern of ['docker.io/library/busybox', 'registry.example/*', 'registry.example/a/*'])
    assert.equal(allowlistProblem(pattern), undefined)
  const rows: readonly (readonly [string, RegExp])[] = [
    ['', /too short/],
    [' a', /leading\/trailing spaces/],
    ['a*', /not a valid wildcard pattern/],
    ['a/*/b', /not a valid wildcard pattern/],
    ['/*', /at least registry hostname is required/],
    ['example/UPPER', /failed to parse as an image name/],
    ['registry.example/a:1', /neither tag nor digest is accepted/],
    ['busybox', /neither tag nor digest is accepted/],
  ]
  for (const [pattern, message] of rows) assert.match(allowlistProblem(pattern) ?? '', message)
})
