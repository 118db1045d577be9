import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject, Writable } from '../machinery/meta.ts'
import { fieldErrorText } from '../machinery/field-error.ts'
import type { EndpointSlice } from './generated/discovery.v1.ts'
import {
  changeFaults,
  decoded,
  definitionOf,
  faults,
  label,
  qualifiedName,
  statusFaults,
} from './testing/strategy-faults.ts'

/*
 * What upstream says of the fields that are seldom wrong, in its words and at its paths.
 */

const container = { name: 'c', image: 'i' }
const jobOf = (spec: object) => ({
  metadata: { name: 'j', uid: 'u' },
  spec: {
    manualSelector: true,
    selector: { matchLabels: { a: 'b' } },
    template: {
      metadata: { labels: { a: 'b' } },
      spec: { restartPolicy: 'Never', containers: [container] },
    },
    ...spec,
  },
})
const policyOf = (rule: object) => jobOf({ podFailurePolicy: { rules: [rule] } })
const indexedOf = (spec: object) => jobOf({ completionMode: 'Indexed', completions: 3, ...spec })
const roleOf = (rule: object) => ({ metadata: { name: 'r' }, rules: [rule] })
const leaseOf = (spec: object) => ({ metadata: { name: 'l' }, spec })
const autoscalerOf = (spec: object) => ({
  metadata: { name: 'a' },
  spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }, ...spec },
})
const metricOf = (type: string, target: object) => {
  const metric = { metric: { name: 'm' }, target }
  const describedObject = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' }
  return autoscalerOf({
    metrics: [{ type, [type.toLowerCase()]: type === 'Object' ? { ...metric, describedObject } : metric }],
  })
}
const attachmentOf = (source: object, status: object = {}) => ({
  metadata: { name: 'a' },
  spec: { attacher: 'a.b', nodeName: 'n', source },
  status: { attached: true, ...status },
})
const inline = 'spec.source.inlineVolumeSpec'
const notInline = 'Forbidden: may not be specified in the context of inline volumes'
const nodeOf = (driver: object) => ({
  metadata: { name: 'n' },
  spec: { drivers: [{ name: 'a.b', nodeID: 'n', topologyKeys: [], ...driver }] },
})
const levelOf = (name: string, spec: object) => ({ metadata: { name }, spec })
const runtimeOf = (more: object) => ({ metadata: { name: 'r' }, handler: 'h', ...more })
const sliceOf = (more: object) => ({ metadata: { name: 's' }, addressType: 'IPv4', endpoints: [], ...more })
const cronJobOf = (timeZone: string) => ({
  metadata: { name: 'c' },
  spec: {
    schedule: '* * * * *',
    timeZone,
    jobTemplate: { spec: { template: { spec: { restartPolicy: 'Never', containers: [container] } } } },
  },
})

const annotated = (key: string, value: unknown, spec: object = {}) => ({
  metadata: {
    name: 'n',
    annotations: {
      [`scheduler.alpha.kubernetes.io/${key}`]: typeof value === 'string' ? value : JSON.stringify(value),
    },
  },
  spec,
})
const aPodSpec = {
  containers: [{ ...container, imagePullPolicy: 'Always', terminationMessagePolicy: 'File' }],
}
const inAnnotations = 'metadata.annotations.scheduler.alpha.kubernetes.io'

