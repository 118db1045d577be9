import type { JsonValue } from '../../machinery/meta.ts'

/** A kind as the matrix of every kind needs it. */
export interface MinimalObject {
  /** The least that is valid, without what all kinds have: kind, apiVersion, name and namespace. */
  readonly object: Readonly<Record<string, JsonValue>>
  /** Any name will do when absent. */
  readonly name?: string
  /** A merge patch that changes what is wanted; absent where nothing of it may change. */
  readonly change?: Readonly<Record<string, JsonValue>>
  /** metadata.generation after the create, and after `change`; absent where upstream keeps none. */
  readonly generations?: readonly [number, number]
  /** A status that differs from what a new object has; present exactly where there is the subresource. */
  readonly status?: Readonly<Record<string, JsonValue>>
  /** An update must say of which resourceVersion it is. */
  readonly needsVersion?: true
  /** The condition that the server itself adds soon after the create; then the status is no matter of clients. */
  readonly settlesWith?: string
  /** A condition that has been added stays. */
  readonly keepsConditions?: true
  /** Adding a label raises the generation, too. */
  readonly countsLabels?: true
  /** And so does changing an annotation. */
  readonly countsAnnotations?: true
}

type Fields = Readonly<Record<string, JsonValue>>

const labels = { app: 'a' }
const selector = { matchLabels: labels }
const containers = [{ name: 'c', image: 'i' }]
const template = { metadata: { labels }, spec: { containers } }
const ended = { spec: { containers, restartPolicy: 'Never' } }
const condition = {
  type: 'Known',
  status: 'True',
  reason: 'Tested',
  message: '',
  lastTransitionTime: '2026-01-01T00:00:00Z',
}
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' }
const subjects = [{ kind: 'ServiceAccount', name: 'default', namespace: 'default' }]
const webhook = {
  name: 'one.example.com',
  clientConfig: { url: 'https://localhost/one' },
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
}
const matchConstraints = {
  resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
}
const claimTemplate = { devices: { requests: [{ name: 'one', exactly: { deviceClassName: 'class' } }] } }
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
const annotated = { metadata: { annotations: { changed: 'true' } } }
const event: MinimalObject = {
  object: {
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' },
    reason: 'Tested',
    type: 'Normal',
    message: 'a',
  },
  change: { message: 'b' },
}

/** What a workload has: replicas, and a status that says how many there are. */
function workload(spec: Fields, status: Fields = { replicas: 1 }): MinimalObject {
  return {
    object: { spec: { selector, template, ...spec } },
    change: { spec: { template: { spec: { terminationGracePeriodSeconds: 7 } } } },
    generations: [1, 2],
    status,
  }
}

