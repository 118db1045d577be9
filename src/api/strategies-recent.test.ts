import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadExpressions } from './admissionregistration/expression-loader.ts'
import { faults } from './testing/strategy-faults.ts'

await loadExpressions()

/*
 * What upstream says of wrong values in the fields that came with its later versions.
 */

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }
const cronJobOf = (spec: object) => ({
  metadata: { name: 'c' },
  spec: { schedule: '* * * * *', jobTemplate: { spec: { template, ...spec } } },
})
const inJob = 'spec.jobTemplate.spec'
const podOf = (container: object, spec: object = {}) => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i', ...container }], ...spec },
})
const failurePolicy = { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'DisruptionTarget' }] }] }
const mutatingPolicyOf = (spec: object) => ({
  metadata: { name: 'm' },
  spec: {
    reinvocationPolicy: 'Never',
    matchConstraints: {
      resourceRules: [{ apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] }],
    },
    ...spec,
  },
})

const rows: readonly (readonly [resource: string, object: object, ...faults: string[]])[] = [
  [
    'services',
    { metadata: { name: 's' }, spec: { ports: [{ port: 80 }], trafficDistribution: 'Odd' } },
    'spec.trafficDistribution: Unsupported value: "Odd": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
  ],
  ...['PreferClose', 'PreferSameNode', 'PreferSameZone'].map(
    (trafficDistribution) =>
      [
        'services',
        { metadata: { name: 's' }, spec: { ports: [{ port: 80 }], trafficDistribution } },
      ] as const,
  ),
  ['cronjobs.batch', cronJobOf({ podReplacementPolicy: 'Failed', podFailurePolicy: failurePolicy })],
  [
    'cronjobs.batch',
    cronJobOf({ podReplacementPolicy: 'Odd' }),
    `${inJob}.podReplacementPolicy: Unsupported value: "Odd": supported values: "Failed", "TerminatingOrFailed"`,
  ],
  [
    'cronjobs.batch',
    cronJobOf({ podReplacementPolicy: 'TerminatingOrFailed', podFailurePolicy: failurePolicy }),
    `${inJob}.podReplacementPolicy: Unsupported value: "TerminatingOrFailed": supported values: "Failed"`,
  ],
  [
    'cronjobs.batch',
    cronJobOf({ managedBy: 'other' }),
    `${inJob}.managedBy: Invalid value: "other": must be a domain-prefixed path (such as "acme.io/foo")`,
  ],
  [
    'cronjobs.batch',
    cronJobOf({ managedBy: `example.com/${'x'.repeat(52)}` }),
    `${inJob}.managedBy: Too long: may not be more than 63 bytes`,
  ],
  [
    'pods',
    podOf({ resizePolicy: [{ resourceName: 'example.com/gpu', restartPolicy: 'NotRequired' }] }),
    'spec.containers[0].resizePolicy: Unsupported value: "example.com/gpu": supported values: "cpu", "memory"',
  ],
  [
    'pods',
    podOf(
      { resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'RestartContainer' }] },
      { restartPolicy: 'Never' },
    ),
    "spec.containers[0].resizePolicy: Invalid value: \"RestartContainer\": must be 'NotRequired' when `restartPolicy` is 'Never'",
  ],
  [
    'poddisruptionbudgets.policy',
    { metadata: { name: 'b' }, spec: { minAvailable: 1, unhealthyPodEvictionPolicy: 'Odd' } },
    'spec.unhealthyPodEvictionPolicy: Unsupported value: "Odd": supported values: "AlwaysAllow", "IfHealthyBudget"',
  ],
  [
    'mutatingadmissionpolicies.admissionregistration.k8s.io',
    mutatingPolicyOf({ mutations: [] }),
    'spec.mutations: Required value: mutations must contain at least one item',
  ],
  [
    'mutatingadmissionpolicies.admissionregistration.k8s.io',
    mutatingPolicyOf({ mutations: [{ patchType: 'Odd' }] }),
    'spec.mutations[0].patchType: Unsupported value: "Odd": supported values: "ApplyConfiguration", "JSONPatch"',
  ],
]

for (const [resource, object, ...expected] of rows)
  test(`a new ${resource} is ${expected[0] ? `refused: ${expected[0]}` : `accepted: ${JSON.stringify(object)}`}`, () =>
    assert.deepEqual(faults(resource, object), expected))
