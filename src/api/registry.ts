import { controllerRevisionDefinition } from './apps/controller-revision.ts'
import { daemonSetDefinition } from './apps/daemon-set.ts'
import { deploymentDefinition } from './apps/deployment.ts'
import { replicaSetDefinition } from './apps/replica-set.ts'
import { statefulSetDefinition } from './apps/stateful-set.ts'
import { cronJobDefinition } from './batch/cron-job.ts'
import { jobDefinition } from './batch/job.ts'
import { leaseDefinition } from './coordination/lease.ts'
import { configMapDefinition } from './core/config-map.ts'
import { endpointsDefinition } from './core/endpoints.ts'
import { eventDefinition } from './core/event.ts'
import { limitRangeDefinition } from './core/limit-range.ts'
import { namespaceDefinition } from './core/namespace.ts'
import { nodeDefinition } from './core/node.ts'
import { persistentVolumeClaimDefinition } from './core/persistent-volume-claim.ts'
import { persistentVolumeDefinition } from './core/persistent-volume.ts'
import { podTemplateDefinition } from './core/pod-template.ts'
import { podDefinition } from './core/pod/pod.ts'
import { replicationControllerDefinition } from './core/replication-controller.ts'
import { resourceQuotaDefinition } from './core/resource-quota.ts'
import { secretDefinition } from './core/secret.ts'
import { serviceAccountDefinition } from './core/service-account.ts'
import { serviceDefinition } from './core/service.ts'
import type { ResourceDefinition } from './definition.ts'
import { endpointSliceDefinition } from './discovery/endpoint-slice.ts'
import { ingressClassDefinition } from './networking/ingress-class.ts'
import { ingressDefinition } from './networking/ingress.ts'
import { networkPolicyDefinition } from './networking/network-policy.ts'
import { runtimeClassDefinition } from './node/runtime-class.ts'
import { podDisruptionBudgetDefinition } from './policy/pod-disruption-budget.ts'
import { clusterRoleBindingDefinition, roleBindingDefinition } from './rbac/role-binding.ts'
import { clusterRoleDefinition, roleDefinition } from './rbac/role.ts'
import { priorityClassDefinition } from './scheduling/priority-class.ts'
import { csiDriverDefinition, csiNodeDefinition, volumeAttachmentDefinition } from './storage/csi.ts'
import { storageClassDefinition } from './storage/storage-class.ts'

/**
 * Every built-in resource that is stored, in the order discovery lists them. A kind stands here when something acts on it:
 * an object that is accepted and then ignored would be a lie.
 */
export const builtInDefinitions = [
  configMapDefinition,
  endpointsDefinition,
  eventDefinition,
  limitRangeDefinition,
  namespaceDefinition,
  nodeDefinition,
  persistentVolumeClaimDefinition,
  persistentVolumeDefinition,
  podDefinition,
  podTemplateDefinition,
  replicationControllerDefinition,
  resourceQuotaDefinition,
  secretDefinition,
  serviceAccountDefinition,
  serviceDefinition,
  controllerRevisionDefinition,
  daemonSetDefinition,
  deploymentDefinition,
  replicaSetDefinition,
  statefulSetDefinition,
  cronJobDefinition,
  jobDefinition,
  leaseDefinition,
  endpointSliceDefinition,
  ingressClassDefinition,
  ingressDefinition,
  networkPolicyDefinition,
  runtimeClassDefinition,
  podDisruptionBudgetDefinition,
  clusterRoleBindingDefinition,
  clusterRoleDefinition,
  roleBindingDefinition,
  roleDefinition,
  priorityClassDefinition,
  csiDriverDefinition,
  csiNodeDefinition,
  storageClassDefinition,
  volumeAttachmentDefinition,
] as unknown as readonly ResourceDefinition[]
