import { describe, it } from 'node:test'
import type { KubernetesObject } from '../../src/machinery/meta.ts'
import type { Resource } from '../../src/machinery/resource.ts'
import {
  certificateSigningRequests,
  configMaps,
  controllerRevisions,
  cronJobs,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  daemonSets,
  deployments,
  deviceClasses,
  endpoints,
  endpointSlices,
  flowSchemas,
  horizontalPodAutoscalers,
  ingressClasses,
  ingresses,
  jobs,
  leases,
  limitRanges,
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  networkPolicies,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  podDisruptionBudgets,
  pods,
  podTemplates,
  priorityClasses,
  priorityLevelConfigurations,
  replicaSets,
  replicationControllers,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
  roles,
  runtimeClasses,
  secrets,
  serviceAccounts,
  services,
  statefulSets,
  storageClasses,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  volumeAttachments,
  volumeAttributesClasses,
} from '../../src/api/generated/resources.ts'
import type { MatchResources } from '../../src/api/generated/admissionregistration.v1.ts'
import { aCertificateRequest } from './harness/certificate-request.ts'
import { checkOperations, type OperationsOptions } from './harness/check-operations.ts'
import { aPod, aTemplate } from './harness/objects.ts'
import { sharedCluster } from './harness/shared-cluster.ts'

interface Row {
  readonly title: string
  readonly run: (...args: [Parameters<typeof checkOperations>[0]]) => Promise<void>
}

function row<T extends KubernetesObject>(
  title: string,
  resource: Resource<T>,
  options: OperationsOptions<T>,
): Row {
  return { title, run: (scope) => checkOperations(scope, resource, options) }
}

const selector = { matchLabels: { name: 'app' } }
const template = aTemplate('app')
const ended = aTemplate('app', { restartPolicy: 'Never' })
/** A condition that no controller writes. */
const condition = { type: 'StatusPatch', status: 'True', reason: 'Test', message: 'Set by a test' }
const claim = { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } }

const devices = { requests: [{ name: 'req-0', exactly: { deviceClassName: 'dra.example.com' } }] }
const matchConstraints = {
  resourceRules: [
    { operations: ['CREATE'], apiGroups: ['apps'], apiVersions: ['v1'], resources: ['deployments'] },
  ],
} satisfies MatchResources
const annotate = `Object{metadata: Object.metadata{annotations: {'mutated-by': 'a policy'}}}`

const certificateRequest = await aCertificateRequest('someone')

