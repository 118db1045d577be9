import assert from 'node:assert/strict'
import { test } from 'node:test'
import { changeFaults, faults } from './testing/strategy-faults.ts'

/*
 * More of what upstream says of wrong objects and wrong changes, in its words and at its paths.
 */

const secretOf = (text: string) => ({
  metadata: { name: 's' },
  type: 'kubernetes.io/dockerconfigjson',
  data: { '.dockerconfigjson': Buffer.from(text).toString('base64') },
})
const redacted = 'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>":'
const limitOf = (limit: object) => ({
  metadata: { name: 'l' },
  spec: { limits: [{ type: 'Container', ...limit }] },
})
const quotaOf = (expression: object) => ({
  metadata: { name: 'q' },
  spec: { scopeSelector: { matchExpressions: [expression] } },
})
const classOf = (more: object) => ({ metadata: { name: 'c' }, provisioner: 'a/b', ...more })
const badValue = 'x'.repeat(64)

const workload = {
  selector: { matchLabels: { a: 'b' } },
  template: {
    metadata: { labels: { a: 'b' } },
    spec: { containers: [{ name: 'c', image: 'i' }] },
  },
}
const statefulSetOf = (updateStrategy: object) => ({
  metadata: { name: 's' },
  spec: { ...workload, updateStrategy },
})
const daemonSetOf = (rollingUpdate: object) => ({
  metadata: { name: 'd' },
  spec: { ...workload, updateStrategy: { rollingUpdate } },
})

const cronJobOf = (spec: object) => ({
  metadata: { name: 'c' },
  spec: {
    schedule: '* * * * *',
    jobTemplate: {
      spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
    },
    ...spec,
  },
})
const inZone = 'TZ=UTC * * * * *'
const apiServiceOf = (port: number) => ({
  metadata: { name: 'v1.a.b' },
  spec: {
    group: 'a.b',
    version: 'v1',
    groupPriorityMinimum: 1,
    versionPriority: 1,
    service: { name: 's', namespace: 'n', port },
  },
})

const refused: readonly (readonly [kind: string, object: object, ...faults: string[]])[] = [
  [
    'limitranges',
    limitOf({
      min: { cpu: '2' },
      max: { cpu: '4' },
      default: { cpu: '1' },
      defaultRequest: { cpu: '1500m' },
    }),
    'spec.limits[0].defaultRequest[cpu]: Invalid value: "1500m": min value 2 is greater than default request value 1500m',
    'spec.limits[0].defaultRequest[cpu]: Invalid value: "1500m": default request value 1500m is greater than default ' +
      'limit value 1',
    'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
  ],
  [
    'limitranges',
    limitOf({ default: { 'a.b/c': '2' }, defaultRequest: { 'a.b/c': '1' } }),
    'spec.limits[0].defaultRequest[a.b/c]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in a.b/c',
  ],
  [
    'namespaces',
    { metadata: { name: 'n' }, spec: { finalizers: ['mine'] } },
    'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  ],
  [
    'resourcequotas',
    quotaOf({ scopeName: 'Mine', operator: 'Exists' }),
    'spec.scopeSelector.matchExpressions.scopeName: Invalid value: "Mine": unsupported scope',
  ],
  ...['scaleUp', 'scaleDown'].map(
    (direction) =>
      [
        'horizontalpodautoscalers.autoscaling',
        {
          metadata: { name: 'h' },
          spec: {
            maxReplicas: 1,
            scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
            behavior: { [direction]: { policies: [] } },
          },
        },
        `spec.behavior.${direction}.policies: Required value: must specify at least one Policy`,
      ] as const,
  ),
  ...['0%', 0].map(
    (maxUnavailable) =>
      [
        'statefulsets.apps',
        statefulSetOf({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable } }),
        `spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: ${JSON.stringify(maxUnavailable)}: cannot be 0`,
      ] as const,
  ),
  [
    'statefulsets.apps',
    statefulSetOf({ type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '101%' } }),
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
  ],
  [
    'daemonsets.apps',
    daemonSetOf({ maxUnavailable: '101%', maxSurge: '101%' }),
    'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%',
    'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": may not be set when maxUnavailable is non-zero',
  ],
  [
    'cronjobs.batch',
    cronJobOf({ schedule: inZone }),
    `spec.schedule: Invalid value: "${inZone}": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`,
  ],
  [
    'cronjobs.batch',
    cronJobOf({ timeZone: '' }),
    'spec.timeZone: Invalid value: "": timeZone must be nil or non-empty string',
  ],
  [
    'cronjobs.batch',
    cronJobOf({ timeZone: 'Local' }),
    'spec.timeZone: Invalid value: "Local": timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
  ],
  ...['+01:00', 'Europe/-Paris', '../Paris', 'Europe/Pariss', '/Europe/Paris'].map(
    (zone) =>
      [
        'cronjobs.batch',
        cronJobOf({ timeZone: zone }),
        `spec.timeZone: Invalid value: "${zone}": unknown time zone ${zone}`,
      ] as const,
  ),
  ...[-1, 65_536].map(
    (port) =>
      [
        'apiservices.apiregistration.k8s.io',
        apiServiceOf(port),
        `spec.service.port: Invalid value: ${port}: port is not valid: must be between 1 and 65535, inclusive`,
      ] as const,
  ),
  ['secrets', secretOf(''), `${redacted} unexpected end of JSON input`],
  ['secrets', secretOf('x'), `${redacted} invalid character 'x' looking for beginning of value`],
  [
    'clusterroles.rbac.authorization.k8s.io',
    {
      metadata: { name: 'r' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: badValue } }] },
    },
    `aggregationRule.clusterRoleSelectors[0].matchLabels: Invalid value: "${badValue}": must be no more than 63 bytes`,
    'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
  ],
  [
    'storageclasses.storage.k8s.io',
    classOf({ allowedTopologies: [{}] }),
    'allowedTopologies[0].matchLabelExpressions: Duplicate value: ""',
  ],
  [
    'nodes',
    { metadata: { name: 'n' }, spec: { podCIDR: 'x', podCIDRs: ['10.0.0.0/8'] } },
    'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
  ],
  [
    'priorityclasses.scheduling.k8s.io',
    { metadata: { name: 'p' }, value: 1, preemptionPolicy: '' },
    'preemptionPolicy: Required value',
  ],
]

