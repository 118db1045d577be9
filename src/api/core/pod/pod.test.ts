import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Writable } from '../../../machinery/meta.ts'
import type { Pod } from '../../generated/core.v1.ts'
import { changeFaults, decoded } from '../../testing/strategy-faults.ts'
import { podDefinition } from './pod.ts'

const { strategy } = podDefinition

function prepared(
  annotations: Record<string, string>,
  spec: object = {},
  labels: Record<string, string> = {},
) {
  const pod = decoded('pods', {
    metadata: { name: 'p', annotations, labels },
    spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
  }) as Writable<Pod>
  const warnings: string[] = []
  strategy.prepareForCreate!(pod, { user: { name: 'me', groups: [] }, warn: (text) => warnings.push(text) })
  return { pod, warnings }
}

const appArmor = 'container.apparmor.security.beta.kubernetes.io/c'
const advice = `metadata.annotations[${appArmor}]: deprecated since v1.30; use the "appArmorProfile" field instead`
const ofPod = (appArmorProfile: object) => ({ securityContext: { appArmorProfile } })
const ofContainer = (appArmorProfile: object) => ({
  containers: [{ name: 'c', image: 'i', securityContext: { appArmorProfile } }],
})

const profiles: readonly (readonly [
  what: string,
  annotation: string,
  spec: object,
  profile: object | undefined,
  isWarned: boolean,
])[] = [
  ['unconfined', 'unconfined', {}, { type: 'Unconfined' }, true],
  ['the default of the runtime', 'runtime/default', {}, { type: 'RuntimeDefault' }, true],
  ['one of the node', 'localhost/mine', {}, { type: 'Localhost', localhostProfile: 'mine' }, true],
  ['none of the node', 'localhost/', {}, undefined, true],
  ['a padded name', 'localhost/ mine', {}, undefined, true],
  ['none', '', {}, undefined, true],
  ['what the pod says too', 'unconfined', ofPod({ type: 'Unconfined' }), undefined, false],
  ['another than the pod', 'unconfined', ofPod({ type: 'RuntimeDefault' }), { type: 'Unconfined' }, true],
  [
    'what the container says too',
    'unconfined',
    ofContainer({ type: 'Unconfined' }),
    { type: 'Unconfined' },
    false,
  ],
  ['of Windows', 'unconfined', { os: { name: 'windows' } }, undefined, false],
]

for (const [what, annotation, spec, expected, isWarned] of profiles) {
  test(`podDefinition makes AppArmor's annotation the container's profile: ${what}`, () => {
    const { pod, warnings } = prepared({ [appArmor]: annotation }, spec)
    assert.deepEqual(pod.spec!.containers[0]!.securityContext?.appArmorProfile, expected)
    assert.deepEqual(warnings, isWarned ? [advice] : [])
  })
}

test('podDefinition writes no annotation for an AppArmor profile', () => {
  const { pod } = prepared({}, ofContainer({ type: 'Unconfined' }))
  assert.deepEqual(pod.metadata?.annotations ?? {}, {})
})

test('podDefinition makes nothing of annotations for seccomp', () => {
  const { pod } = prepared({ 'seccomp.security.alpha.kubernetes.io/pod': 'runtime/default' })
  assert.equal(pod.spec!.securityContext?.seccompProfile, undefined)
})

const selector = { matchLabels: { app: 'a' } }
const withKeys = (more: object = {}) => ({
  labelSelector: selector,
  topologyKey: 'zone',
  matchLabelKeys: ['hash', 'absent'],
  ...more,
})
const hashIs = { key: 'hash', operator: 'In', values: ['1'] }
const mergedSelector = { ...selector, matchExpressions: [hashIs] }

test('podDefinition writes out the label keys of affinities and of spreading', () => {
  const required = 'requiredDuringSchedulingIgnoredDuringExecution'
  const preferred = 'preferredDuringSchedulingIgnoredDuringExecution'
  const { pod } = prepared(
    {},
    {
      affinity: {
        podAffinity: {
          [required]: [withKeys(), withKeys({ matchLabelKeys: [] })],
          [preferred]: [{ weight: 1, podAffinityTerm: withKeys() }],
        },
        podAntiAffinity: { [required]: [withKeys({ matchLabelKeys: [], mismatchLabelKeys: ['hash'] })] },
      },
      topologySpreadConstraints: [withKeys({ maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' })],
    },
    { hash: '1' },
  )
  const { affinity, topologySpreadConstraints } = pod.spec!
  assert.deepEqual(
    affinity!.podAffinity![required]!.map(({ labelSelector }) => labelSelector),
    [mergedSelector, selector],
  )
  assert.deepEqual(affinity!.podAffinity![preferred]![0]!.podAffinityTerm.labelSelector, mergedSelector)
  assert.deepEqual(affinity!.podAntiAffinity![required]![0]!.labelSelector, {
    ...selector,
    matchExpressions: [{ ...hashIs, operator: 'NotIn' }],
  })
  assert.deepEqual(topologySpreadConstraints![0]!.labelSelector, mergedSelector)
  assert.deepEqual(strategy.validate!(pod), [])
})

test('podDefinition keeps the observed generations that a status leaves out', () => {
  const status = (observedGeneration: number | undefined, ready: number | undefined) => ({
    metadata: { name: 'p' },
    status: {
      ...(observedGeneration !== undefined && { observedGeneration }),
      conditions: [
        { type: 'Ready', status: 'True', ...(ready !== undefined && { observedGeneration: ready }) },
        { type: 'Other', status: 'True' },
      ],
    },
  })
  const previous = decoded('pods', status(3, 2)) as Pod
  const generations = (wanted: object) => {
    const pod = decoded('pods', wanted) as Writable<Pod>
    strategy.status!.prepareForUpdate!(pod, previous)
    return [pod.status!.observedGeneration, pod.status!.conditions!.map((each) => each.observedGeneration)]
  }
  assert.deepEqual(generations(status(undefined, undefined)), [3, [2, undefined]])
  assert.deepEqual(generations(status(4, 4)), [4, [4, undefined]])
})

test('podDefinition validates a pod again whatever an update changes', () => {
  const before = { metadata: { name: 'p' }, spec: { containers: [{ name: 'C', image: 'i' }] } }
  const after = { ...before, metadata: { name: 'p', labels: { a: 'b' } } }
  assert.match(changeFaults('pods', before, after).join(), /^spec.containers\[0\].name: Invalid value: "C"/)
})