const rows: readonly Row[] = [
  row('Node', nodes, { object: { spec: { unschedulable: true } }, status: { conditions: [condition] } }),
  row('ConfigMap', configMaps, { object: { data: { a: 'b' } } }),
  row('Secret', secrets, { object: { data: { a: 'Yg==' } } }),
  row('ServiceAccount', serviceAccounts, { object: {} }),
  row('PodTemplate', podTemplates, { object: { template } }),
  row('LimitRange', limitRanges, {
    object: { spec: { limits: [{ type: 'Pod', max: { cpu: '4' } }] } },
  }),
  row('Pod', pods, {
    object: { ...aPod('', 'app'), spec: { ...aPod('', 'app').spec!, schedulerName: 'nobody' } },
    status: { conditions: [condition] },
  }),
  row('Service', services, {
    object: { spec: { selector: { name: 'app' }, ports: [{ port: 80 }] } },
    status: { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }),
  row('Endpoints', endpoints, {
    object: { subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80 }] }] },
  }),
  row('PersistentVolume', persistentVolumes, {
    object: {
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce'],
        hostPath: { path: '/tmp/none' },
        storageClassName: 'none',
      },
    },
    status: { message: 'StatusPatched', reason: 'Test' },
  }),
  row('PersistentVolumeClaim', persistentVolumeClaims, {
    object: { spec: { ...claim, storageClassName: 'none' } },
    status: { conditions: [condition] },
  }),
  row('ReplicationController', replicationControllers, {
    object: { spec: { replicas: 0, selector: { name: 'app' }, template } },
    status: { conditions: [condition] },
  }),
  row('ControllerRevision', controllerRevisions, { object: { revision: 1, data: { a: 'b' } } }),
  row('Deployment', deployments, {
    object: { spec: { replicas: 0, selector, template } },
    status: { conditions: [condition] },
  }),
  row('ReplicaSet', replicaSets, {
    object: { spec: { replicas: 0, selector, template } },
    status: { conditions: [condition] },
  }),
  row('StatefulSet', statefulSets, {
    object: { spec: { replicas: 0, selector, template, serviceName: 'none' } },
    status: { conditions: [condition] },
  }),
  row('DaemonSet', daemonSets, {
    object: {
      spec: { selector, template: aTemplate('app', { nodeSelector: { none: 'such' } }) },
    },
    status: { conditions: [condition] },
  }),
  row('Job', jobs, {
    object: { spec: { suspend: true, template: ended } },
    status: { conditions: [condition] },
  }),
  row('CronJob', cronJobs, {
    object: {
      spec: { schedule: '0 0 1 1 *', suspend: true, jobTemplate: { spec: { template: ended } } },
    },
    status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
  }),
  row('PodDisruptionBudget', podDisruptionBudgets, {
    object: { spec: { minAvailable: '50%', selector } },
    status: { disruptedPods: { one: '2026-01-01T00:00:00Z' } },
  }),
  row('Lease', leases, {
    object: { spec: { holderIdentity: 'holder', leaseDurationSeconds: 30, leaseTransitions: 0 } },
  }),
  row('EndpointSlice', endpointSlices, { object: { addressType: 'IPv4', endpoints: [] } }),
  row('Ingress', ingresses, {
    object: { spec: { defaultBackend: { service: { name: 'one', port: { number: 80 } } } } },
    status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
  }),
  row('IngressClass', ingressClasses, { object: { spec: { controller: 'example.com/controller' } } }),
  row('NetworkPolicy', networkPolicies, { object: { spec: { podSelector: {} } } }),
  row('RuntimeClass', runtimeClasses, { object: { handler: 'handler' } }),
  row('PriorityClass', priorityClasses, { object: { value: 7 } }),
  row('Role', roles, { object: { rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }] } }),
  row('StorageClass', storageClasses, { object: { provisioner: 'example.com/none' } }),
  row('CSIStorageCapacity', csiStorageCapacities, {
    object: { storageClassName: 'none', capacity: '256Gi' },
  }),
  row('VolumeAttributesClass', volumeAttributesClasses, {
    object: { driverName: 'example.com/none', parameters: { a: 'b' } },
  }),
  row('HorizontalPodAutoscaler', horizontalPodAutoscalers, {
    object: {
      spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'none' } },
    },
    status: { conditions: [condition] },
  }),
  row('FlowSchema', flowSchemas, {
    object: { spec: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 10_000 } },
    status: { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }),
  row('CertificateSigningRequest', certificateSigningRequests, {
    object: {
      spec: { request: certificateRequest, signerName: 'example.com/none', usages: ['digital signature'] },
    },
    status: { conditions: [{ ...condition, lastUpdateTime: '2026-01-01T00:00:00Z' }] },
  }),
  row('PriorityLevelConfiguration', priorityLevelConfigurations, {
    object: {
      spec: { type: 'Limited', limited: { nominalConcurrencyShares: 2, limitResponse: { type: 'Reject' } } },
    },
    status: { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
  }),
  row('ValidatingAdmissionPolicy', validatingAdmissionPolicies, {
    object: { spec: { matchConstraints, validations: [{ expression: 'object.spec.replicas <= 100' }] } },
    status: { conditions: [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }] },
    statusKeepsMetadata: true,
  }),
  row('ValidatingAdmissionPolicyBinding', validatingAdmissionPolicyBindings, {
    object: { spec: { policyName: 'none.example.com', validationActions: ['Deny'] } },
  }),
  row('MutatingAdmissionPolicy', mutatingAdmissionPolicies, {
    object: {
      spec: {
        matchConstraints,
        reinvocationPolicy: 'Never',
        mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: annotate } }],
      },
    },
  }),
  row('MutatingAdmissionPolicyBinding', mutatingAdmissionPolicyBindings, {
    object: { spec: { policyName: 'none.example.com' } },
  }),
  row('DeviceClass', deviceClasses, { object: { spec: { selectors: [{ cel: { expression: 'false' } }] } } }),
  row('ResourceClaim', resourceClaims, {
    object: { spec: { devices } },
    status: { allocation: {} },
    statusKeepsMetadata: true,
  }),
  row('ResourceClaimTemplate', resourceClaimTemplates, { object: { spec: { spec: { devices } } } }),
  row('ResourceSlice', resourceSlices, {
    object: {
      spec: {
        driver: 'dra.example.com',
        pool: { name: 'cluster', generation: 1, resourceSliceCount: 1 },
        nodeName: 'no-such-node',
      },
    },
  }),
  row('CSINode', csiNodes, { object: { spec: { drivers: [] } } }),
  row('VolumeAttachment', volumeAttachments, {
    object: {
      spec: { attacher: 'none.example.com', nodeName: 'node1', source: { persistentVolumeName: 'none' } },
    },
    status: { attached: true },
    statusKeepsMetadata: true,
  }),
  row('CSIDriver', csiDrivers, { object: { spec: { attachRequired: false } } }),
]

describe('every call on objects of kind', { concurrency: true }, () => {
  const cluster = sharedCluster()
  for (const { title, run } of rows) it(title, async () => run(await cluster.scope()))
})
