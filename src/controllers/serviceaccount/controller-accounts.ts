import { namespaces, serviceAccounts } from '../../api/generated/resources.ts'
import { done, on, type Reconciler } from '../../client/reconciler.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'

const namespace = 'kube-system'

/**
 * Keeps the service accounts in kube-system as which controllers act: whoever reads the bootstrap roles finds their
 * subjects. Source: kubernetes/cmd/kube-controller-manager, --use-service-account-credentials.
 */
export function controllerAccountsReconciler(accounts: ReadonlySet<string>): Reconciler {
  return {
    name: 'controller-accounts',
    watches: [
      on(namespaces, ({ metadata }) => (metadata?.name === namespace ? accounts : [])),
      on(serviceAccounts, ({ metadata }) =>
        metadata?.namespace === namespace && accounts.has(metadata.name ?? '') ? [metadata.name ?? ''] : [],
      ),
    ],

    async reconcile(name, { client, cache }) {
      if (!cache(namespaces).get(namespace) || cache(serviceAccounts).get(`${namespace}/${name}`)) return done
      try {
        await client.create(serviceAccounts, { metadata: { namespace, name } })
      } catch (error) {
        if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
      }
      return done
    },
  }
}