for (const [kind, object, ...expected] of refused)
  test(`a new ${kind} is refused: ${expected[0]}`, () => assert.deepEqual(faults(kind, object), expected))

const nodeOf = (spec: object) => ({ metadata: { name: 'n' }, spec })
const onlyLabels = '[]: Forbidden: node updates may only change labels, taints, or capacity'
const driverOf = (spec: object) => ({ metadata: { name: 'd' }, spec })
const scoped = (...scopes: string[]) => ({ metadata: { name: 'q' }, spec: { scopes } })

const changes: readonly (readonly [kind: string, before: object, after: object, ...faults: string[]])[] = [
  [
    'storageclasses.storage.k8s.io',
    classOf({ volumeBindingMode: 'Immediate' }),
    classOf({ volumeBindingMode: 'WaitForFirstConsumer' }),
    'volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable',
  ],
  ['cronjobs.batch', cronJobOf({}), cronJobOf({ timeZone: 'Europe/Paris' })],
  ['cronjobs.batch', cronJobOf({ schedule: inZone }), cronJobOf({ schedule: inZone, suspend: true })],
  [
    'cronjobs.batch',
    cronJobOf({ timeZone: 'Gone/Away' }),
    cronJobOf({ timeZone: 'Gone/Away', suspend: true }),
  ],
  [
    'cronjobs.batch',
    cronJobOf({ schedule: inZone }),
    cronJobOf({ schedule: inZone, timeZone: 'UTC' }),
    `spec.schedule: Invalid value: "${inZone}": cannot use both timeZone field and TZ or CRON_TZ in schedule`,
  ],
  [
    'cronjobs.batch',
    cronJobOf({}),
    cronJobOf({ schedule: inZone }),
    `spec.schedule: Invalid value: "${inZone}": cannot use TZ or CRON_TZ in schedule, use timeZone field instead`,
  ],
  ['nodes', nodeOf({}), nodeOf({ unschedulable: true, providerID: 'p', podCIDR: '10.0.0.0/8' })],
  ['nodes', nodeOf({}), nodeOf({ externalID: 'x' }), onlyLabels],
  [
    'nodes',
    nodeOf({ podCIDR: '10.0.0.0/8' }),
    nodeOf({ podCIDR: '11.0.0.0/8' }),
    'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
    onlyLabels,
  ],
  ['csidrivers.storage.k8s.io', driverOf({ fsGroupPolicy: 'File' }), driverOf({ fsGroupPolicy: 'None' })],
  ['resourcequotas', scoped('BestEffort'), scoped('BestEffort', 'BestEffort')],
  [
    'resourcequotas',
    scoped('BestEffort'),
    scoped('NotBestEffort'),
    'spec.scopes: Invalid value: ["NotBestEffort"]: field is immutable',
  ],
]

for (const [kind, before, after, ...expected] of changes)
  test(`changing ${kind} is ${expected[0] ? `refused: ${expected[0]}` : 'allowed'}`, () =>
    assert.deepEqual(changeFaults(kind, before, after), expected))
