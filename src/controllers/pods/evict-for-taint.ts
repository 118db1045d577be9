import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import { isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'
import { withDisruptionTarget } from './disruption-target.ts'

/** Says in the pod's status who deletes it for a NoExecute taint and why, and deletes it. */
export async function evictForTaint(
  pod: Pod,
  { reason, message }: { readonly reason: string; readonly message: string },
  { client, clock }: ReconcileContext,
): Promise<void> {
  const target = identityOf(pod)
  try {
    const marked = withDisruptionTarget(pod, reason, message, clock.now())
    if (marked !== pod) await client.update(pods, marked, { subresource: 'status' })
    await client.delete(pods, target, { preconditions: { uid: target.uid } })
  } catch (error) {
    if (!isNotFound(error)) throw error
  }
}
