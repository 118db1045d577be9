import { createHash } from 'node:crypto'
import type { ClusterTrustBundle } from '../../api/generated/certificates.v1beta1.ts'
import type { ClusterTrustBundleProjection } from '../../api/generated/core.v1.ts'
import { clusterTrustBundles, clusterTrustBundlesV1alpha1 } from '../../api/generated/resources.ts'
import type { ComponentContext } from '../../client/component.ts'
import type { Informer } from '../../client/informer.ts'
import { servedVersion } from '../../client/served-version.ts'
import { sleep } from '../../machinery/clock.ts'
import { fromLabelSelector, matchesLabels } from '../../machinery/label-selector.ts'
import { decodePem, encodePem } from '../../machinery/pki/pem.ts'
import { VolumeError } from './volume-error.ts'

/** The certificates of ClusterTrustBundles, for pods' projected volumes. */
export interface TrustAnchors {
  /**
   * PEM of the certificates that the projection names, each once. The empty text where it is optional and there are none.
   * Rejects with a VolumeError.
   */
  read(projection: ClusterTrustBundleProjection): Promise<string>
  /** Whether the pod is told of changes from now on. */
  track(podUID: string, usesBundles: boolean): void
  stop(): void
}

export interface TrustAnchorsOptions extends Pick<
  ComponentContext,
  'client' | 'informers' | 'clock' | 'random'
> {
  /** The feature ClusterTrustBundleProjection. */
  readonly isEnabled: boolean
  /** A bundle was added, changed or deleted. */
  readonly onChange: (podUID: string) => void
}

type Bundles = Informer<ClusterTrustBundle>

const patienceMs = 10_000
// Upstream's words where the API server serves none.
const unsupported = 'ClusterTrustBundle projection is not supported in static kubelet mode'

/**
 * Nothing is asked or watched before the first pod wants bundles. Their certificates come in an order that nobody can
 * rely on: another one each time the kubelet starts. Source: kubernetes/pkg/kubelet/clustertrustbundle.
 */
export function createTrustAnchors(options: TrustAnchorsOptions): TrustAnchors {
  const { client, informers, clock, random, isEnabled } = options
  const pods = new Set<string>()
  const salt = random.uuid()
  let opening: Promise<Bundles | undefined> | undefined
  let unsubscribe = () => {}

  async function open(): Promise<Bundles | undefined> {
    const resource = await servedVersion(client, [clusterTrustBundles, clusterTrustBundlesV1alpha1])
    if (!resource) return undefined
    const informer = informers.informer(resource)
    unsubscribe = informer.onChange(() => {
      for (const pod of pods) options.onChange(pod)
    })
    return informer
  }

  /** What was not there, or could not be asked, may be there the next time. */
  async function opened(): Promise<Bundles | undefined> {
    opening ??= open()
    let bundles: Bundles | undefined
    try {
      bundles = await opening
    } finally {
      if (!bundles) opening = undefined
    }
    return bundles
  }

  async function synced(): Promise<Bundles> {
    const bundles = isEnabled ? await opened() : undefined
    if (!bundles) throw new VolumeError(unsupported)
    if (!bundles.hasSynced) await Promise.race([bundles.synced, sleep(clock, patienceMs)])
    if (!bundles.hasSynced) throw new VolumeError('ClusterTrustBundle informer has not yet synced')
    return bundles
  }

  return {
    async read({ name, signerName = '', labelSelector, optional = false }) {
      const bundles = await synced()
      if (name !== undefined) {
        const bundle = bundles.get(name)
        if (bundle) return anchorsOf([bundle], salt)
        if (optional) return ''
        throw new VolumeError(
          `while getting ClusterTrustBundle: clustertrustbundle.certificates.k8s.io "${name}" not found`,
        )
      }
      const selector = fromLabelSelector(labelSelector)
      const chosen = bundles
        .list()
        .filter(
          ({ metadata, spec }) =>
            (spec.signerName ?? '') === signerName && matchesLabels(selector, metadata?.labels ?? {}),
        )
      if (chosen.length > 0 || optional) return anchorsOf(chosen, salt)
      throw new VolumeError('combination of signerName and labelSelector matched zero ClusterTrustBundles')
    },

    track(podUID, usesBundles) {
      if (usesBundles) pods.add(podUID)
      else pods.delete(podUID)
    },

    stop() {
      unsubscribe()
    },
  }
}

/** Their certificates, each once, in an order that follows from the salt. */
function anchorsOf(bundles: readonly ClusterTrustBundle[], salt: string): string {
  const anchors = new Map<string, Buffer>()
  for (const { spec } of bundles) {
    for (const { der } of decodePem(spec.trustBundle)) {
      anchors.set(createHash('sha256').update(salt).update(der).digest('hex'), der)
    }
  }
  return [...anchors]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, der]) => encodePem('CERTIFICATE', der))
    .join('')
}
