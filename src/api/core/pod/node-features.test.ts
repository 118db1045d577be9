import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Container, PodSpec } from '../../generated/core.v1.ts'
import { featuresToSchedule, featuresToUpdate, missingFeatures } from './node-features.ts'

const container: Container = { name: 'c', image: 'x' }
const restarting: Container = {
  ...container,
  restartPolicy: 'Never',
  restartPolicyRules: [{ action: 'RestartAllContainers', exitCodes: { operator: 'In', values: [42] } }],
}
const spec = (rest: Partial<PodSpec> = {}): PodSpec => ({ containers: [container], ...rest })
const initOf = (cpu: string, rest: Partial<Container> = {}) =>
  spec({ initContainers: [{ ...container, resources: { requests: { cpu } }, ...rest }] })

test('featuresToSchedule names what the node must have', () => {
  const rows: readonly (readonly [PodSpec | undefined, readonly string[]])[] = [
    [undefined, []],
    [spec(), []],
    [spec({ hostNetwork: true }), []],
    [spec({ hostUsers: false }), []],
    [spec({ hostNetwork: true, hostUsers: false }), ['UserNamespacesHostNetworkSupport']],
    [spec({ containers: [restarting] }), ['RestartAllContainersOnContainerExits']],
    [spec({ initContainers: [restarting] }), ['RestartAllContainersOnContainerExits']],
    [spec({ containers: [{ ...restarting, restartPolicyRules: [{ action: 'Restart' }] }] }), []],
  ]
  for (const [given, features] of rows) assert.deepEqual(featuresToSchedule(given), features)
})

test('featuresToUpdate names what the node must follow', () => {
  const whole = (cpu: string) => spec({ resources: { limits: { cpu } } })
  const rows: readonly (readonly [PodSpec, PodSpec, readonly string[]])[] = [
    [spec(), spec({ activeDeadlineSeconds: 1 }), []],
    [whole('1'), whole('1000m'), []],
    [whole('1'), whole('2'), ['InPlacePodLevelResourcesVerticalScaling']],
    [spec(), whole('2'), ['InPlacePodLevelResourcesVerticalScaling']],
    [initOf('1'), initOf('1'), []],
    [initOf('1'), initOf('2'), ['InPlacePodVerticalScalingInitContainers']],
    [initOf('1', { restartPolicy: 'Always' }), initOf('2', { restartPolicy: 'Always' }), []],
    [initOf('1'), spec(), []],
  ]
  for (const [before, after, features] of rows) assert.deepEqual(featuresToUpdate(before, after), features)
})

test('missingFeatures leaves out what is declared', () => {
  assert.deepEqual(missingFeatures(['A', 'B'], ['B', 'C']), ['A'])
  assert.deepEqual(missingFeatures(['A']), ['A'])
})
