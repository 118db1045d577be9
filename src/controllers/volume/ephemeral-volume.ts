import type { PersistentVolumeClaim, Pod, Volume } from '../../api/generated/core.v1.ts'
import { persistentVolumeClaims, pods } from '../../api/generated/resources.ts'
import { done, on, type ReconcileContext, type Reconciler } from '../../client/reconciler.ts'
import { controllerOf, isControlledBy, isDeleting, ownerReferenceTo } from '../../machinery/owner.ts'
import type { Metrics } from '../../machinery/metrics.ts'
import { keyOf } from '../../machinery/resource.ts'
import { ephemeralClaimName } from './claim-names.ts'

/**
 * Makes the claims of pods' generic ephemeral volumes; they go with their pods. Source:
 * kubernetes/pkg/controller/volume/ephemeral.
 */
export const ephemeralVolumeReconciler: Reconciler = {
  name: 'ephemeral-volume',
  queueName: 'ephemeral_volume',
  eventSource: 'ephemeral_volume',
  watches: [
    on(pods, (pod) => (pod.spec?.volumes?.some(({ ephemeral }) => ephemeral) ? [keyOf(pod)] : [])),
    on(persistentVolumeClaims, (claim) => {
      const owner = controllerOf(claim)
      return owner?.kind === 'Pod' ? [`${claim.metadata?.namespace}/${owner.name}`] : []
    }),
  ],

  async reconcile(key, context) {
    const pod = context.cache(pods).get(key)
    if (!pod || isDeleting(pod)) return done
    for (const volume of pod.spec?.volumes ?? []) {
      if (volume.ephemeral) await ensureClaim(pod, volume, context)
    }
    return done
  },
}

async function ensureClaim(
  pod: Pod,
  volume: Volume,
  { cache, client, events, metrics }: ReconcileContext,
): Promise<void> {
  const name = ephemeralClaimName(pod.metadata?.name ?? '', volume.name)
  const namespace = pod.metadata?.namespace ?? ''
  let failing = ''
  try {
    const claim = cache(persistentVolumeClaims).get(`${namespace}/${name}`)
    if (!claim) {
      failing = `create PVC ${name}: `
      await counted(client.create(persistentVolumeClaims, claimOf(pod, volume, name)), metrics)
    } else if (!isControlledBy(claim, pod))
      throw new Error(`PVC ${namespace}/${name} was not created for pod ${keyOf(pod)} (pod is not owner)`)
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error)
    events.event(pod, 'Warning', 'FailedBinding', `ephemeral volume ${volume.name}: ${failing}${words}`)
    throw error
  }
}

/** Names as upstream: pkg/controller/volume/ephemeral/metrics. */
async function counted(creating: Promise<unknown>, metrics: Metrics): Promise<void> {
  const prefix = 'ephemeral_volume_controller_create'
  const help = 'Number of PersistentVolumeClaim creation requests'
  metrics
    .counter({ name: `${prefix}_total`, help })
    .with({})
    .add()
  try {
    await creating
  } catch (error) {
    metrics
      .counter({ name: `${prefix}_failures_total`, help })
      .with({})
      .add()
    throw error
  }
}

function claimOf(pod: Pod, { ephemeral }: Volume, name: string): PersistentVolumeClaim {
  const { metadata, spec } = ephemeral?.volumeClaimTemplate ?? {}
  const { annotations, labels } = metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...(pod.metadata?.namespace !== undefined && { namespace: pod.metadata.namespace }),
      name,
      ...(annotations && { annotations }),
      ...(labels && { labels }),
      ownerReferences: [ownerReferenceTo(pod, pods)],
    },
    ...(spec && { spec }),
  }
}
