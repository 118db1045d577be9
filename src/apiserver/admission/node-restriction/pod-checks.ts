import type { OwnerReference } from '../../../machinery/meta.ts'
import type { Pod, PodStatus } from '../../../api/generated/core.v1.ts'
import { nodes, pods } from '../../../api/generated/resources.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { notFound } from '../../../machinery/status-errors.ts'
import {
  mirrorPodAnnotation,
  podConfigMapNames,
  podSecretNames,
} from '../../../api/core/pod/pod-references.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'

/** A kubelet makes mirror pods on itself, and deletes its own pods. */
export function checkPod(objects: Objects, nodeName: string, request: AdmissionRequest): void {
  switch (request.operation) {
    case 'CREATE':
      return checkPodCreate(objects, nodeName, request)
    case 'DELETE': {
      const existing = findPod(objects, request.namespace, request.name)
      if (existing.spec?.nodeName !== nodeName) {
        throw refused(request, `node "${nodeName}" can only delete pods with spec.nodeName set to itself`)
      }
      return
    }
    case 'UPDATE':
    case 'CONNECT':
      throw refused(
        request,
        `unexpected operation "${request.operation}", node "${nodeName}" can only create and delete mirror pods`,
      )
  }
}

function checkPodCreate(objects: Objects, nodeName: string, request: AdmissionRequest): void {
  const pod = request.object as Pod
  if (pod.metadata?.annotations?.[mirrorPodAnnotation] === undefined) {
    throw refused(
      request,
      `pod does not have "${mirrorPodAnnotation}" annotation, node "${nodeName}" can only create mirror pods`,
    )
  }
  if (pod.spec?.nodeName !== nodeName) {
    throw refused(request, `node "${nodeName}" can only create pods with spec.nodeName set to itself`)
  }
  const fault =
    ownerFault(objects, nodeName, pod.metadata.ownerReferences ?? []) ?? referenceFault(nodeName, pod)
  if (fault !== undefined) throw refused(request, fault)
}

function ownerFault(
  objects: Objects,
  nodeName: string,
  owners: readonly OwnerReference[],
): string | undefined {
  const own = `node "${nodeName}" can only create pods with`
  if (owners.length > 1) return `${own} a single owner reference set to itself`
  const [owner] = owners
  if (owner?.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== nodeName) {
    return `${own} an owner reference set to itself`
  }
  if (!owner.controller) return `${own} a controller owner reference set to itself`
  if (owner.blockOwnerDeletion) {
    return `node "${nodeName}" must not set blockOwnerDeletion on an owner reference`
  }
  const node = objects.get(nodes, { name: nodeName })
  if (!node) throw notFound(nodes, nodeName)
  const uid = node.metadata?.uid ?? ''
  return owner.uid === uid ? undefined : `node ${nodeName} UID mismatch: expected ${owner.uid} got ${uid}`
}

/** A mirror pod names no other objects: the node could read them afterwards. */
function referenceFault(nodeName: string, pod: Pod): string | undefined {
  const volumes = pod.spec?.volumes ?? []
  const named = [
    ['a service account', !!pod.spec?.serviceAccountName],
    ['secrets', podSecretNames(pod).length > 0],
    ['configmaps', podConfigMapNames(pod).length > 0],
    [
      'clustertrustbundles',
      volumes.some(({ projected }) => projected?.sources?.some((source) => source.clusterTrustBundle)),
    ],
    ['persistentvolumeclaims', volumes.some((volume) => volume.persistentVolumeClaim)],
    ['resourceclaims', (pod.spec?.resourceClaims ?? []).length > 0],
  ] as const
  const found = named.find(([, isNamed]) => isNamed)
  return found && `node "${nodeName}" can not create pods that reference ${found[0]}`
}

export function checkPodStatus(nodeName: string, request: AdmissionRequest): void {
  if (request.operation !== 'UPDATE') throw refused(request, `unexpected operation "${request.operation}"`)
  const pod = request.object as Pod
  const previous = request.oldObject as Pod
  if (previous.spec?.nodeName !== nodeName) {
    throw refused(
      request,
      `node "${nodeName}" can only update pod status for pods with spec.nodeName set to itself`,
    )
  }
  if (!semanticEqual(pod.metadata?.labels, previous.metadata?.labels)) {
    throw refused(request, `node "${nodeName}" cannot update labels through pod status`)
  }
  const same = (part: (status: PodStatus) => unknown) =>
    semanticEqual(part(pod.status ?? {}), part(previous.status ?? {}))
  if (!same(({ resourceClaimStatuses }) => resourceClaimStatuses)) {
    throw refused(request, `node "${nodeName}" cannot update resource claim statues`)
  }
  if (!same(({ extendedResourceClaimStatus }) => extendedResourceClaimStatus)) {
    throw refused(request, `node "${nodeName}" cannot update extended resource claim status`)
  }
}

export function checkPodEviction(objects: Objects, nodeName: string, request: AdmissionRequest): void {
  if (request.operation !== 'CREATE') throw refused(request, `unexpected operation ${request.operation}`)
  const name = request.name || request.object?.metadata?.name
  if (!name) throw refused(request, 'could not determine pod from request data')
  if (findPod(objects, request.namespace, name).spec?.nodeName !== nodeName) {
    throw refused(request, `node ${nodeName} can only evict pods with spec.nodeName set to itself`)
  }
}

export function findPod(objects: Objects, namespace: string, name: string): Pod {
  const pod = objects.get(pods, { namespace, name })
  if (!pod) throw notFound(pods, name)
  return pod
}
