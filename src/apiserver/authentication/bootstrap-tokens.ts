import { timingSafeEqual } from 'node:crypto'
import type { Secret } from '../../api/generated/core.v1.ts'
import { secrets } from '../../api/generated/resources.ts'
import type { Clock } from '../../machinery/clock.ts'
import type { Objects } from '../objects.ts'
import { bootstrappersGroup } from './known-users.ts'
import type { TokenAuthenticator } from './token-authenticator.ts'

const tokenForm = /^([a-z0-9]{6})\.([a-z0-9]{16})$/
const extraGroupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/

/**
 * Knows joining nodes by the tokens in kube-system's secrets of type bootstrap.kubernetes.io/token.
 * Source: kubernetes/plugin/pkg/auth/authenticator/token/bootstrap, k8s.io/cluster-bootstrap.
 */
export function createBootstrapTokenAuthenticator(objects: Objects, clock: Clock): TokenAuthenticator {
  return {
    name: 'bootstrap-token',
    async authenticateToken(token, audiences) {
      const [, id, tokenSecret] = tokenForm.exec(token) ?? []
      if (!id || !tokenSecret) return undefined
      const secret = objects.get(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` })
      if (!secret || !isUsable(secret, id, tokenSecret, clock.now())) return undefined
      const extraGroups = dataOf(secret, 'auth-extra-groups')
      const groups = extraGroups === '' ? [] : extraGroups.split(',').map((group) => group.trim())
      if (!groups.every((group) => extraGroupForm.test(group))) return undefined
      return {
        user: { name: `system:bootstrap:${id}`, groups: [bootstrappersGroup, ...new Set(groups)] },
        audiences,
      }
    },
  }
}

function isUsable(secret: Secret, id: string, tokenSecret: string, now: number): boolean {
  if (secret.metadata?.deletionTimestamp || secret.type !== 'bootstrap.kubernetes.io/token') return false
  const expected = Buffer.from(dataOf(secret, 'token-secret'))
  const given = Buffer.from(tokenSecret)
  if (expected.length !== given.length || !timingSafeEqual(expected, given)) return false
  if (dataOf(secret, 'token-id') !== id) return false
  const expiration = dataOf(secret, 'expiration')
  // A date that cannot be read has passed.
  if (expiration !== '' && !(Date.parse(expiration) > now)) return false
  return dataOf(secret, 'usage-bootstrap-authentication') === 'true'
}

function dataOf(secret: Secret, key: string): string {
  return Buffer.from(secret.data?.[key] ?? '', 'base64').toString()
}
