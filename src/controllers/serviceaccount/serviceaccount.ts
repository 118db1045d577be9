import { namespaces, serviceAccounts } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'

const defaultName = 'default'

/** Keeps a service account named `default` in every active namespace. */
export const serviceAccountReconciler: Reconciler = {
  name: 'serviceaccount',
  concurrency: 1,
  watches: [
    on(namespaces, ({ metadata }) => [metadata?.name ?? '']),
    on(serviceAccounts, ({ metadata }) => (metadata?.name === defaultName ? [metadata.namespace ?? ''] : [])),
  ],

  async reconcile(name, { client, cache }) {
    const namespace = cache(namespaces).get(name)
    if (!namespace || namespace.status?.phase === 'Terminating') return done
    if (cache(serviceAccounts).get(`${name}/${defaultName}`)) return done
    try {
      await client.create(serviceAccounts, { metadata: { namespace: name, name: defaultName } })
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
    return done
  },
}
