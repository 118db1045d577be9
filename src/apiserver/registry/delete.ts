import type { DeleteOptions, KubernetesObject, ObjectMeta, Status } from '../../machinery/meta.ts'
import { conflict, invalid, notFound } from '../../machinery/status-errors.ts'
import { validateDeleteOptions } from '../../machinery/validation/options.ts'
import type { Change } from '../storage/object-storage.ts'
import type { StoredObject } from '../storage/stored-object.ts'
import { admissionRequest } from './admission-chain.ts'
import { planDeletion, type DeletionPlan } from './plan-deletion.ts'
import type { Registry } from './registry.ts'
import { isDryRun, type RequestScope } from './request.ts'
import { Undoing } from './write-hooks.ts'

/** What comes of a DELETE. */
export type Deleted =
  /** The object is gone (or would be: dry run); this was its last content. */
  | { readonly type: 'gone'; readonly object: KubernetesObject }
  /** The object stays for now. */
  | { readonly type: 'deleting'; readonly stored: StoredObject }
  /** The same, and nothing was written: it was on its way already, or it is a dry run. */
  | { readonly type: 'unchanged'; readonly object: KubernetesObject }

/** DELETE of one object. */
export async function deleteObject(
  registry: Registry,
  scope: RequestScope,
  name: string,
  options: DeleteOptions,
): Promise<Deleted> {
  checkDeleteOptions(options)
  let undoing = new Undoing()
  let unstored: Deleted | undefined
  try {
    const result = await registry.storage.change(registry.keyOf(scope.namespace, name), async (existing) => {
      await undoing.undo()
      undoing = new Undoing()
      unstored = undefined
      if (!existing) throw notFound(registry.groupResource, name)
      checkPreconditions(registry, existing.object.metadata ?? {}, options)
      await admit(registry, scope, name, existing, options, undoing)
      const now = registry.context.clock.now()
      const plan =
        registry.hooks.planDeletion?.(existing.object, options, now) ??
        planDeletion(registry.definition, existing.object, options, now)
      const change = changeOf(plan)
      if (change.type === 'keep') unstored = { type: 'unchanged', object: existing.object }
      else if (isDryRun(options)) {
        unstored =
          change.type === 'write'
            ? { type: 'unchanged', object: change.object }
            : { type: 'gone', object: existing.object }
      }
      return isDryRun(options) ? { type: 'keep' } : change
    })
    await undoing.commit()
    if (unstored) return unstored
    if (result!.type !== 'deleted') return { type: 'deleting', stored: result!.stored }
    await registry.hooks.afterDelete?.(result!.stored.object)
    return { type: 'gone', object: result!.stored.object }
  } catch (error) {
    await undoing.undo()
    throw error
  }
}

export function checkDeleteOptions(options: DeleteOptions): void {
  const errors = validateDeleteOptions(options)
  if (errors.length > 0) throw invalid('DeleteOptions.meta.k8s.io', '', errors)
}

/** The answer to a DELETE after which the object is gone. */
export function deletedStatus(registry: Registry, metadata: ObjectMeta): Status {
  const { group, resource } = registry.definition.resource
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: {
      name: metadata.name ?? '',
      ...(group !== '' && { group }),
      kind: resource,
      uid: metadata.uid ?? '',
    },
  }
}

function changeOf(plan: DeletionPlan): Change<KubernetesObject> {
  switch (plan.type) {
    case 'remove':
      return { type: 'delete' }
    case 'wait':
      return { type: 'keep' }
    case 'mark':
      return { type: 'write', object: plan.object }
  }
}

async function admit(
  registry: Registry,
  scope: RequestScope,
  name: string,
  existing: StoredObject,
  options: DeleteOptions,
  undoing: Undoing,
): Promise<void> {
  const { admission } = registry.context
  const request = admissionRequest(scope, {
    operation: 'DELETE',
    name,
    oldObject: await scope.served.working(existing),
    options: { ...options, kind: 'DeleteOptions', apiVersion: 'meta.k8s.io/v1' },
    dryRun: isDryRun(options),
  })
  await admission.mutate(request)
  await admission.validate(request)
  undoing.onFailure(() => admission.release(request))
}

export function checkPreconditions(registry: Registry, metadata: ObjectMeta, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {}
  const { group, kind } = registry.definition.resource
  const subject = registry.isNamespaces ? registry.groupResource : { group, resource: kind }
  if (uid !== undefined && uid !== metadata.uid) {
    throw conflict(
      subject,
      metadata.name ?? '',
      registry.isNamespaces
        ? `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`
        : `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). ` +
            'The object might have been deleted and then recreated',
    )
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    throw conflict(
      subject,
      metadata.name ?? '',
      registry.isNamespaces
        ? `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ` +
            `ResourceVersion in object meta: ${metadata.resourceVersion}`
        : `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record ` +
            `(${metadata.resourceVersion}). The object might have been modified`,
    )
  }
}
