import { namespaces, pods } from '../../api/generated/resources.ts'
import type { Namespace } from '../../api/generated/core.v1.ts'
import { again, done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { isDeleting } from '../../machinery/owner.ts'
import { keyOf } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { emptyNamespace } from './empty-namespace.ts'
import { describeDiscovery, emptyingConditions, type EmptyingReport } from './namespace-conditions.ts'

/** The finalizer that this controller takes away when the namespace is empty. */
const finalizer = 'kubernetes'

/** Empties namespaces that are being deleted, and lets them go then. */
export const namespaceReconciler: Reconciler = {
  name: 'namespace',
  concurrency: 10,
  watches: [
    on(namespaces, (namespace) => (isDeleting(namespace) ? [keyOf(namespace)] : [])),
    on(pods, ({ metadata }, { cache }) => {
      const key = metadata?.namespace ?? ''
      const namespace = cache(namespaces).get(key)
      return namespace && isDeleting(namespace) && cache(pods).list(key).length === 0 ? [key] : []
    }),
  ],

  async reconcile(key, context) {
    const { client, cache, clock } = context
    const cached = cache(namespaces).get(key)
    if (!cached || !isDeleting(cached)) return done
    const namespace = await latest(key, context)
    if (!namespace || !isDeleting(namespace)) return done
    const terminating = await markTerminating(namespace, context)
    if (!terminating.spec?.finalizers?.length) return done

    const { report, isEmpty, againInMs } = await emptyNamespace(client, key, clock.now())
    const reported = await writeConditions(terminating, report, context)
    if (!isEmpty) {
      const { discoveryFailures, deletionFailures } = report
      const failures = [
        ...(discoveryFailures.length > 0 ? [describeDiscovery(discoveryFailures)] : []),
        ...deletionFailures,
      ]
      if (failures.length === 0) return again(againInMs)
      throw new Error(`namespace ${key}: ${failures.join(', ')}`)
    }
    const finalizers = reported.spec?.finalizers?.filter((name) => name !== finalizer) ?? []
    await client.updateSubresource(namespaces, { name: key }, 'finalize', {
      ...reported,
      spec: { ...reported.spec, finalizers },
    } as Namespace)
    return done
  },
}

async function latest(name: string, { client }: ReconcileContext): Promise<Namespace | undefined> {
  try {
    return await client.get(namespaces, { name })
  } catch (error) {
    if (isNotFound(error)) return undefined
    throw error
  }
}

async function markTerminating(namespace: Namespace, { client }: ReconcileContext): Promise<Namespace> {
  if (namespace.status?.phase === 'Terminating') return namespace
  const status = { ...namespace.status, phase: 'Terminating' as const }
  return client.update(namespaces, { ...namespace, status }, { subresource: 'status' })
}

async function writeConditions(
  namespace: Namespace,
  report: EmptyingReport,
  { client, clock }: ReconcileContext,
): Promise<Namespace> {
  const conditions = emptyingConditions(namespace.status?.conditions, report, clock.now())
  if (jsonEqual(conditions, namespace.status?.conditions)) return namespace
  return client.update(
    namespaces,
    { ...namespace, status: { ...namespace.status, conditions } },
    { subresource: 'status' },
  )
}
