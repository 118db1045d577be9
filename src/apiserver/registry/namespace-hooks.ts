import type { Namespace } from '../../api/generated/core.v1.ts'
import type { DeleteOptions, KubernetesObject, Writable } from '../../machinery/meta.ts'
import { formatTime } from '../../machinery/time.ts'
import type { WriteHooks } from './write-hooks.ts'

/**
 * A namespace goes when its content is gone, of which its own finalizers, those in `spec`, tell. Source:
 * kubernetes/pkg/registry/core/namespace/storage/storage.go.
 */
export const namespaceHooks: WriteHooks = {
  planDeletion(object, options, now) {
    const namespace = object as Namespace
    const { deletionTimestamp } = namespace.metadata ?? {}
    if (deletionTimestamp === undefined) return { type: 'mark', object: terminating(namespace, options, now) }
    if (namespace.spec?.finalizers?.length) return { type: 'wait' }
    return undefined
  },
  holdsBack: (object) => ((object as Namespace).spec?.finalizers?.length ?? 0) > 0,
}

function terminating(namespace: Namespace, options: DeleteOptions, now: number): Writable<KubernetesObject> {
  const { finalizers, generation = 0 } = namespace.metadata ?? {}
  const wanted = finalizersAfter(finalizers, options)
  const marked = {
    ...namespace,
    metadata: {
      ...namespace.metadata,
      deletionTimestamp: formatTime(now),
      ...(generation > 0 && { generation: generation + 1 }),
      ...(wanted && { finalizers: wanted }),
    },
    status: { ...namespace.status, phase: 'Terminating' },
  }
  return marked as unknown as Writable<KubernetesObject>
}

/** What the options say of dependents; left as it is where they say nothing. */
function finalizersAfter(
  finalizers: readonly string[] | undefined,
  { orphanDependents, propagationPolicy }: DeleteOptions,
): readonly string[] | undefined {
  const policy =
    orphanDependents === undefined ? propagationPolicy : orphanDependents ? 'Orphan' : 'Foreground'
  if (policy === undefined) return finalizers
  const others = (finalizers ?? []).filter((name) => name !== 'orphan' && name !== 'foregroundDeletion')
  if (policy === 'Orphan') return [...others, 'orphan']
  return policy === 'Foreground' ? [...others, 'foregroundDeletion'] : others
}
