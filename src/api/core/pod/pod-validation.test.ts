import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writableCopy } from '../../../machinery/copy.ts'
import { fieldErrorText } from '../../../machinery/field-error.ts'
import { withoutDifference } from '../../testing/strategy-faults.ts'
import type { Writable } from '../../../machinery/meta.ts'
import type { Pod } from '../../generated/core.v1.ts'
import { defaultPod } from './pod-defaults.ts'
import { validatePodUpdate } from './pod-update.ts'
import { validatePod } from './pod-validation.ts'

function aPod(): Writable<Pod> {
  const pod: Writable<Pod> = {
    metadata: { name: 'web', namespace: 'default' },
    spec: { containers: [{ name: 'app', image: 'app:1' }], volumes: [{ name: 'data' }] },
  }
  defaultPod(pod)
  return pod
}

type Spec = NonNullable<Writable<Pod>['spec']>
type Container = Spec['containers'][number]

const onSpec = (change: (spec: Spec) => void) => change
const onContainer = (change: (container: Container) => void) => (spec: Spec) => change(spec.containers[0]!)

const rows: readonly (readonly [name: string, change: (spec: Spec) => void, ...errors: readonly string[]])[] =
  [
    ['a plain pod', onSpec(() => {})],
    ['no containers', onSpec((spec) => (spec.containers = [])), 'spec.containers: Required value'],
    [
      'a name that is no DNS label',
      onContainer((container) => (container.name = 'App')),
      'spec.containers[0].name: Invalid value: "App": a lowercase RFC 1123 label must consist of lower case alphanumeric ' +
        "characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex " +
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ],
    [
      'two containers of one name',
      onSpec((spec) => spec.containers.push(writableCopy(spec.containers[0]!))),
      'spec.containers[1].name: Duplicate value: "app"',
    ],
    [
      'no image',
      onContainer((container) => delete container.image),
      'spec.containers[0].image: Required value',
    ],
    [
      'an unknown pull policy',
      onContainer((container) => (container.imagePullPolicy = 'Sometimes' as 'Always')),
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
    ],
    [
      'a port out of range',
      onContainer((container) => (container.ports = [{ containerPort: 70_000, protocol: 'TCP' }])),
      'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
    [
      'a mount of no volume',
      onContainer((container) => (container.volumeMounts = [{ name: 'nope', mountPath: '/x' }])),
      'spec.containers[0].volumeMounts[0].name: Not found: "nope"',
    ],
    [
      'two mounts at one path',
      onContainer((container) => {
        container.volumeMounts = [
          { name: 'data', mountPath: '/x' },
          { name: 'data', mountPath: '/x' },
        ]
      }),
      'spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique',
    ],
    [
      'a request above the limit',
      onContainer((container) => (container.resources = { requests: { cpu: '2' }, limits: { cpu: '1' } })),
      'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
    ],
    [
      'a probe without a handler',
      onContainer((container) => (container.livenessProbe = { successThreshold: 1 })),
      'spec.containers[0].livenessProbe: Required value: must specify a handler type',
    ],
    [
      'a liveness probe that must succeed twice',
      onContainer(
        (container) => (container.livenessProbe = { tcpSocket: { port: 80 }, successThreshold: 2 }),
      ),
      'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
    ],
    [
      'an unknown restart policy',
      onSpec((spec) => (spec.restartPolicy = 'Maybe' as 'Always')),
      'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"',
    ],
    [
      'two sources for one volume',
      onSpec((spec) => (spec.volumes = [{ name: 'data', emptyDir: {}, hostPath: { path: '/x', type: '' } }])),
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'a host path that climbs',
      onSpec((spec) => (spec.volumes = [{ name: 'data', hostPath: { path: '/x/../y', type: '' } }])),
      'spec.volumes[0].hostPath.path: Invalid value: "/x/../y": must not contain \'..\'',
    ],
    [
      'an environment variable from two places',
      onContainer((container) => {
        container.env = [
          {
            name: 'A',
            value: 'x',
            valueFrom: { fieldRef: { fieldPath: 'metadata.name', apiVersion: 'v1' } },
          },
        ]
      }),
      'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
    ],
    [
      'a toleration that tolerates nothing',
      onSpec((spec) => (spec.tolerations = [{ operator: 'Equal', value: 'x' }])),
      'spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means "match all values and all keys"',
    ],
    [
      'a container port other than the host port on the host network',
      onSpec((spec) => {
        spec.hostNetwork = true
        spec.containers[0]!.ports = [{ containerPort: 80, hostPort: 81, protocol: 'TCP' }]
      }),
      'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
    ],
  ]

for (const [name, change, ...errors] of rows) {
  test(`validatePod judges ${name}`, () => {
    const pod = aPod()
    change(pod.spec!)
    assert.deepEqual(validatePod(pod).map(fieldErrorText), errors)
  })
}

const notAllowed =
  'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,' +
  '`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),' +
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)'

const updates: readonly (readonly [
  name: string,
  change: (spec: Spec) => void,
  ...errors: readonly string[],
])[] = [
  ['another image', onContainer((container) => (container.image = 'app:2'))],
  ['a further toleration', onSpec((spec) => (spec.tolerations = [{ key: 'a', operator: 'Exists' }]))],
  ['another command', onContainer((container) => (container.command = ['x'])), notAllowed],
  ['another node selector', onSpec((spec) => (spec.nodeSelector = { a: 'b' })), notAllowed],
  [
    'one container more',
    onSpec((spec) => spec.containers.push({ ...writableCopy(spec.containers[0]!), name: 'b' })),
    'spec.containers: Forbidden: pod updates may not add or remove containers',
  ],
]

for (const [name, change, ...errors] of updates) {
  test(`validatePodUpdate judges ${name}`, () => {
    const previous = aPod()
    const next = writableCopy(previous)
    change(next.spec!)
    const faults = validatePodUpdate(next, previous).map((error) => withoutDifference(fieldErrorText(error)))
    assert.deepEqual(faults, errors)
  })
}

test('defaultPod is idempotent', () => {
  const pod = aPod()
  const again = writableCopy(pod)
  defaultPod(again)
  assert.deepEqual(again, pod)
})
