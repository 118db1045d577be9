import { jsonEqual } from '../../../machinery/equal.ts'
import type { KubernetesObject, OwnerReference } from '../../../machinery/meta.ts'
import { parseApiVersion } from '../../../machinery/resource.ts'
import type { Attributes, Authorizer, Decision } from '../../authorization/authorizer.ts'
import type { ServedResource } from '../../registry/served-resource.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'

/** Who serves a kind, in a version. */
export type FindKind = (kind: {
  readonly group: string
  readonly version: string
  readonly kind: string
}) => ServedResource | undefined

/**
 * Only who may delete an object may hand it to another owner, and only who may set an owner's finalizers may have its
 * deletion wait. Source: kubernetes/plugin/pkg/admission/gc.
 */
export function createOwnerReferencesPermissionEnforcement(
  authorizer: Authorizer,
  findKind: FindKind,
): AdmissionPlugin {
  return {
    name: 'OwnerReferencesPermissionEnforcement',
    handles: ({ operation, resource, subresource }) =>
      (operation === 'CREATE' || operation === 'UPDATE') &&
      // The strategy keeps the owners of a status as they are.
      !(resource.group === '' && resource.resource === 'pods' && subresource === 'status'),
    async validate(request) {
      const { object, oldObject, operation } = request
      if (!object || jsonEqual(ownersOf(object), ownersOf(oldObject))) return
      if (operation !== 'CREATE') await checkDelete(authorizer, request)
      for (const owner of newlyBlocked(object, oldObject)) await checkOwner(owner, request)
    },
  }

  async function checkOwner(owner: OwnerReference, request: AdmissionRequest): Promise<void> {
    const groupVersion = parseApiVersion(owner.apiVersion)
    const served = groupVersion && findKind({ ...groupVersion, kind: owner.kind })?.resource
    if (!served) {
      throw refused(
        request,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind "${owner.kind}" in version "${owner.apiVersion}"`,
      )
    }
    const decision = await authorizer.authorize({
      ...attributesOf(request),
      verb: 'update',
      group: served.group,
      version: served.version,
      resource: served.resource,
      subresource: 'finalizers',
      namespace: served.namespaced ? request.namespace : '',
      name: owner.name,
    })
    if (decision.type === 'allow') return
    throw refused(
      request,
      `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${reasonOf(decision)}`,
    )
  }
}

async function checkDelete(authorizer: Authorizer, request: AdmissionRequest): Promise<void> {
  const decision = await authorizer.authorize({ ...attributesOf(request), verb: 'delete' })
  if (decision.type === 'allow') return
  throw refused(request, `cannot set an ownerRef on a resource you can't delete: ${reasonOf(decision)}`)
}

function attributesOf(request: AdmissionRequest): Omit<Attributes, 'verb'> {
  const { user, resource, subresource, namespace, name } = request
  const { group, version } = request.served?.resource ?? resource
  return {
    user,
    isResourceRequest: true,
    group,
    version,
    resource: resource.resource,
    subresource,
    namespace,
    name,
    path: '',
  }
}

/** `REASON, ERROR`, as Go prints both. */
function reasonOf(decision: Decision): string {
  const error = decision.type === 'allow' ? undefined : decision.error
  return `${decision.reason}, ${error?.message ?? '<nil>'}`
}

function ownersOf(object: KubernetesObject | undefined): readonly OwnerReference[] {
  return object?.metadata?.ownerReferences ?? []
}

/** Owners whose deletion waits for the object, and did not before. */
function newlyBlocked(
  object: KubernetesObject,
  before: KubernetesObject | undefined,
): readonly OwnerReference[] {
  const blockedBefore = new Set(
    ownersOf(before).flatMap(({ uid, blockOwnerDeletion }) => (blockOwnerDeletion ? [uid] : [])),
  )
  return ownersOf(object).filter(
    ({ uid, blockOwnerDeletion }) => blockOwnerDeletion && !blockedBefore.has(uid),
  )
}
