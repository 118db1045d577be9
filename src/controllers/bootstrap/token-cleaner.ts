import { secrets } from '../../api/generated/resources.ts'
import { again, done, on, type Reconciler } from '../../client/reconciler.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { tokenExpiryMs, tokenSecrets, tokenSecretType } from './bootstrap-token.ts'

/** Deletes bootstrap tokens whose time is over. Source: kubernetes/pkg/controller/bootstrap/tokencleaner.go. */
export const tokenCleanerReconciler: Reconciler = {
  name: 'token-cleaner',
  queueName: 'token_cleaner',
  concurrency: 1,
  watches: [on(secrets, (secret) => (secret.type === tokenSecretType ? [keyOf(secret)] : []), tokenSecrets)],

  async reconcile(key, { client, cache, clock }) {
    const secret = cache(secrets).get(key)
    if (!secret || secret.type !== tokenSecretType) return done
    const expiry = tokenExpiryMs(secret)
    if (expiry === 'never') return done
    if (expiry > clock.now()) return again(expiry - clock.now())
    const { namespace = '', name = '', uid } = secret.metadata ?? {}
    try {
      await client.delete(secrets, { namespace, name }, uid === undefined ? {} : { preconditions: { uid } })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
    return done
  },
}
