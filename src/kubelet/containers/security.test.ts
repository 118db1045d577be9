import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PodSecurityContext, SecurityContext } from '../../api/generated/core.v1.ts'
import { aContainer, aPod } from '../testing/pod-builder.ts'
import { ConfigError } from './config-error.ts'
import { containerSecurity } from './security.ts'

const root = { username: '' }

function securityOf(
  own: SecurityContext,
  pods: PodSecurityContext = {},
  image: Parameters<typeof containerSecurity>[2] = root,
  seccompDefault = false,
) {
  const container = aContainer('app', { securityContext: own })
  return containerSecurity(
    aPod('pod', { securityContext: pods, containers: [container] }),
    container,
    image,
    { seccompDirectory: '/seccomp', seccompDefault },
  )
}

describe('containerSecurity', () => {
  it('gives the same answer at each start (CVE-2019-11245)', () => {
    const image = { uid: 1000, username: '' }
    for (let start = 0; start < 3; start++) {
      assert.equal(securityOf({ runAsNonRoot: true }, {}, image).runAsUser, 1000)
      assert.equal(securityOf({}, { runAsUser: 7 }, image).runAsUser, 7)
    }
  })

  it('refuses who would be root and must not', () => {
    const rows: readonly (readonly [SecurityContext, Parameters<typeof containerSecurity>[2], RegExp])[] = [
      [{ runAsNonRoot: true }, root, /image will run as root/],
      [{ runAsNonRoot: true }, { uid: 0, username: '' }, /image will run as root/],
      [{ runAsNonRoot: true, runAsUser: 0 }, { uid: 5, username: '' }, /runAsUser breaks non-root policy/],
      [{ runAsNonRoot: true }, { username: 'daemon' }, /non-numeric user \(daemon\)/],
    ]
    for (const [own, image, message] of rows) assert.throws(() => securityOf(own, {}, image), message)
  })

  it('never runs without the seccomp profile that was asked for (CVE-2023-2431)', () => {
    const localhost = (localhostProfile?: string) => ({
      seccompProfile: {
        type: 'Localhost' as const,
        ...(localhostProfile !== undefined && { localhostProfile }),
      },
    })
    for (const name of [undefined, '', '/etc/profile', '../profile', 'a/../../b']) {
      assert.throws(() => securityOf(localhost(name)), ConfigError, String(name))
      assert.throws(() => securityOf({}, localhost(name)), ConfigError, String(name))
    }
    assert.deepEqual(securityOf(localhost('a/b.json')).seccomp, {
      type: 'Localhost',
      path: '/seccomp/a/b.json',
    })
  })

  it('gives containers without a seccomp profile that of the node', () => {
    const seccompOf = (own: SecurityContext, pod: PodSecurityContext, isDefault: boolean) =>
      securityOf(own, pod, root, isDefault).seccomp?.type
    const unconfined = { seccompProfile: { type: 'Unconfined' } } as const
    assert.equal(seccompOf({}, {}, false), 'Unconfined')
    assert.equal(seccompOf({}, {}, true), 'RuntimeDefault')
    assert.equal(seccompOf(unconfined, {}, true), 'Unconfined')
    assert.equal(seccompOf({}, unconfined, true), 'Unconfined')
    assert.equal(seccompOf({ privileged: true }, {}, true), 'Unconfined')
  })
})
