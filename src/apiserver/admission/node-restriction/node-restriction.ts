import type { CSINode } from '../../../api/generated/storage.v1.ts'
import type { Lease } from '../../../api/generated/coordination.v1.ts'
import type { Node, PersistentVolumeClaim } from '../../../api/generated/core.v1.ts'
import type { ResourceSlice } from '../../../api/generated/resource.v1.ts'
import { nodes, persistentVolumeClaims, resourceSlices } from '../../../api/generated/resources.ts'
import { semanticEqual } from '../../../machinery/equal.ts'
import { groupResource } from '../../../machinery/resource.ts'
import { nodeNameOf } from '../../authentication/known-users.ts'
import type { Authorizer } from '../../authorization/authorizer.ts'
import type { Objects } from '../../objects.ts'
import type { AdmissionPlugin, AdmissionRequest } from '../plugin.ts'
import { refused } from '../refuse.ts'
import { oldObjectOf } from '../request-matching.ts'
import { forbiddenLabelChanges } from './node-labels.ts'
import { checkPod, checkPodEviction, checkPodStatus } from './pod-checks.ts'
import { checkTokenRequest } from './token-checks.ts'

const nodeLeaseNamespace = 'kube-node-lease'

/**
 * A kubelet writes about itself and its own pods only. Source: kubernetes/plugin/pkg/admission/noderestriction.
 */
export function createNodeRestriction(objects: Objects, authorizer: Authorizer): AdmissionPlugin {
  return {
    name: 'NodeRestriction',
    handles: ({ operation, user }) => operation !== 'CONNECT' && nodeNameOf(user) !== undefined,
    async validate(request) {
      const nodeName = nodeNameOf(request.user)
      if (nodeName === undefined) return
      if (nodeName === '') {
        throw refused(request, `could not determine node from user "${request.user.name}"`)
      }
      switch (groupResource(request.resource)) {
        case 'pods':
          return checkPods(objects, nodeName, request)
        case 'nodes':
          return checkNode(nodeName, request)
        case 'persistentvolumeclaims':
          return checkClaimStatus(nodeName, request)
        case 'serviceaccounts':
          return checkTokenRequest(objects, authorizer, nodeName, request)
        case 'leases.coordination.k8s.io':
          return checkLease(nodeName, request)
        case 'csinodes.storage.k8s.io':
          return checkCsiNode(nodeName, request)
        case 'resourceslices.resource.k8s.io':
          return checkResourceSlice(nodeName, request)
        default:
          return undefined
      }
    },
  }
}

function checkPods(objects: Objects, nodeName: string, request: AdmissionRequest): void | Promise<void> {
  switch (request.subresource) {
    case '':
      return checkPod(objects, nodeName, request)
    case 'status':
      return checkPodStatus(nodeName, request)
    case 'eviction':
      return checkPodEviction(objects, nodeName, request)
    default:
      throw refused(
        request,
        `unexpected pod subresource "${request.subresource}", only 'status' and 'eviction' are allowed`,
      )
  }
}

function checkNode(nodeName: string, request: AdmissionRequest): void {
  const node = request.object as Node | undefined
  const name = request.name || node?.metadata?.name || ''
  if (name !== nodeName) throw refused(request, `node "${nodeName}" is not allowed to modify node "${name}"`)
  if (request.operation === 'CREATE') {
    if (node?.spec?.configSource) {
      throw refused(request, `node "${nodeName}" is not allowed to create pods with a non-nil configSource`)
    }
    const labels = forbiddenLabelChanges(node?.metadata?.labels)
    if (labels.length > 0) {
      throw refused(
        request,
        `node "${nodeName}" is not allowed to set the following labels: ${labels.join(', ')}`,
      )
    }
  }
  if (request.operation === 'UPDATE') checkNodeUpdate(nodeName, request, node, oldObjectOf(request, nodes))
}

function checkNodeUpdate(
  nodeName: string,
  request: AdmissionRequest,
  node: Node | undefined,
  previous: Node,
): void {
  const configSource = node?.spec?.configSource
  if (configSource && !semanticEqual(configSource, previous.spec?.configSource)) {
    throw refused(
      request,
      `node "${nodeName}" is not allowed to update configSource to a new non-nil configSource`,
    )
  }
  if (!semanticEqual(node?.spec?.taints, previous.spec?.taints)) {
    throw refused(request, `node "${nodeName}" is not allowed to modify taints`)
  }
  const labels = forbiddenLabelChanges(node?.metadata?.labels, previous.metadata?.labels)
  if (labels.length > 0) throw refused(request, `is not allowed to modify labels: ${labels.join(', ')}`)
  // A node that could give itself an owner could have itself deleted, and come back without its taints.
  if (!semanticEqual(node?.metadata?.ownerReferences, previous.metadata?.ownerReferences)) {
    throw refused(request, `node "${nodeName}" is not allowed to modify ownerReferences`)
  }
}

/** After an expansion a kubelet says how large the volume is now; nothing else of a claim is its business. */
function checkClaimStatus(nodeName: string, request: AdmissionRequest): void {
  if (request.subresource !== 'status') throw refused(request, 'may only update PVC status')
  if (request.operation !== 'UPDATE') throw refused(request, `unexpected operation "${request.operation}"`)
  const claim = request.object as PersistentVolumeClaim
  if (
    semanticEqual(withoutExpansion(claim), withoutExpansion(oldObjectOf(request, persistentVolumeClaims)))
  ) {
    return
  }
  throw refused(
    request,
    `node "${nodeName}" is not allowed to update fields other than status.capacity and status.conditions`,
  )
}

function withoutExpansion(claim: PersistentVolumeClaim): unknown {
  const { resourceVersion: _version, managedFields: _managers, ...metadata } = claim.metadata ?? {}
  const {
    capacity: _capacity,
    conditions: _conditions,
    allocatedResources: _allocated,
    allocatedResourceStatuses: _statuses,
    ...status
  } = claim.status ?? {}
  return { metadata, spec: claim.spec, status }
}

function checkLease(nodeName: string, request: AdmissionRequest): void {
  if (request.namespace !== nodeLeaseNamespace) {
    throw refused(request, `can only access leases in the "${nodeLeaseNamespace}" system namespace`)
  }
  const lease = request.object as Lease | undefined
  const name = request.operation === 'CREATE' ? lease?.metadata?.name : request.name
  if (name !== nodeName) {
    throw refused(request, 'can only access node lease with the same name as the requesting node')
  }
}

function checkCsiNode(nodeName: string, request: AdmissionRequest): void {
  const csiNode = request.object as CSINode | undefined
  const name = request.operation === 'CREATE' ? csiNode?.metadata?.name : request.name
  if (name !== nodeName) {
    throw refused(request, 'can only access CSINode with the same name as the requesting node')
  }
}

function checkResourceSlice(nodeName: string, request: AdmissionRequest): void {
  const slice = (request.operation === 'CREATE' ? request.object : oldObjectOf(request, resourceSlices)) as
    | ResourceSlice
    | undefined
  if (slice?.spec.nodeName !== nodeName) {
    throw refused(request, 'can only create ResourceSlice with the same NodeName as the requesting node')
  }
}
