import type { Pod } from '../../api/generated/core.v1.ts'
import { pods } from '../../api/generated/resources.ts'
import type { ReconcileContext } from '../../client/reconciler.ts'
import type { KubernetesObject } from '../../machinery/meta.ts'
import { hasStatusCause, isNotFound } from '../../machinery/status-errors.ts'
import { identityOf } from '../ownership/identity.ts'

type Acting = Pick<ReconcileContext, 'client' | 'events'>

/** Creates a pod and tells so in an event about its owner. Throws what creating failed with. */
export async function createPod(pod: Pod, owner: KubernetesObject, { client, events }: Acting): Promise<Pod> {
  try {
    const created = await client.create(pods, pod)
    events.event(owner, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata?.name}`)
    return created
  } catch (error) {
    if (!isNamespaceTerminating(error))
      events.event(owner, 'Warning', 'FailedCreate', `Error creating: ${messageOf(error)}`)
    throw error
  }
}

/** Deletes a pod and tells so; one that is gone already is as good. */
export async function deletePod(
  pod: Pod,
  owner: KubernetesObject,
  { client, events }: Acting,
): Promise<void> {
  const { namespace, name, uid } = identityOf(pod)
  try {
    await client.delete(pods, { namespace, name }, { preconditions: { uid } })
    events.event(owner, 'Normal', 'SuccessfulDelete', `Deleted pod: ${name}`)
  } catch (error) {
    if (isNotFound(error)) return
    events.event(owner, 'Warning', 'FailedDelete', `Error deleting: ${messageOf(error)}`)
    throw error
  }
}

/** Nothing can be created in a namespace that is being deleted; its controller takes care of what is there. */
export function isNamespaceTerminating(error: unknown): boolean {
  return hasStatusCause(error, 'NamespaceTerminating')
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
