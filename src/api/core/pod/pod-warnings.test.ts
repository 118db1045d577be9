import assert from 'node:assert/strict'
import { test } from 'node:test'
import { path } from '../../../machinery/field-error.ts'
import type { Pod, PodSpec } from '../../generated/core.v1.ts'
import { podTemplateWarnings, podWarnings } from './pod-warnings.ts'

const aPod = (spec: Partial<PodSpec> = {}, annotations: Record<string, string> = {}): Pod => ({
  metadata: { name: 'a', annotations },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
})

const withContainer = (container: Partial<PodSpec['containers'][number]>) =>
  aPod({ containers: [{ name: 'c', image: 'i', ...container }] })

const term = { topologyKey: 'zone' }

const cases: readonly (readonly [name: string, pod: Pod, warnings: readonly string[]])[] = [
  ['nothing to say', aPod(), []],
  [
    'a name that is no label',
    { ...aPod(), metadata: { name: 'a.b' } },
    [
      "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is " +
        'recommended: [must not contain dots]',
    ],
  ],
  [
    'labels of nodes of old',
    aPod({
      nodeSelector: { 'beta.kubernetes.io/os': 'linux' },
      affinity: {
        nodeAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [
            {
              weight: 1,
              preference: {
                matchExpressions: [{ key: 'node-role.kubernetes.io/master', operator: 'Exists' }],
              },
            },
          ],
        },
      },
    }),
    [
      'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      'spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0]' +
        '.key: node-role.kubernetes.io/master is use "node-role.kubernetes.io/control-plane" instead',
    ],
  ],
  [
    'constraints that match no pod',
    aPod({
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'failure-domain.beta.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
        },
      ],
      affinity: {
        podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
        podAntiAffinity: {
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term }],
        },
      },
    }),
    [
      'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since ' +
        'v1.17; use "topology.kubernetes.io/zone" instead',
      'spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod',
      'spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null ' +
        'labelSelector results in matching no pod',
      'spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm' +
        '.labelSelector: a null labelSelector results in matching no pod',
    ],
  ],
  [
    'annotations of old',
    aPod(
      {},
      {
        'scheduler.alpha.kubernetes.io/critical-pod': '',
        'seccomp.security.alpha.kubernetes.io/pod': 'unconfined',
      },
    ),
    [
      'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the ' +
        '"priorityClassName" field instead',
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the ' +
        '"seccompProfile" field instead',
    ],
  ],
  [
    'volumes out of use',
    aPod({
      volumes: [
        { name: 'g', gitRepo: { repository: 'r' } },
        { name: 'r', rbd: { monitors: ['m'], image: 'i' } },
      ],
    }),
    [
      'spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+',
      'spec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+',
    ],
  ],
  [
    'files of a volume in one another',
    aPod({
      volumes: [
        {
          name: 'v',
          configMap: {
            name: 'm',
            items: [
              { key: 'a', path: 'a' },
              { key: 'b', path: 'a/b' },
              { key: 'c', path: 'ab' },
            ],
          },
        },
        {
          name: 'p',
          projected: {
            sources: [
              { serviceAccountToken: { path: 't' } },
              { secret: { name: 's', items: [{ key: 'k', path: 't' }] } },
              {},
            ],
          },
        },
      ],
    }),
    [
      'volume "v" (ConfigMap "m"): overlapping paths: "a/b" with "a"',
      'volume "p" (Projected) has no sources provided',
      'volume "p" (Projected): overlapping paths: "t" (Secret "s") with "t" (ServiceAccountToken)',
    ],
  ],
  [
    'what stands twice',
    aPod({
      hostAliases: [
        { ip: '1.2.3.4', hostnames: [] },
        { ip: '1.2.3.4', hostnames: [] },
      ],
      imagePullSecrets: [{ name: 's' }, { name: 's' }, {}],
    }),
    [
      'spec.hostAliases[1].ip: duplicate ip "1.2.3.4"',
      'spec.imagePullSecrets[1].name: duplicate name "s"',
      'spec.imagePullSecrets[2].name: invalid empty name ""',
    ],
  ],
  [
    'parts of bytes',
    withContainer({ resources: { limits: { memory: '1500m', cpu: '100m' }, requests: { memory: '1' } } }),
    [
      'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is invalid, must be an integer',
    ],
  ],
  [
    'variables that hide others',
    withContainer({
      env: [
        { name: 'A', value: 'x' },
        { name: 'A', value: '$(A)y' },
        { name: 'A', value: '$(A)' },
        { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ],
    }),
    [2, 3].map(
      (index) =>
        `spec.containers[0].env[${index}]: hides previous definition of "A", which may be dropped when using apply`,
    ),
  ],
  [
    'ports that are one another',
    withContainer({
      ports: [
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'TCP' },
        { containerPort: 80, protocol: 'UDP', hostIP: '1.2.3.4' },
        { containerPort: 81, protocol: 'TCP', hostPort: 1 },
        { containerPort: 81, protocol: 'TCP', hostPort: 1, hostIP: '1.2.3.4' },
        { containerPort: 81, protocol: 'TCP' },
      ],
    }),
    [
      'spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]',
      'spec.containers[0].ports[2]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:80 Protocol:UDP ' +
        'HostIP:1.2.3.4}',
      'spec.containers[0].ports[4]: dangerously ambiguous port definition with spec.containers[0].ports[3]',
      'spec.containers[0].ports[5]: overlapping port definition with spec.containers[0].ports[3]',
      'spec.containers[0].ports[5]: overlapping port definition with spec.containers[0].ports[4]',
    ],
  ],
  [
    'a grace period below zero',
    aPod({ terminationGracePeriodSeconds: -1 }),
    [
      'spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1',
    ],
  ],
]

for (const [name, pod, warnings] of cases) {
  test(`podWarnings tells of ${name}`, () => assert.deepEqual(podWarnings(pod), warnings))
}

test('podWarnings says nothing of updates', () => {
  const pod = aPod({ terminationGracePeriodSeconds: -1 })
  assert.deepEqual(podWarnings(pod, pod), [])
})

test('podTemplateWarnings says where the template stands', () => {
  const { spec } = aPod({ terminationGracePeriodSeconds: -1 })
  assert.deepEqual(podTemplateWarnings({ spec: spec! }, path('spec', 'template')), [
    'spec.template.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be ' +
      'treated as 1',
  ])
})

test('podTemplateWarnings tells of AppArmor annotations in place of the field', () => {
  const key = 'container.apparmor.security.beta.kubernetes.io/c'
  const profile = { type: 'Unconfined' }
  const warningsOf = (more: object) => {
    const { spec } = aPod(more)
    const template = { metadata: { annotations: { [key]: 'unconfined' } }, spec: spec! }
    return podTemplateWarnings(template, path('template'))
  }
  assert.deepEqual(warningsOf({}), [
    `template.metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`,
  ])
  assert.deepEqual(warningsOf({ securityContext: { appArmorProfile: profile } }), [])
})
