import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import type { User } from '../../authentication/authenticator.ts'
import { nodeNameOf } from '../../authentication/known-users.ts'
import type { Attributes, Authorizer, Decision } from '../authorizer.ts'
import { allowed, noOpinion, noOpinionBecause } from '../decisions.ts'
import { rulesAllow } from '../rbac/rules.ts'
import type { ResolvedRules, RuleResolver } from '../rule-resolver.ts'
import type { NodeGraph, ReferencedKind } from './node-graph.ts'

const nodeLeaseNamespace = 'kube-node-lease'

/**
 * Allows kubelets what their pods need, and nothing of other nodes. What does not depend on pods is allowed by the fixed
 * `rules` (those of the cluster role system:node). What a node may write is limited further by the admission plugin
 * NodeRestriction. Source: kubernetes/plugin/pkg/auth/authorizer/node.
 */
export function createNodeAuthorizer(
  graph: NodeGraph,
  rules: readonly PolicyRule[],
): Authorizer & RuleResolver {
  return {
    name: 'Node',
    isLocal: true,
    authorize(attributes) {
      const nodeName = nodeNameOf(attributes.user)
      if (nodeName === undefined) return noOpinion
      if (nodeName === '')
        return noOpinionBecause(`unknown node for user ${JSON.stringify(attributes.user.name)}`)
      return (
        (attributes.isResourceRequest ? authorizeResource(graph, nodeName, attributes) : undefined) ??
        (rulesAllow(rules, attributes) ? allowed : noOpinion)
      )
    },
    rulesFor: (user: User): ResolvedRules =>
      nodeNameOf(user) === undefined
        ? { rules: [], incomplete: false, errors: [] }
        : {
            rules: [],
            incomplete: true,
            errors: ['node authorizer does not support user rule resolution'],
          },
  }
}

/** Undefined for resources that all nodes share. */
function authorizeResource(graph: NodeGraph, nodeName: string, attributes: Attributes): Decision | undefined {
  const related = (kind: ReferencedKind) => authorizeRelated(graph, nodeName, kind, attributes)
  switch (groupResource(attributes)) {
    case 'secrets':
      return readFault(attributes) ?? related('secret')
    case 'configmaps':
      return readFault(attributes) ?? related('configmap')
    case 'persistentvolumeclaims':
      return attributes.subresource === 'status'
        ? (statusFault(attributes) ?? related('persistentvolumeclaim'))
        : (getFault(attributes) ?? related('persistentvolumeclaim'))
    case 'persistentvolumes':
      return getFault(attributes) ?? related('persistentvolume')
    case 'resourceclaims.resource.k8s.io':
      return getFault(attributes) ?? related('resourceclaim')
    case 'volumeattachments.storage.k8s.io':
      return getFault(attributes) ?? related('volumeattachment')
    case 'serviceaccounts':
      return authorizeServiceAccount(graph, nodeName, attributes)
    case 'leases.coordination.k8s.io':
      return authorizeLease(nodeName, attributes)
    case 'csinodes.storage.k8s.io':
      return authorizeCsiNode(nodeName, attributes)
    case 'resourceslices.resource.k8s.io':
      return authorizeResourceSlice(graph, nodeName, attributes)
    case 'nodes':
      return authorizeNode(nodeName, attributes)
    case 'pods':
      return authorizePod(graph, nodeName, attributes)
    default:
      return undefined
  }
}

function groupResource({ group, resource }: Attributes): string {
  return group === '' ? resource : `${resource}.${group}`
}

function authorizeRelated(
  graph: NodeGraph,
  nodeName: string,
  kind: ReferencedKind,
  { namespace, name }: Attributes,
): Decision {
  if (name === '') return noOpinionBecause('No Object name found')
  if (graph.isRelated(nodeName, kind, namespace, name)) return allowed
  return noOpinionBecause(`no relationship found between node '${nodeName}' and this object`)
}

function readFault({ verb, subresource, namespace }: Attributes): Decision | undefined {
  if (!['get', 'list', 'watch'].includes(verb))
    return noOpinionBecause('can only read resources of this type')
  if (subresource !== '') return noOpinionBecause('cannot read subresource')
  return namespace === '' ? noOpinionBecause('can only read namespaced object of this type') : undefined
}

function getFault({ verb, subresource }: Attributes): Decision | undefined {
  if (verb !== 'get') return noOpinionBecause('can only get individual resources of this type')
  return subresource === '' ? undefined : noOpinionBecause('cannot get subresource')
}

