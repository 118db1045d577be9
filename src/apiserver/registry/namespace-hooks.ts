import type { Namespace } from '../../api/generated/core.v1.ts'
import type { DeleteOptions, KubernetesObject, Writable } from '../../machinery/meta.ts'
import { conflict } from '../../machinery/status-errors.ts'
import { formatTime } from '../../machinery/time.ts'
import type { WriteHooks } from './write-hooks.ts'

const emptying =
  'The system is ensuring all content is removed from this namespace.  ' +
  'Upon completion, this namespace will automatically be purged by the system.'

/**
 * A namespace goes when its content is gone, of which its own finalizers, those in `spec`, tell. Source:
 * kubernetes/pkg/registry/core/namespace/storage/storage.go.
 */
export const namespaceHooks: WriteHooks = {
  planDeletion(object, options, now) {
    const namespace = object as Namespace
    const { deletionTimestamp, name = '' } = namespace.metadata ?? {}
    if (deletionTimestamp === undefined) return { type: 'mark', object: terminating(namespace, options, now) }
    if (namespace.spec?.finalizers?.length) throw conflict('namespaces', name, emptying)
    return undefined
  },
  holdsBack: (object) => ((object as Namespace).spec?.finalizers?.length ?? 0) > 0,
}

function terminating(
  namespace: Namespace,
  { orphanDependents }: DeleteOptions,
  now: number,
): Writable<KubernetesObject> {
  const { finalizers, generation = 0 } = namespace.metadata ?? {}
  const kept = orphanDependents === false ? finalizers?.filter((name) => name !== 'orphan') : finalizers
  const marked = {
    ...namespace,
    metadata: {
      ...namespace.metadata,
      deletionTimestamp: formatTime(now),
      ...(generation > 0 && { generation: generation + 1 }),
      ...(kept && { finalizers: kept }),
    },
    status: { ...namespace.status, phase: 'Terminating' },
  }
  return marked as unknown as Writable<KubernetesObject>
}