/** By `resource.group/version`; of resources that clients can create, change and delete. */
export function minimalObjects(certificateRequest: string): Readonly<Record<string, MinimalObject>> {
  const resourcesOf = (group: string, objects: Readonly<Record<string, MinimalObject>>) =>
    Object.entries(objects).map(([resource, minimal]) => [`${resource}.${group}`, minimal] as const)
  return Object.fromEntries([
    ...resourcesOf('/v1', coreObjects),
    ...resourcesOf('apps/v1', {
      controllerrevisions: { object: { revision: 1, data: { a: 1 } }, change: { revision: 2 } },
      daemonsets: workload({}, { numberMisscheduled: 1 }),
      deployments: { ...workload({ replicas: 1 }), countsAnnotations: true },
      replicasets: workload({ replicas: 1 }),
      statefulsets: workload({ replicas: 1, serviceName: 'a' }),
    }),
    ...resourcesOf('batch/v1', {
      jobs: {
        object: { spec: { template: ended } },
        change: { spec: { parallelism: 2 } },
        generations: [1, 2],
        status: { active: 1 },
      },
      cronjobs: {
        object: { spec: { schedule: '@daily', jobTemplate: { spec: { template: ended } } } },
        change: { spec: { suspend: true } },
        generations: [1, 2],
        status: { lastScheduleTime: '2026-01-01T00:00:00Z' },
      },
    }),
    ...resourcesOf('autoscaling/v2', {
      horizontalpodautoscalers: {
        object: { spec: { maxReplicas: 3, scaleTargetRef } },
        change: { spec: { maxReplicas: 4 } },
        status: { desiredReplicas: 2, currentMetrics: null, conditions: [condition] },
      },
    }),
    ...resourcesOf('autoscaling/v1', {
      horizontalpodautoscalers: {
        object: { spec: { maxReplicas: 3, scaleTargetRef } },
        change: { spec: { maxReplicas: 4 } },
        status: { currentReplicas: 1, desiredReplicas: 2 },
      },
    }),
    ...resourcesOf('policy/v1', {
      poddisruptionbudgets: {
        needsVersion: true,
        object: { spec: { minAvailable: 1, selector } },
        change: { spec: { minAvailable: 2 } },
        generations: [1, 2],
        status: { currentHealthy: 1, desiredHealthy: 1, disruptionsAllowed: 0, expectedPods: 1 },
      },
    }),
    ...resourcesOf('events.k8s.io/v1', {
      events: {
        object: {
          eventTime: '2026-01-01T00:00:00.000000Z',
          reportingController: 'example.com/test',
          reportingInstance: 'one',
          action: 'Testing',
          reason: 'Tested',
          type: 'Normal',
          regarding: { kind: 'Pod', namespace: 'default', name: 'a' },
        },
        change: { series: { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' } },
      },
    }),
    ...resourcesOf('certificates.k8s.io/v1', {
      certificatesigningrequests: {
        keepsConditions: true,
        object: {
          spec: {
            request: certificateRequest,
            signerName: 'example.com/none',
            usages: ['digital signature'],
          },
        },
        status: { conditions: [{ ...condition, type: 'Failed' }] },
      },
    }),
    ...resourcesOf('networking.k8s.io/v1', networkingObjects),
    ...resourcesOf('rbac.authorization.k8s.io/v1', {
      clusterroles: { object: { rules }, change: { rules: [] } },
      roles: { object: { rules }, change: { rules: [] } },
      clusterrolebindings: { object: { roleRef, subjects }, change: { subjects: null } },
      rolebindings: { object: { roleRef, subjects }, change: { subjects: null } },
    }),
    ...resourcesOf('storage.k8s.io/v1', storageObjects),
    ...resourcesOf('admissionregistration.k8s.io/v1', admissionObjects),
    ...resourcesOf('apiextensions.k8s.io/v1', {
      customresourcedefinitions: {
        needsVersion: true,
        name: 'things.example.com',
        object: {
          spec: {
            group: 'example.com',
            scope: 'Namespaced',
            names: { plural: 'things', kind: 'Thing' },
            versions: [
              { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
            ],
          },
        },
        change: { spec: { names: { shortNames: ['th'] } } },
        generations: [1, 2],
        settlesWith: 'Established',
      },
    }),
    ...resourcesOf('apiregistration.k8s.io/v1', {
      apiservices: {
        needsVersion: true,
        name: 'v1.elsewhere.example.com',
        object: {
          spec: {
            group: 'elsewhere.example.com',
            version: 'v1',
            groupPriorityMinimum: 100,
            versionPriority: 1,
            insecureSkipTLSVerify: true,
            service: { namespace: 'default', name: 'none' },
          },
        },
        change: { spec: { versionPriority: 2 } },
        settlesWith: 'Available',
      },
    }),
    ...resourcesOf('scheduling.k8s.io/v1', {
      priorityclasses: { object: { value: 7 }, change: { description: 'b' }, generations: [1, 1] },
    }),
    ...resourcesOf('coordination.k8s.io/v1', {
      leases: {
        needsVersion: true,
        object: { spec: { holderIdentity: 'a' } },
        change: { spec: { holderIdentity: 'b' } },
      },
    }),
    ...resourcesOf('node.k8s.io/v1', {
      runtimeclasses: {
        needsVersion: true,
        object: { handler: 'a' },
        change: { scheduling: { nodeSelector: labels } },
      },
    }),
    ...resourcesOf('discovery.k8s.io/v1', {
      endpointslices: {
        object: { addressType: 'IPv4', endpoints: [], ports: [] },
        change: { endpoints: [{ addresses: ['10.0.0.1'] }] },
        generations: [1, 2],
        countsLabels: true,
      },
    }),
    ...resourcesOf('resource.k8s.io/v1', {
      deviceclasses: {
        object: { spec: {} },
        change: { spec: { extendedResourceName: 'example.com/one' } },
        generations: [1, 2],
      },
      resourceclaims: {
        object: { spec: claimTemplate },
        status: {
          reservedFor: null,
          devices: null,
          allocation: {
            devices: { results: [{ request: 'one', driver: 'example.com', pool: 'p', device: 'd' }] },
          },
        },
      },
      resourceclaimtemplates: { object: { spec: { spec: claimTemplate } } },
      resourceslices: {
        object: {
          spec: {
            driver: 'example.com',
            nodeName: 'one',
            pool: { name: 'one', generation: 1, resourceSliceCount: 1 },
            devices: [{ name: 'a' }],
          },
        },
        change: { spec: { devices: [{ name: 'b' }] } },
        generations: [1, 2],
      },
    }),
    ...resourcesOf('flowcontrol.apiserver.k8s.io/v1', {
      flowschemas: {
        object: { spec: { priorityLevelConfiguration: { name: 'exempt' }, matchingPrecedence: 10_000 } },
        change: { spec: { matchingPrecedence: 9000 } },
        generations: [1, 2],
        settlesWith: 'Dangling',
      },
      prioritylevelconfigurations: {
        object: { spec: { type: 'Limited', limited: { limitResponse: { type: 'Reject' } } } },
        change: { spec: { limited: { nominalConcurrencyShares: 7 } } },
        generations: [1, 2],
        status: { conditions: [{ ...condition, type: 'Known' }] },
      },
    }),
  ])
}

const coreObjects: Readonly<Record<string, MinimalObject>> = {
  configmaps: { object: { data: { a: 'b' } }, change: { data: { a: 'c' } } },
  endpoints: { object: { subsets: [] }, change: { subsets: [{ addresses: [{ ip: '10.0.0.1' }] }] } },
  events: event,
  limitranges: {
    object: { spec: { limits: [{ type: 'Pod', max: { cpu: '4' } }] } },
    change: { spec: { limits: [{ type: 'Pod', max: { cpu: '5' } }] } },
  },
  namespaces: { object: {}, change: annotated, status: { conditions: [condition] } },
  nodes: { object: {}, change: { spec: { unschedulable: true } }, status: { phase: 'Running' } },
  persistentvolumeclaims: {
    object: { spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } } },
    change: { spec: { volumeName: 'one' } },
    status: { accessModes: ['ReadWriteOnce'] },
  },
  persistentvolumes: {
    object: {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/tmp/none' } },
    },
    change: { spec: { persistentVolumeReclaimPolicy: 'Delete' } },
    status: { message: 'a' },
  },
  pods: {
    object: { spec: { containers } },
    change: { spec: { activeDeadlineSeconds: 7 } },
    generations: [1, 2],
    status: { message: 'a' },
  },
  podtemplates: {
    object: { template },
    change: { template: { spec: { terminationGracePeriodSeconds: 7 } } },
    generations: [1, 2],
  },
  replicationcontrollers: {
    object: { spec: { replicas: 1, selector: labels, template } },
    change: { spec: { template: { spec: { terminationGracePeriodSeconds: 7 } } } },
    generations: [1, 2],
    status: { replicas: 1 },
  },
  resourcequotas: {
    object: { spec: { hard: { pods: '1' } } },
    change: { spec: { hard: { pods: '2' } } },
    status: { hard: { pods: '1' } },
  },
  secrets: { object: { data: { a: 'Yg==' } }, change: { data: { a: 'Yw==' } } },
  serviceaccounts: { object: {}, change: { automountServiceAccountToken: false } },
  services: {
    object: { spec: { ports: [{ port: 80 }] } },
    change: { spec: { selector: labels } },
    status: { conditions: [condition] },
  },
}

const networkingObjects: Readonly<Record<string, MinimalObject>> = {
  ingressclasses: {
    object: { spec: { controller: 'example.com/a' } },
    change: { spec: { parameters: { kind: 'A', name: 'a', scope: 'Cluster' } } },
    generations: [1, 2],
  },
  ingresses: {
    object: { spec: { defaultBackend: { service: { name: 'a', port: { number: 80 } } } } },
    change: { spec: { ingressClassName: 'a' } },
    generations: [1, 2],
    status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
  },
  ipaddresses: {
    name: '10.96.77.77',
    object: { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'a' } } },
  },
  networkpolicies: {
    object: { spec: { podSelector: {} } },
    change: { spec: { podSelector: selector } },
    generations: [1, 2],
  },
  servicecidrs: { object: { spec: { cidrs: ['10.97.0.0/24'] } }, status: { conditions: [condition] } },
}

