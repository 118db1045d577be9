import { createHmac } from 'node:crypto'
import type { ConfigMap, Secret } from '../../api/generated/core.v1.ts'
import { configMaps, secrets } from '../../api/generated/resources.ts'
import { again, done, on, type Outcome, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { textOf, tokenExpiryMs, tokenSecrets, tokenSecretType } from './bootstrap-token.ts'

const key = 'kube-public/cluster-info'
const contentKey = 'kubeconfig'
const signaturePrefix = 'jws-kubeconfig-'

/**
 * Signs the cluster's address and authority (ConfigMap cluster-info) with each bootstrap token that is for signing, so
 * that a joining node which knows the token can believe them.
 * Source: kubernetes/pkg/controller/bootstrap/bootstrapsigner.go.
 */
export const bootstrapSignerReconciler: Reconciler = {
  name: 'bootstrap-signer',
  queueName: 'bootstrap_signer_queue',
  concurrency: 1,
  watches: [
    on(configMaps, () => [key], { namespace: 'kube-public', fieldSelector: 'metadata.name=cluster-info' }),
    on(secrets, ({ type }) => (type === tokenSecretType ? [key] : []), tokenSecrets),
  ],

  async reconcile(_key, { client, cache, clock }) {
    const clusterInfo = cache(configMaps).get(key)
    const content = clusterInfo?.data?.[contentKey]
    if (!clusterInfo || content === undefined) return done
    const tokens = cache(secrets)
      .list('kube-system')
      .filter((secret) => mayStillSign(secret, clock.now()))
    const data = { ...withoutSignatures(clusterInfo), ...signatures(content, tokens) }
    if (!jsonEqual(data, clusterInfo.data)) await client.update(configMaps, { ...clusterInfo, data })
    return untilFirstExpiry(tokens, clock.now())
  },
}

function withoutSignatures({ data }: ConfigMap): Record<string, string> {
  return Object.fromEntries(Object.entries(data ?? {}).filter(([name]) => !name.startsWith(signaturePrefix)))
}

function signatures(content: string, tokens: readonly Secret[]): Record<string, string> {
  return Object.fromEntries(
    tokens.map((token) => {
      const id = textOf(token, 'token-id')
      return [`${signaturePrefix}${id}`, detachedSignature(content, id, textOf(token, 'token-secret'))]
    }),
  )
}

/** JSON Web Signature with HS256 whose payload is left out (RFC 7515, appendix F). */
export function detachedSignature(content: string, tokenId: string, tokenSecret: string): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: tokenId })).toString('base64url')
  const payload = Buffer.from(content).toString('base64url')
  const signature = createHmac('sha256', tokenSecret).update(`${header}.${payload}`).digest('base64url')
  return `${header}..${signature}`
}

/** Source: kubernetes/pkg/controller/bootstrap/util.go. */
function mayStillSign(secret: Secret, now: number): boolean {
  const id = textOf(secret, 'token-id')
  if (secret.type !== tokenSecretType || secret.metadata?.deletionTimestamp) return false
  if (secret.metadata?.name !== `bootstrap-token-${id}` || !/^[a-z0-9]{6}$/.test(id)) return false
  if (textOf(secret, 'token-secret') === '' || textOf(secret, 'usage-bootstrap-signing') !== 'true')
    return false
  const expiry = tokenExpiryMs(secret)
  return expiry === 'never' || expiry > now
}

function untilFirstExpiry(tokens: readonly Secret[], now: number): Outcome {
  const expiries = tokens.map(tokenExpiryMs).filter((expiry) => expiry !== 'never')
  return expiries.length === 0 ? done : again(Math.min(...expiries) - now)
}