const refused: readonly (readonly [kind: string, object: object, ...faults: string[]])[] = [
  [
    'jobs.batch',
    policyOf({ onPodConditions: [{ type: 'a', status: '' }] }),
    'spec.podFailurePolicy.rules[0].action: Required value: valid values: ["Count" "FailIndex" "FailJob" "Ignore"]',
  ],
  [
    'jobs.batch',
    policyOf({ action: 'Ignore', onExitCodes: { operator: '', values: [2, 3, 1, 1, 0] } }),
    'spec.podFailurePolicy.rules[0].onExitCodes.operator: Required value: valid values: ["In" "NotIn"]',
    'spec.podFailurePolicy.rules[0].onExitCodes.values[3]: Duplicate value: 1',
    'spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,3,1,1,0]: must be ordered',
  ],
  [
    'jobs.batch',
    jobOf({ maxFailedIndexes: 1 }),
    'spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified',
    'spec.maxFailedIndexes: Invalid value: 1: requires indexed completion mode',
  ],
  [
    'jobs.batch',
    jobOf({ completionMode: 'Odd' }),
    'spec.completionMode: Unsupported value: "Odd": supported values: "NonIndexed", "Indexed"',
  ],
  [
    'jobs.batch',
    indexedOf({ successPolicy: { rules: [{ succeededIndexes: '1-', succeededCount: 1 }] } }),
    'spec.successPolicy.rules[0].succeededIndexes: Invalid value: "1-": error parsing succeededIndexes: cannot convert string to integer for index: ""',
    'spec.successPolicy.rules[0].succeededCount: Invalid value: 1: must be less than or equal to 0 (the number of indexes in the specified succeededIndexes field)',
  ],
  ...['europe/berlin', 'us/eastern', 'asia/Kolkata', 'local'].map(
    (zone) =>
      [
        'cronjobs.batch',
        cronJobOf(zone),
        ...(zone === 'local'
          ? [
              'spec.timeZone: Invalid value: "local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
            ]
          : []),
        `spec.timeZone: Invalid value: "${zone}": unknown time zone ${zone}`,
      ] as const,
  ),
  ['cronjobs.batch', cronJobOf('US/Eastern')],
  ['cronjobs.batch', cronJobOf('Asia/Kolkata')],
  ['pods', annotated('tolerations', [{ key: 'a', operator: 'Exists' }], aPodSpec)],
  [
    'pods',
    annotated('tolerations', [{ key: 'a', operator: 'Odd' }], aPodSpec),
    `${inAnnotations}/tolerations[0].operator: Unsupported value: "Odd": supported values: "Equal", "Exists", "Gt", "Lt"`,
  ],
  [
    'pods',
    annotated('tolerations', '{}', aPodSpec),
    'metadata.annotations: Invalid value: "scheduler.alpha.kubernetes.io/tolerations": json: cannot unmarshal object into Go value of type []core.Toleration',
  ],
  [
    'pods',
    annotated('tolerations', '[', aPodSpec),
    'metadata.annotations: Invalid value: "scheduler.alpha.kubernetes.io/tolerations": unexpected end of JSON input',
  ],
  [
    'nodes',
    annotated('taints', [{ key: 'a', effect: '' }]),
    `${inAnnotations}/taints[0].effect: Required value`,
  ],
  [
    'nodes',
    annotated('preferAvoidPods', {
      preferAvoidPods: [
        { podSignature: {} },
        { podSignature: { podController: { controller: false } } },
        { podSignature: { podController: { controller: true } } },
      ],
    }),
    `${inAnnotations}/preferAvoidPods[0].PodSignature: Required value`,
    `${inAnnotations}/preferAvoidPods[1].PodSignature.PodController.Controller: Invalid value: false: must point to a controller`,
  ],
  [
    'nodes',
    annotated('preferAvoidPods', 'x'),
    `metadata.annotations.AvoidPods: Invalid value: "scheduler.alpha.kubernetes.io/preferAvoidPods": invalid character 'x' looking for beginning of value`,
  ],
  [
    'clusterroles.rbac.authorization.k8s.io',
    roleOf({ verbs: ['get'], nonResourceURLs: ['/a'], resourceNames: ['x'] }),
    'rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both regular resources and non-resource URLs',
  ],
  [
    'leases.coordination.k8s.io',
    leaseOf({ strategy: '' }),
    'spec.strategy.strategy: Unsupported value: "": supported values: "OldestEmulationVersion"',
  ],
  [
    'leases.coordination.k8s.io',
    leaseOf({ strategy: 'a.b/' }),
    'spec.strategy.strategy: Invalid value: "a.b/": name part must be non-empty',
    `spec.strategy.strategy: Invalid value: "a.b/": ${qualifiedName}`,
  ],
  [
    'horizontalpodautoscalers.autoscaling',
    metricOf('Object', { type: 'Value' }),
    'spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue',
  ],
  [
    'horizontalpodautoscalers.autoscaling',
    metricOf('External', { type: 'Value' }),
    'spec.metrics[0].external.target.averageValue: Required value: must set either a target value for metric or a per-pod target',
  ],
  [
    'horizontalpodautoscalers.autoscaling',
    metricOf('Pods', { type: 'AverageValue', averageValue: '-1' }),
    'spec.metrics[0].pods.target.averageValue: Invalid value: "-1": must be positive',
  ],
  [
    'horizontalpodautoscalers.autoscaling',
    autoscalerOf({ minReplicas: 0 }),
    'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ],
  [
    'storageclasses.storage.k8s.io',
    { metadata: { name: 'c' }, provisioner: 'Bad One' },
    `provisioner: Invalid value: "bad one": ${qualifiedName}`,
  ],
  [
    'csistoragecapacities.storage.k8s.io',
    { metadata: { name: 'c' }, storageClassName: 's', maximumVolumeSize: '-1' },
  ],
  [
    'csinodes.storage.k8s.io',
    nodeOf({ topologyKeys: ['Bad Key'] }),
    `spec.drivers[0]: Invalid value: "Bad Key": ${qualifiedName}`,
  ],
  [
    'volumeattachments.storage.k8s.io',
    attachmentOf({
      persistentVolumeName: 'v',
      inlineVolumeSpec: { csi: { driver: 'a.b', volumeHandle: 'h' }, accessModes: ['ReadWriteOnce'] },
    }),
    'spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName',
  ],
  [
    'volumeattachments.storage.k8s.io',
    attachmentOf({
      inlineVolumeSpec: {
        claimRef: { name: 'c' },
        capacity: { storage: '1Gi' },
        hostPath: { path: '/' },
        persistentVolumeReclaimPolicy: 'Recycle',
        nodeAffinity: {},
        storageClassName: 's',
        volumeMode: 'Block',
      },
    }),
    `${inline}.claimRef: ${notInline}`,
    `${inline}.capacity: ${notInline}`,
    `${inline}.csi: Required value: has to be specified in the context of inline volumes`,
    `${inline}.accessModes: Required value`,
    `${inline}.persistentVolumeReclaimPolicy: Forbidden: may only be Retain in the context of inline volumes`,
    `${inline}.nodeAffinity: ${notInline}`,
    `${inline}.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'`,
    `${inline}.storageClassName: ${notInline}`,
    `${inline}.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes`,
  ],
  [
    'csidrivers.storage.k8s.io',
    {
      metadata: { name: 'x'.repeat(64) },
      spec: { tokenRequests: [{ audience: 'a' }, { audience: 'a', expirationSeconds: 1 }] },
    },
    'spec.tokenRequests[1].audience: Duplicate value: "a"',
  ],
  ['prioritylevelconfigurations.flowcontrol.apiserver.k8s.io', levelOf('exempt', { type: 'Exempt' })],
  [
    'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io',
    levelOf('a', { type: '' }),
    'spec.type: Required value',
  ],
  [
    'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io',
    levelOf('a', { type: 'Limited', limited: { limitResponse: {} } }),
    'spec.limited.limitResponse.type: Required value',
  ],
  [
    'prioritylevelconfigurations.flowcontrol.apiserver.k8s.io',
    levelOf('exempt', { type: 'Exempt', limited: { limitResponse: { type: 'Reject' } } }),
    'spec.limited: Forbidden: must be nil if the type is not Limited',
    'spec: Invalid value: {"Type":"Exempt","Limited":{"NominalConcurrencyShares":30,"LimitResponse":{"Type":"Reject","Queuing":null},"LendablePercent":0,"BorrowingLimitPercent":null},"Exempt":null}: ' +
      "spec of 'exempt' except the 'spec.exempt' field must equal the fixed value",
  ],
  ['runtimeclasses.node.k8s.io', runtimeOf({ handler: '' }), 'handler: Required value'],
  [
    'runtimeclasses.node.k8s.io',
    runtimeOf({ handler: 'Bad_One' }),
    `handler: Invalid value: "Bad_One": ${label}`,
  ],
  [
    'runtimeclasses.node.k8s.io',
    runtimeOf({
      scheduling: {
        tolerations: [
          { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 1 },
          { key: 'a', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 2 },
        ],
      },
    }),
    'scheduling.tolerations[1]: Duplicate value: {"Key":"a","Operator":"Exists","Value":"","Effect":"NoExecute","TolerationSeconds":2}',
  ],
]

for (const [kind, object, ...expected] of refused)
  test(`new ${kind} are ${expected[0] ? `refused: ${expected[0]}` : `allowed: ${JSON.stringify(object)}`}`, () =>
    assert.deepEqual(faults(kind, object), expected))

test('no more is looked at than a slice may hold', () => {
  const ports = Array.from({ length: 20_001 }, (_, index) => ({ name: `p${index}`, protocol: 'Odd' }))
  const endpoints = Array.from({ length: 1001 }, () => ({ addresses: [] }))
  assert.deepEqual(faults('endpointslices.discovery.k8s.io', sliceOf({ ports, endpoints })), [
    'endpoints: Too many: 1001: must have at most 1000 items',
    'ports: Too many: 20001: must have at most 20000 items',
  ])
})

const changes: readonly (readonly [kind: string, before: object, after: object, ...faults: string[]])[] = [
  [
    'jobs.batch',
    { ...indexedOf({ completions: 9, parallelism: 9 }), metadata: { name: 'x'.repeat(61), uid: 'u' } },
    { ...indexedOf({ completions: 11, parallelism: 11 }), metadata: { name: 'x'.repeat(61), uid: 'u' } },
    `metadata.name: Invalid value: "${'x'.repeat(61)}": will not able to create pod with invalid DNS label: ${'x'.repeat(61)}-10`,
  ],
  [
    'horizontalpodautoscalers.autoscaling',
    autoscalerOf({ minReplicas: 0 }),
    autoscalerOf({ minReplicas: 0 }),
    'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
  ],
  [
    'csinodes.storage.k8s.io',
    nodeOf({ allocatable: { count: 1 } }),
    nodeOf({ nodeID: 'o', allocatable: { count: 2 } }),
    'spec.drivers: Invalid value: {"Name":"a.b","NodeID":"o","TopologyKeys":[],"Allocatable":null}: field is immutable',
  ],
  ['csinodes.storage.k8s.io', nodeOf({ allocatable: { count: 1 } }), nodeOf({ allocatable: { count: 2 } })],
]

for (const [kind, before, after, ...expected] of changes)
  test(`changing ${kind} is ${expected[0] ? `refused: ${expected[0]}` : 'allowed'}`, () =>
    assert.deepEqual(changeFaults(kind, before, after), expected))

const statuses: readonly (readonly [kind: string, before: object, after: object, ...faults: string[]])[] = [
  [
    'volumeattachments.storage.k8s.io',
    attachmentOf({ persistentVolumeName: 'v' }),
    attachmentOf(
      { persistentVolumeName: 'v' },
      {
        attachmentMetadata: { 'Bad Key': 'v' },
        attachError: { message: 'x'.repeat(1025) },
        detachError: { errorCode: -1 },
      },
    ),
    'status.attachError.message: Too long: may not be more than 262144 bytes',
    'status.detachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive',
  ],
]

for (const [kind, before, after, ...expected] of statuses)
  test(`the status of ${kind} is ${expected[0] ? `refused: ${expected[0]}` : 'accepted'}`, () =>
    assert.deepEqual(statusFaults(kind, before, after), expected))

function created(kind: string, object: object): readonly [Writable<KubernetesObject>, string[]] {
  const { strategy } = definitionOf(kind)
  const made = decoded(kind, object)
  strategy.prepareForCreate?.(made, { user: { name: 'u', groups: [] }, warn: () => {} })
  return [made, (strategy.validate?.(made) ?? []).map(fieldErrorText)]
}

test("a Job's own labels are refused where they are not those of its pods", () => {
  const { spec } = jobOf({
    manualSelector: false,
    selector: undefined,
    template: {
      metadata: { labels: { 'job-name': 'other' } },
      spec: { restartPolicy: 'Never', containers: [container] },
    },
  })
  const labels =
    '{"batch.kubernetes.io/controller-uid":"u","batch.kubernetes.io/job-name":"j","controller-uid":"u","job-name":"other"}'
  const [, errors] = created('jobs.batch', { metadata: { name: 'j', uid: 'u' }, spec })
  assert.deepEqual(errors, [`spec.template.metadata.labels[job-name]: Invalid value: ${labels}: must be 'j'`])
})

test('a limit range that nobody has named has a name', () => {
  const [made, errors] = created('limitranges', { metadata: { uid: 'u' }, spec: { limits: [] } })
  assert.deepEqual([made.metadata?.name, errors], ['u', []])
})

test('slices lose what the first version said of where an endpoint is, but for its node', () => {
  const topology = { 'kubernetes.io/hostname': 'n', zone: 'z' }
  const endpoint = { addresses: ['10.0.0.1'], deprecatedTopology: topology }
  const kind = 'endpointslices.discovery.k8s.io'
  const endpointsOf = (slice: object) =>
    ((slice as EndpointSlice).endpoints ?? []).map(({ conditions: _none, ...rest }) => rest)
  const [made] = created(kind, sliceOf({ endpoints: [endpoint] }))
  assert.deepEqual(endpointsOf(made), [{ addresses: ['10.0.0.1'] }])

  const previous = decoded(kind, sliceOf({ endpoints: [endpoint] }))
  const next = decoded(kind, sliceOf({ endpoints: [{ ...endpoint, hostname: 'h' }] }))
  definitionOf(kind).strategy.prepareForUpdate?.(next, previous)
  assert.deepEqual(endpointsOf(next), [{ addresses: ['10.0.0.1'], hostname: 'h', nodeName: 'n' }])

  const unchanged = decoded(kind, sliceOf({ endpoints: [endpoint] }))
  definitionOf(kind).strategy.prepareForUpdate?.(unchanged, previous)
  assert.deepEqual(endpointsOf(unchanged), [endpoint])
})