const storageObjects: Readonly<Record<string, MinimalObject>> = {
  csidrivers: {
    needsVersion: true,
    object: { spec: { attachRequired: false } },
    change: { spec: { requiresRepublish: true } },
    generations: [1, 2],
  },
  csinodes: {
    needsVersion: true,
    object: { spec: { drivers: [] } },
    change: { spec: { drivers: [{ name: 'example.com', nodeID: 'one' }] } },
  },
  csistoragecapacities: {
    needsVersion: true,
    object: { storageClassName: 'a', capacity: '1Gi' },
    change: { capacity: '2Gi' },
  },
  storageclasses: { object: { provisioner: 'example.com' }, change: { allowVolumeExpansion: true } },
  volumeattachments: {
    needsVersion: true,
    object: { spec: { attacher: 'example.com', nodeName: 'one', source: { persistentVolumeName: 'a' } } },
    status: { attached: true },
  },
  volumeattributesclasses: {
    object: { driverName: 'example.com', parameters: { a: 'b' } },
    change: annotated,
  },
}

const admissionObjects: Readonly<Record<string, MinimalObject>> = {
  mutatingwebhookconfigurations: {
    needsVersion: true,
    object: { webhooks: [webhook] },
    change: { webhooks: [{ ...webhook, timeoutSeconds: 7 }] },
    generations: [1, 2],
  },
  validatingwebhookconfigurations: {
    needsVersion: true,
    object: { webhooks: [webhook] },
    change: { webhooks: [{ ...webhook, timeoutSeconds: 7 }] },
    generations: [1, 2],
  },
  validatingadmissionpolicies: {
    needsVersion: true,
    object: { spec: { matchConstraints, validations: [{ expression: 'true' }] } },
    change: { spec: { failurePolicy: 'Ignore' } },
    generations: [1, 2],
    status: { conditions: [condition] },
  },
  validatingadmissionpolicybindings: {
    needsVersion: true,
    object: { spec: { policyName: 'a', validationActions: ['Deny'] } },
    change: { spec: { validationActions: ['Warn'] } },
    generations: [1, 2],
  },
  mutatingadmissionpolicies: {
    needsVersion: true,
    object: {
      spec: {
        matchConstraints,
        reinvocationPolicy: 'Never',
        mutations: [
          {
            patchType: 'JSONPatch',
            jsonPatch: { expression: 'true ? [] : [JSONPatch{op: "test", path: "/a"}]' },
          },
        ],
      },
    },
    change: { spec: { failurePolicy: 'Ignore' } },
    generations: [1, 2],
  },
  mutatingadmissionpolicybindings: {
    needsVersion: true,
    object: { spec: { policyName: 'a' } },
    change: { spec: { policyName: 'b' } },
    generations: [1, 2],
  },
}
