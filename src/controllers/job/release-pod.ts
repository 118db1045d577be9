import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { isTracked, trackingFinalizer } from './job-pod.ts'

/** Takes the tracking finalizer from a pod; a pod that is gone has none. */
export async function releasePod(pod: Pod, { client }: Pick<ReconcileContext, 'client'>): Promise<void> {
  if (!isTracked(pod)) return
  const { uid, ...name } = identityOf(pod)
  const metadata = { uid, '$deleteFromPrimitiveList/finalizers': [trackingFinalizer] }
  try {
    await client.patch(pods, name, { type: 'strategic', body: { metadata } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
