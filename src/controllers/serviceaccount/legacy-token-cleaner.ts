import type { Secret, ServiceAccount } from '../../api/generated/core.v1.ts'
import { configMaps, pods, secrets, serviceAccounts } from '../../api/generated/resources.ts'
import { podSecretNames } from '../../api/core/pod/pod-references.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isConflict, isNotFound } from '../../machinery/status-errors.ts'
import { formatTime, parseTime } from '../../machinery/time.ts'
import { identityOf } from '../ownership/identity.ts'
import { nameAnnotation, secretType, uidAnnotation } from './token-secrets.ts'

const lastUsedLabel = 'kubernetes.io/legacy-token-last-used'
const invalidSinceLabel = 'kubernetes.io/legacy-token-invalid-since'
const tracking = { namespace: 'kube-system', name: 'kube-apiserver-legacy-service-account-token-tracking' }
const dayMs = 86_400_000

/**
 * Takes away tokens without expiry that came with service accounts and that nobody has used for `cleanUpPeriodMs` (default a
 * year): first they are marked, so that they are refused, and when nobody wants them back for as long again, deleted. Made
 * by hand (not listed in the account's `secrets`), or used by a pod, they stay. Source:
 * kubernetes/pkg/controller/serviceaccount, legacy_serviceaccount_token_cleaner.go.
 */
export function legacyTokenCleaner(cleanUpPeriodMs = 365 * dayMs): Reconciler {
  return {
    name: 'legacy-serviceaccount-token-cleaner',
    concurrency: 1,
    watches: [
      on(secrets, (secret) => [keyOf(secret)], { fieldSelector: `type=${secretType}` }),
      on(serviceAccounts, () => []),
      on(pods, () => []),
    ],

    async reconcile(key, context) {
      const { cache, client, clock } = context
      const secret = cache(secrets).get(key)
      if (!secret || secret.type !== secretType || secret.metadata?.deletionTimestamp) return done
      const nowMs = clock.now()
      const oldestMs = nowMs - cleanUpPeriodMs
      if ((parseTime(secret.metadata?.creationTimestamp) ?? nowMs) >= oldestMs) return again(dayMs)
      const oldest = dateOf(oldestMs)
      const { [lastUsedLabel]: lastUsed, [invalidSinceLabel]: invalidSince } = secret.metadata?.labels ?? {}
      if (lastUsed !== undefined && (!isDate(lastUsed) || lastUsed >= oldest)) return again(dayMs)
      if (!cameWithAccount(secret, context) || isUsed(secret, context)) return again(dayMs)
      if ((await trackedSinceMs(context)) > oldestMs) return again(dayMs)

      const target = identityOf(secret)
      try {
        if (invalidSince === undefined || !isDate(invalidSince)) {
          const labels = { [invalidSinceLabel]: dateOf(nowMs) }
          await client.patch(secrets, target, {
            type: 'merge',
            body: { metadata: { uid: target.uid, labels } },
          })
        } else if (invalidSince < oldest) {
          const preconditions = { resourceVersion: secret.metadata?.resourceVersion ?? '' }
          await client.delete(secrets, target, { preconditions })
          return done
        }
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error
      }
      return again(dayMs)
    },
  }
}

/** Whether the secret was made for its account without being asked for; in doubt not. */
function cameWithAccount({ metadata }: Secret, { cache }: ReconcileContext): boolean {
  const { [nameAnnotation]: name, [uidAnnotation]: uid } = metadata?.annotations ?? {}
  if (!name) return false
  const account: ServiceAccount | undefined = cache(serviceAccounts).get(`${metadata?.namespace}/${name}`)
  if (!account || (uid && uid !== account.metadata?.uid)) return false
  return (account.secrets ?? []).some((secret) => secret.name === metadata?.name)
}

function isUsed({ metadata }: Secret, { cache }: ReconcileContext): boolean {
  return cache(pods)
    .list(metadata?.namespace)
    .some((pod) => podSecretNames(pod).includes(metadata?.name ?? ''))
}

/** The end of the day on which it began to be noted when tokens are used, milliseconds since the epoch. */
async function trackedSinceMs({ client }: ReconcileContext): Promise<number> {
  const since = (await client.get(configMaps, tracking)).data?.['since']
  if (since === undefined || !isDate(since)) {
    throw new Error(
      `the ConfigMap ${keyOf({ metadata: tracking })} does not say since when tokens are tracked`,
    )
  }
  return Date.parse(since) + dayMs
}

function dateOf(ms: number): string {
  return formatTime(ms).slice(0, 10)
}

function isDate(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text))
}
