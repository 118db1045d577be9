import { mutatingAdmissionPolicyDefinition } from './admissionregistration/mutating-admission-policy.ts'
import {
  mutatingAdmissionPolicyBindingDefinition,
  validatingAdmissionPolicyBindingDefinition,
} from './admissionregistration/policy-binding.ts'
import { validatingAdmissionPolicyDefinition } from './admissionregistration/validating-admission-policy.ts'
import {
  mutatingWebhookConfigurationDefinition,
  validatingWebhookConfigurationDefinition,
} from './admissionregistration/webhook-configuration.ts'
import { customResourceDefinitionDefinition } from './apiextensions/custom-resource-definition.ts'
import { apiServiceDefinition } from './apiregistration/api-service.ts'
import { controllerRevisionDefinition } from './apps/controller-revision.ts'
import { daemonSetDefinition } from './apps/daemon-set.ts'
import { deploymentDefinition } from './apps/deployment.ts'
import { replicaSetDefinition } from './apps/replica-set.ts'
import { statefulSetDefinition } from './apps/stateful-set.ts'
import { horizontalPodAutoscalerDefinition } from './autoscaling/horizontal-pod-autoscaler.ts'
import { cronJobDefinition } from './batch/cron-job.ts'
import { jobDefinition } from './batch/job.ts'
import { certificateSigningRequestDefinition } from './certificates/certificate-signing-request.ts'
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
import { flowSchemaDefinition } from './flowcontrol/flow-schema.ts'
import { priorityLevelConfigurationDefinition } from './flowcontrol/priority-level-configuration.ts'
import { ingressClassDefinition } from './networking/ingress-class.ts'
import { ingressDefinition } from './networking/ingress.ts'
import { ipAddressDefinition } from './networking/ip-address.ts'
import { networkPolicyDefinition } from './networking/network-policy.ts'
import { serviceCidrDefinition } from './networking/service-cidr.ts'
import { runtimeClassDefinition } from './node/runtime-class.ts'
import { podDisruptionBudgetDefinition } from './policy/pod-disruption-budget.ts'
import { clusterRoleBindingDefinition, roleBindingDefinition } from './rbac/role-binding.ts'
import { clusterRoleDefinition, roleDefinition } from './rbac/role.ts'
import { deviceClassDefinition } from './resource/device-class.ts'
import { resourceClaimTemplateDefinition } from './resource/resource-claim-template.ts'
import { resourceClaimDefinition } from './resource/resource-claim.ts'
import { resourceSliceDefinition } from './resource/resource-slice.ts'
import { priorityClassDefinition } from './scheduling/priority-class.ts'
import { csiStorageCapacityDefinition } from './storage/csi-storage-capacity.ts'
import { csiDriverDefinition, csiNodeDefinition, volumeAttachmentDefinition } from './storage/csi.ts'
import { storageClassDefinition } from './storage/storage-class.ts'
import { volumeAttributesClassDefinition } from './storage/volume-attributes-class.ts'

/** Every built-in resource that is stored, in the order discovery lists them. */
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
  apiServiceDefinition,
  mutatingAdmissionPolicyBindingDefinition,
  mutatingAdmissionPolicyDefinition,
  mutatingWebhookConfigurationDefinition,
  validatingAdmissionPolicyBindingDefinition,
  validatingAdmissionPolicyDefinition,
  validatingWebhookConfigurationDefinition,
  controllerRevisionDefinition,
  daemonSetDefinition,
  deploymentDefinition,
  replicaSetDefinition,
  statefulSetDefinition,
  horizontalPodAutoscalerDefinition,
  cronJobDefinition,
  jobDefinition,
  certificateSigningRequestDefinition,
  leaseDefinition,
  endpointSliceDefinition,
  flowSchemaDefinition,
  priorityLevelConfigurationDefinition,
  ingressClassDefinition,
  ingressDefinition,
  ipAddressDefinition,
  networkPolicyDefinition,
  serviceCidrDefinition,
  runtimeClassDefinition,
  podDisruptionBudgetDefinition,
  clusterRoleBindingDefinition,
  clusterRoleDefinition,
  roleBindingDefinition,
  roleDefinition,
  deviceClassDefinition,
  resourceClaimDefinition,
  resourceClaimTemplateDefinition,
  resourceSliceDefinition,
  priorityClassDefinition,
  csiDriverDefinition,
  csiNodeDefinition,
  csiStorageCapacityDefinition,
  storageClassDefinition,
  volumeAttachmentDefinition,
  volumeAttributesClassDefinition,
  customResourceDefinitionDefinition,
] as unknown as readonly ResourceDefinition[]