function statusFault({ verb }: Attributes): Decision | undefined {
  return verb === 'update' || verb === 'patch'
    ? undefined
    : noOpinionBecause('can only get/update/patch this type')
}

/** Tokens for, and the account of, a pod on the node. */
function authorizeServiceAccount(graph: NodeGraph, nodeName: string, attributes: Attributes): Decision {
  const { verb, name, subresource } = attributes
  if (verb === 'get' && subresource === '') {
    return authorizeRelated(graph, nodeName, 'serviceaccount', attributes)
  }
  if (verb !== 'create' || name === '') {
    return noOpinionBecause('can only create tokens for individual service accounts')
  }
  if (subresource !== 'token') return noOpinionBecause('can only create token subresource of serviceaccount')
  return authorizeRelated(graph, nodeName, 'serviceaccount', attributes)
}

const ownVerbs: ReadonlySet<string> = new Set(['get', 'create', 'update', 'patch', 'delete'])

function authorizeLease(nodeName: string, { verb, namespace, name }: Attributes): Decision {
  if (!ownVerbs.has(verb)) {
    return noOpinionBecause('can only get, create, update, patch, or delete a node lease')
  }
  if (namespace !== nodeLeaseNamespace) {
    return noOpinionBecause(`can only access leases in the "${nodeLeaseNamespace}" system namespace`)
  }
  // A create has no name yet: NodeRestriction looks at it.
  if (verb === 'create' || name === nodeName) return allowed
  return noOpinionBecause('can only access node lease with the same name as the requesting node')
}

function authorizeCsiNode(nodeName: string, { verb, subresource, name }: Attributes): Decision {
  if (!ownVerbs.has(verb)) {
    return noOpinionBecause('can only get, create, update, patch, or delete a CSINode')
  }
  if (subresource !== '') return noOpinionBecause('cannot authorize CSINode subresources')
  if (verb === 'create' || name === nodeName) return allowed
  return noOpinionBecause('can only access CSINode with the same name as the requesting node')
}

function authorizeResourceSlice(graph: NodeGraph, nodeName: string, attributes: Attributes): Decision {
  if (attributes.subresource !== '') return noOpinionBecause('cannot authorize ResourceSlice subresources')
  switch (attributes.verb) {
    case 'create':
      return allowed
    case 'get':
    case 'update':
    case 'patch':
    case 'delete':
      return authorizeRelated(graph, nodeName, 'resourceslice', attributes)
    case 'watch':
    case 'list':
    case 'deletecollection':
      return selects(attributes.fieldSelector, 'spec.nodeName', nodeName)
        ? allowed
        : noOpinionBecause('can only list/watch/deletecollection resourceslices with nodeName field selector')
    default:
      return noOpinionBecause(
        'only the following verbs are allowed for a ResourceSlice: ' +
          'get, watch, list, create, update, patch, delete, deletecollection',
      )
  }
}

function authorizeNode(nodeName: string, { verb, subresource, name }: Attributes): Decision {
  switch (`${subresource}:${verb}`) {
    case ':create':
    case ':update':
    case ':patch':
    case 'status:update':
    case 'status:patch':
      return allowed
    case ':get':
    case ':list':
    case ':watch':
      if (name === nodeName) return allowed
      return noOpinionBecause(
        name === ''
          ? `node '${nodeName}' cannot read all nodes, only its own Node object`
          : `node '${nodeName}' cannot read '${name}', only its own Node object`,
      )
    default:
      return noOpinion
  }
}

function authorizePod(graph: NodeGraph, nodeName: string, attributes: Attributes): Decision {
  switch (`${attributes.subresource}:${attributes.verb}`) {
    case ':get':
      return authorizeRelated(graph, nodeName, 'pod', attributes)
    case ':list':
    case ':watch':
      if (selects(attributes.fieldSelector, 'spec.nodeName', nodeName)) return allowed
      if (attributes.name !== '') return authorizeRelated(graph, nodeName, 'pod', attributes)
      return noOpinionBecause('can only list/watch pods with spec.nodeName field selector')
    // Mirror pods; NodeRestriction sees to it that they are.
    case ':create':
    case ':delete':
    case 'status:update':
    case 'status:patch':
    case 'eviction:create':
      return allowed
    default:
      return noOpinion
  }
}

/** Whether a field selector demands exactly this value. Node names need no escapes, and no commas. */
function selects(fieldSelector: string | undefined, field: string, value: string): boolean {
  const requirements = (fieldSelector ?? '').split(',')
  return requirements.includes(`${field}=${value}`) || requirements.includes(`${field}==${value}`)
}
