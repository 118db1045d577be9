import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { Secret, ServiceAccount } from '../../api/generated/core.v1.ts'
import { secrets, serviceAccounts } from '../../api/generated/resources.ts'
import type { Client } from '../../client/client.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { signToken, tokenKeyId } from '../../machinery/pki/json-web-token.ts'
import { keyOf, parseKey, type ObjectName } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'

export const secretType = 'kubernetes.io/service-account-token'
export const nameAnnotation = 'kubernetes.io/service-account.name'
export const uidAnnotation = 'kubernetes.io/service-account.uid'
const accountIndex = 'service-account'

/** Makes the token of a secret; it has no expiry. */
export type LegacyTokenSigner = (account: ServiceAccount, secret: Secret) => string

/**
 * Signs with the private key (PEM) of the API server's tokens. Source of the claims: kubernetes/pkg/serviceaccount,
 * LegacyClaims.
 */
export function legacyTokenSigner(privateKeyPem: string): LegacyTokenSigner {
  const privateKey = createPrivateKey(privateKeyPem)
  const keyId = tokenKeyId(createPublicKey(privateKey))
  const prefix = 'kubernetes.io/serviceaccount'
  return (account, secret) => {
    const { namespace, name, uid } = identityOf(account)
    const claims = {
      iss: 'kubernetes/serviceaccount',
      [`${prefix}/namespace`]: namespace,
      [`${prefix}/secret.name`]: identityOf(secret).name,
      [`${prefix}/service-account.name`]: name,
      [`${prefix}/service-account.uid`]: uid,
      sub: `system:serviceaccount:${namespace}:${name}`,
    }
    return signToken(claims, privateKey, keyId)
  }
}

/**
 * Fills secrets of the type for service accounts' tokens, deletes them with their account, and takes those that are gone off
 * the account's list. Source:
 * kubernetes/pkg/controller/serviceaccount, tokens_controller.go.
 */
export function tokenSecretsReconciler(sign: LegacyTokenSigner, rootCa: string | undefined): Reconciler {
  /** The account that each secret was for: it lists the secret when that is gone. */
  const accounts = new Map<string, { readonly name: string; readonly uid: string | undefined }>()
  return {
    name: 'serviceaccount-token',
    queueName: 'serviceaccount_tokens_secret',
    watches: [
      on(secrets, (secret) => [keyOf(secret)], { fieldSelector: `type=${secretType}` }),
      on(serviceAccounts, (account, { cache }) =>
        cache(secrets).byIndex(accountIndex, keyOf(account)).map(keyOf),
      ),
    ],

    prepare({ cache }) {
      cache(secrets).addIndex(accountIndex, (secret) => {
        const name = secret.metadata?.annotations?.[nameAnnotation]
        return name ? [`${secret.metadata?.namespace}/${name}`] : []
      })
    },

    async reconcile(key, { cache, client }) {
      const cached = cache(secrets).get(key)
      if (!cached) {
        const account = accounts.get(key)
        if (account) await removeReference(parseKey(key), account, client)
        accounts.delete(key)
        return done
      }
      const { [nameAnnotation]: name, [uidAnnotation]: uid } = cached.metadata?.annotations ?? {}
      if (!name) return done
      accounts.set(key, { name, uid })
      if (cached.metadata?.deletionTimestamp) return done
      const target = identityOf(cached)
      try {
        // The cache may not know a new account yet, and its word is not enough to delete a secret.
        const account =
          cache(serviceAccounts).get(`${target.namespace}/${name}`) ??
          (await found(client.get(serviceAccounts, { namespace: target.namespace, name })))
        if (!account || !isFor(cached, account)) {
          await client.delete(secrets, target, { preconditions: { uid: target.uid } })
          return done
        }
        if (account.metadata?.deletionTimestamp) return done
        const filled = fill(cached, account, sign, rootCa)
        if (filled) await client.update(secrets, filled)
      } catch (error) {
        if (!isNotFound(error)) throw error
      }
      return done
    },
  }
}

async function removeReference(
  { namespace = '', name }: ObjectName,
  account: { readonly name: string; readonly uid: string | undefined },
  client: Client,
): Promise<void> {
  const listing = await found(client.get(serviceAccounts, { namespace, name: account.name }))
  if (!listing || (account.uid && account.uid !== listing.metadata?.uid)) return
  const left = listing.secrets?.filter((secret) => secret.name !== name)
  if (!left || left.length === listing.secrets?.length) return
  await found(client.update(serviceAccounts, { ...listing, secrets: left }))
}

async function found<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

function isFor({ metadata }: Secret, account: ServiceAccount): boolean {
  const uid = metadata?.annotations?.[uidAnnotation]
  return !uid || uid === account.metadata?.uid
}

/** The secret with what it lacks; undefined when it lacks nothing. */
function fill(
  secret: Secret,
  account: ServiceAccount,
  sign: LegacyTokenSigner,
  rootCa: string | undefined,
): Secret | undefined {
  const { namespace, uid } = identityOf(account)
  const { data = {}, metadata } = secret
  const missing = {
    ...(rootCa !== undefined && data['ca.crt'] !== base64(rootCa) && { 'ca.crt': base64(rootCa) }),
    ...(!data['namespace'] && { namespace: base64(namespace) }),
    ...(!data['token'] && { token: base64(sign(account, secret)) }),
  }
  if (Object.keys(missing).length === 0) return undefined
  return {
    ...secret,
    metadata: { ...metadata, annotations: { ...metadata?.annotations, [uidAnnotation]: uid } },
    data: { ...data, ...missing },
  }
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}
