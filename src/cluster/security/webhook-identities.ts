import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { IdentityFor, WebhookIdentity } from '../../apiserver/webhook/webhook-identity.ts'
import { impersonationHeaders } from '../../client/http/credentials.ts'
import { parseKubeconfigUsers, type KubeconfigUser } from '../../client/kubeconfig.ts'
import type { Clock } from '../../machinery/clock.ts'

const httpsPort = ':443'

/**
 * As whom webhooks are called, by a kubeconfig whose users are named for the webhooks: `host:port`, `*.domain:port`, the
 * same without the port of https, `*`; else the user of its current context. Throws when it cannot be used.
 * Source: k8s.io/apiserver/pkg/util/webhook/authentication.go.
 */
export function webhookIdentities(path: string, clock: Clock): IdentityFor {
  const options = { directory: dirname(path), clock }
  const { users, current } = parseKubeconfigUsers(readFileSync(path, 'utf8'), options)
  const userFor = (target: string): KubeconfigUser | undefined => {
    const names = namesOf(target)
    if (target.endsWith(httpsPort)) names.push(...namesOf(target.slice(0, -httpsPort.length)))
    const name = [...names, '*'].find((candidate) => users.has(candidate))
    return name === undefined ? current : users.get(name)
  }
  return async (target) => {
    const user = userFor(target)
    return user && identityOf(user)
  }
}

/** `a.b.c`, `*.b.c`, `*.c`. */
function namesOf(target: string): string[] {
  const steps = target.split('.')
  return [target, ...steps.slice(1).map((_, index) => `*.${steps.slice(index + 1).join('.')}`)]
}

/** Files are read for each call: what they hold is replaced. */
async function identityOf(user: KubeconfigUser): Promise<WebhookIdentity> {
  const certificate = user.certData ?? fileOf(user.certFile)
  const key = user.keyData ?? fileOf(user.keyFile)
  const authorization = await authorizationOf(user)
  return {
    ...(certificate && { certificate }),
    ...(key && { key }),
    headers: { ...(authorization && { authorization }), ...impersonationHeaders(user.impersonate) },
  }
}

async function authorizationOf({ token, tokenFile, basic }: KubeconfigUser): Promise<string | undefined> {
  const bearer = fileOf(tokenFile)?.trim() ?? (typeof token === 'function' ? await token() : token)
  if (bearer) return `Bearer ${bearer}`
  return basic && `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`
}

function fileOf(path: string | undefined): string | undefined {
  return path === undefined ? undefined : readFileSync(path, 'utf8')
}
