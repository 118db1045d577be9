import { configMaps, namespaces } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { jsonEqual } from '../../machinery/equal.ts'
import { isAlreadyExists } from '../../machinery/status-errors.ts'
import { isNamespaceTerminating } from '../pods/pod-control.ts'
import { observedSync, type SyncMetricNames } from '../sync-metrics.ts'

const configMapName = 'kube-root-ca.crt'
const descriptionAnnotation = 'kubernetes.io/description'
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal ' +
  'service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.'

const help = 'Number of namespace syncs happened in root ca cert publisher.'
/** As upstream: kubernetes/pkg/controller/certificates/rootcacertpublisher/metrics.go. */
const metricNames: SyncMetricNames = {
  prefix: 'root_ca_cert_publisher',
  totalHelp: help,
  durationHelp: help,
}

/** Publishes the certificate (PEM) that the API server is known by in every active namespace. */
export function rootCaPublisher(rootCa: string): Reconciler {
  const data = { 'ca.crt': rootCa }
  return {
    name: 'root-ca-cert-publisher',
    queueName: 'root_ca_cert_publisher',
    concurrency: 1,
    watches: [
      on(namespaces, ({ metadata }) => [metadata?.name ?? '']),
      on(configMaps, ({ metadata }) => (metadata?.name === configMapName ? [metadata.namespace ?? ''] : [])),
    ],

    async reconcile(name, context) {
      const { cache } = context
      const namespace = cache(namespaces).get(name)
      if (!namespace || namespace.status?.phase === 'Terminating') return done
      await observedSync(context, metricNames, () => publish(name, context))
      return done
    },
  }

  async function publish(namespace: string, { client, cache }: ReconcileContext): Promise<void> {
    const current = cache(configMaps).get(`${namespace}/${configMapName}`)
    const annotations = { ...current?.metadata?.annotations, [descriptionAnnotation]: description }
    const isDescribed = current?.metadata?.annotations?.[descriptionAnnotation] !== undefined
    try {
      if (!current) {
        await client.create(configMaps, { metadata: { namespace, name: configMapName, annotations }, data })
      } else if (!isDescribed || !jsonEqual(current.data, data)) {
        await client.update(configMaps, { ...current, metadata: { ...current.metadata, annotations }, data })
      }
    } catch (error) {
      if (!isAlreadyExists(error) && !isNamespaceTerminating(error)) throw error
    }
  }
}
