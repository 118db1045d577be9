import { cleanupFinalizer } from '../../api/apiextensions/custom-resource-definition.ts'
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../../api/generated/apiextensions.v1.ts'
import { setCondition } from '../../machinery/conditions.ts'
import type { KubernetesObject, Writable } from '../../machinery/meta.ts'
import { formatTime } from '../../machinery/time.ts'
import type { WriteHooks } from '../registry/write-hooks.ts'

/** A definition goes after its objects. Source: apiextensions-apiserver/pkg/registry/customresourcedefinition/etcd.go. */
export const definitionHooks: WriteHooks = {
  planDeletion(object, _options, now) {
    const definition = object as CustomResourceDefinition
    const { deletionTimestamp, finalizers = [] } = definition.metadata ?? {}
    if (deletionTimestamp !== undefined) return undefined
    const conditions = setCondition<CustomResourceDefinitionCondition>(
      definition.status?.conditions,
      {
        type: 'Terminating',
        status: 'True',
        reason: 'InstanceDeletionPending',
        message: 'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
      },
      now,
    )
    const marked = {
      ...definition,
      metadata: {
        ...definition.metadata,
        deletionTimestamp: formatTime(now),
        finalizers: finalizers.includes(cleanupFinalizer) ? finalizers : [...finalizers, cleanupFinalizer],
      },
      status: { ...definition.status, conditions },
    }
    return { type: 'mark', object: marked as unknown as Writable<KubernetesObject> }
  },
}
