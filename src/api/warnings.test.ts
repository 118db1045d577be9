import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject, Writable } from '../machinery/meta.ts'
import { builtInDefinitions } from './registry.ts'

type Fields = Record<string, unknown>

/** Names that are no label of a host, and a template with a fault that is only warned of. */
const template = {
  metadata: { labels: { a: 'b' } },
  spec: { terminationGracePeriodSeconds: -1, containers: [{ name: 'c', image: 'i' }] },
}
const name =
  'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is ' +
  'recommended: [must not contain dots]'
const inTemplate = (at: string) =>
  `${at}.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`
const bytes = (at: string) => `${at}: fractional byte value "1500m" is invalid, must be an integer`
const halfByte = { resources: { requests: { storage: '1500m' } } }
const oldKey = 'beta.kubernetes.io/os'
const oldLabel = 'deprecated since v1.14; use "kubernetes.io/os" instead'
const zone =
  'cannot use TZ or CRON_TZ in spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/' +
  'controllers/cron-jobs/#unsupported-timezone-specification for more details'
const loose = (at: string) => `${at}: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"`

const rows: readonly (readonly [kind: string, object: Fields, warnings: readonly string[]])[] = [
  ['Deployment', { spec: { template } }, [name, inTemplate('spec.template')]],
  ['ReplicaSet', { spec: { template } }, [name, inTemplate('spec.template')]],
  ['ReplicationController', { spec: { template } }, [name, inTemplate('spec.template')]],
  ['DaemonSet', { spec: { template } }, [inTemplate('spec.template')]],
  [
    'StatefulSet',
    { spec: { template, revisionHistoryLimit: -1, volumeClaimTemplates: [{ spec: halfByte }] } },
    [
      inTemplate('spec.template'),
      bytes('spec.volumeClaimTemplates[0].resources.requests[storage]'),
      'spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended',
    ],
  ],
  ['PodTemplate', { template }, [inTemplate('template')]],
  ['Job', { spec: { template } }, [name, inTemplate('spec.template')]],
  [
    'Job',
    { spec: { template: {}, completionMode: 'Indexed', completions: 100_001, parallelism: 10_001 } },
    [
      name,
      'spec: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, ' +
        'Kubernetes might not be able to track completedIndexes when a big number of indexes fail',
    ],
  ],
  [
    'CronJob',
    { spec: { schedule: 'TZ=UTC * * * * *', jobTemplate: { spec: { template } } } },
    [name, inTemplate('spec.jobTemplate.spec.template'), zone],
  ],
  [
    'Service',
    { spec: { type: 'ClusterIP', clusterIP: 'None', externalIPs: ['1.2.3.4'], sessionAffinity: 'ClientIP' } },
    [
      'spec.externalIPs is ignored for headless services',
      'spec.SessionAffinity is ignored for headless services',
    ],
  ],
  [
    'Service',
    {
      spec: {
        type: 'ClusterIP',
        clusterIP: '010.0.0.1',
        clusterIPs: ['010.0.0.1'],
        externalIPs: ['1.2.3.4'],
        externalName: 'a.b',
        trafficDistribution: 'PreferClose',
      },
    },
    [
      loose('spec.clusterIPs[0]'),
      'spec.externalIPs is deprecated and may no longer be implemented in some clusters',
      'spec.externalName is ignored when spec.type is not "ExternalName"',
      'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"',
    ],
  ],
  [
    'PersistentVolume',
    {
      spec: {
        persistentVolumeReclaimPolicy: 'Recycle',
        cephfs: {},
        nodeAffinity: {
          required: { nodeSelectorTerms: [{ matchExpressions: [{ key: oldKey, operator: 'Exists' }] }] },
        },
      },
    },
    [
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended ' +
        'approach is to use dynamic provisioning.',
      `spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: ${oldKey} is ${oldLabel}`,
      'spec.cephfs: deprecated in v1.28, non-functional in v1.31+',
    ],
  ],
  ['PersistentVolumeClaim', { spec: halfByte }, [bytes('spec.resources.requests[storage]')]],
  [
    'Node',
    { spec: { externalID: 'x', podCIDRs: ['10.0.0.0/08'] } },
    [
      'spec.externalID: this field is deprecated, and is unused by Kubernetes',
      'spec.podCIDRs[0]: non-standard CIDR value "10.0.0.0/08" is invalid: use "10.0.0.0/8"',
    ],
  ],
  [
    'Endpoints',
    { subsets: [{ notReadyAddresses: [{ ip: '010.0.0.1' }] }] },
    [loose('subsets[0].notReadyAddresses[0].ip')],
  ],
  [
    'EndpointSlice',
    { addressType: 'FQDN', endpoints: [] },
    ['spec.addressType: FQDN endpoints are deprecated'],
  ],
  [
    'StorageClass',
    { allowedTopologies: [{ matchLabelExpressions: [{ key: oldKey, values: [] }] }] },
    [`allowedTopologies[0].matchLabelExpressions[0]: ${oldLabel}`],
  ],
  [
    'RuntimeClass',
    { scheduling: { nodeSelector: { [oldKey]: 'x' } } },
    [`scheduling.nodeSelector: ${oldLabel}`],
  ],
  ['ConfigMap', {}, []],
]

for (const [kind, object, warnings] of rows) {
  test(`warnings of a new ${kind}: ${warnings.at(-1) ?? 'none'}`, () => {
    const { strategy } = builtInDefinitions.find(({ resource }) => resource.kind === kind)!
    const full = { metadata: { name: 'a.b' }, ...object } as Writable<KubernetesObject>
    assert.deepEqual(strategy.warnings?.(full) ?? [], warnings)
  })
}

test('warnings of a workload are told again only when what is wanted changes', () => {
  const { strategy } = builtInDefinitions.find(({ resource }) => resource.kind === 'Deployment')!
  const at = (generation: number) =>
    ({ metadata: { name: 'a.b', generation }, spec: { template } }) as KubernetesObject
  assert.deepEqual(strategy.warnings?.(at(1), at(1)), [])
  assert.deepEqual(strategy.warnings?.(at(2), at(1)), [inTemplate('spec.template')])
})
