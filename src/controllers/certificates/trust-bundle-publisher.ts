import { createHash } from 'node:crypto'
import type { ClusterTrustBundle } from '../../api/generated/certificates.v1beta1.ts'
import { clusterTrustBundles, clusterTrustBundlesV1alpha1 } from '../../api/generated/resources.ts'
import type { ComponentContext, RunningComponent } from '../../client/component.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { startReconciler, type RunningReconciler } from '../../client/runner.ts'
import { servedVersion } from '../../client/served-version.ts'
import { sleep } from '../../machinery/clock.ts'
import { apiVersionOf, type Resource } from '../../machinery/resource.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { observedSync, type SyncMetricNames } from '../sync-metrics.ts'

export const trustBundlePublisherName = 'kube-apiserver-serving-clustertrustbundle-publisher'
const signerName = 'kubernetes.io/kube-apiserver-serving'
const retryMs = 1000

const metricNames: SyncMetricNames = {
  prefix: 'clustertrustbundle_publisher',
  totalHelp: 'Number of syncs that occurred in cluster trust bundle publisher.',
  durationHelp: 'The time it took to sync a cluster trust bundle.',
}

/**
 * Keeps one ClusterTrustBundle of the signer `kubernetes.io/kube-apiserver-serving`: the one with the certificates (PEM)
 * that the API server is known by, named after what it holds. Whatever else is said to be that signer's goes.
 * Source: kubernetes/pkg/controller/certificates/clustertrustbundlepublisher.
 */
export function trustBundlePublisher(
  trustBundle: string,
  resource: Resource<ClusterTrustBundle>,
): Reconciler {
  const name = bundleName(trustBundle)
  return {
    name: trustBundlePublisherName,
    queueName: 'ca_cert_publisher_cluster_trust_bundles',
    concurrency: 1,
    // There is one thing to do, whichever bundle has changed.
    watches: [on(resource, () => [signerName], { fieldSelector: `spec.signerName=${signerName}` })],

    async reconcile(_key, context) {
      await observedSync(context, metricNames, () => publish(context))
      return done
    },
  }

  async function publish({ client, cache }: ReconcileContext): Promise<void> {
    const bundles = cache(resource)
    const current = bundles.get(name)
    if (!current) {
      await client.create(resource, {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        metadata: { name },
        spec: { signerName, trustBundle },
      })
    } else if (current.spec.trustBundle !== trustBundle) {
      await client.update(resource, { ...current, spec: { ...current.spec, trustBundle } })
    }
    const others = bundles.list().flatMap(({ metadata }) => metadata?.name ?? [])
    const failures: unknown[] = []
    for (const other of others.filter((candidate) => candidate !== name)) {
      try {
        await client.delete(resource, { name: other })
      } catch (error) {
        if (!isNotFound(error)) failures.push(error)
      }
    }
    if (failures.length > 0) throw failures[0]
  }
}

/** As upstream names them, so that either may take over from the other. */
function bundleName(trustBundle: string): string {
  const hash = createHash('sha256').update(trustBundle).digest('hex').slice(0, 24)
  return `${signerName.replaceAll('/', ':')}:${hash}`
}

/** Runs the publisher where the API server serves ClusterTrustBundles, in whichever version; elsewhere nothing. */
export function startTrustBundlePublisher(context: ComponentContext, trustBundle: string): RunningComponent {
  const { client, clock, log } = context
  const abort = new AbortController()
  let running: RunningReconciler | undefined

  async function start(): Promise<void> {
    const resource = await untilAsked()
    if (abort.signal.aborted) return
    if (!resource) {
      log.info('no ClusterTrustBundles are served: none is published', {
        controller: trustBundlePublisherName,
      })
      return
    }
    running = startReconciler(trustBundlePublisher(trustBundle, resource), context)
    running.enqueue(signerName)
    await running.ready
  }

  async function untilAsked(): Promise<Resource<ClusterTrustBundle> | undefined> {
    while (!abort.signal.aborted) {
      try {
        return await servedVersion(client, [clusterTrustBundles, clusterTrustBundlesV1alpha1])
      } catch (error) {
        log.warn('asking for the version of ClusterTrustBundles failed', { error })
        await sleep(clock, retryMs, abort.signal).catch(() => undefined)
      }
    }
    return undefined
  }

  const ready = start()
  return {
    name: trustBundlePublisherName,
    ready,
    health: () => running?.health(),
    async stop() {
      abort.abort()
      await ready
      await running?.stop()
    },
  }
}
