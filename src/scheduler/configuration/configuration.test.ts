import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pluginsAt, type ExtensionPoint } from '../profile.ts'
import { aHandle, aTable } from '../testing/builders.ts'
import { defaultConfiguration, readConfiguration } from './configuration.ts'
import { createProfiles } from './create-profiles.ts'

const header = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n'

function namesAt(body: string, point: ExtensionPoint, profile = 'default-scheduler'): string[] {
  const configuration = body === '' ? defaultConfiguration : readConfiguration(header + body)
  const found = createProfiles(configuration, aHandle(aTable([]))).get(profile)!
  return pluginsAt(found, point).map(({ name }) => name)
}

test('createProfiles gives the default profile upstream’s plugins in upstream’s order', () => {
  assert.deepEqual(namesAt('', 'filter'), [
    'NodeUnschedulable',
    'NodeName',
    'TaintToleration',
    'NodeAffinity',
    'NodePorts',
    'NodeResourcesFit',
    'VolumeRestrictions',
    'NodeVolumeLimits',
    'VolumeBinding',
    'VolumeZone',
    'PodTopologySpread',
    'InterPodAffinity',
    'DynamicResources',
    'NodeDeclaredFeatures',
  ])
  assert.deepEqual(namesAt('', 'queueSort'), ['PrioritySort'])
  assert.deepEqual(namesAt('', 'postFilter'), ['DynamicResources', 'DefaultPreemption'])
  assert.deepEqual(namesAt('', 'reserve'), ['VolumeBinding', 'DynamicResources'])
})

test('createProfiles merges what a profile turns off and on', () => {
  const rows: readonly (readonly [string, string, ExtensionPoint, readonly string[]])[] = [
    [
      'one off, one heavier',
      `profiles: [{plugins: {score: {disabled: [{name: '*'}], enabled: [{name: ImageLocality, weight: 7}]}}}]`,
      'score',
      ['ImageLocality'],
    ],
    [
      'a place of its own comes first',
      `profiles: [{plugins: {score: {enabled: [{name: ImageLocality, weight: 7}]}}}]`,
      'score',
      [
        'ImageLocality',
        'TaintToleration',
        'NodeAffinity',
        'NodeResourcesFit',
        'PodTopologySpread',
        'InterPodAffinity',
        'DynamicResources',
        'NodeResourcesBalancedAllocation',
      ],
    ],
    [
      'off everywhere',
      `profiles: [{plugins: {multiPoint: {disabled: [{name: DefaultPreemption}]}}}]`,
      'postFilter',
      ['DynamicResources'],
    ],
  ]
  for (const [name, body, point, expected] of rows) assert.deepEqual(namesAt(body, point), expected, name)
})

test('createProfiles makes several profiles with plugins of their own', () => {
  const body = `profiles: [{schedulerName: a}, {schedulerName: b, plugins: {preScore: {disabled: [{name: '*'}]}, score: {disabled: [{name: '*'}]}}}]`
  assert.equal(namesAt(body, 'score', 'a').length, 8)
  assert.deepEqual(namesAt(body, 'score', 'b'), [])
})

test('readConfiguration names every mistake', () => {
  const rows: readonly (readonly [string, RegExp])[] = [
    ['unknown: 1', /^strict decoding error: unknown field "unknown"$/],
    [
      'percentageOfNodesToScore: 101',
      /^percentageOfNodesToScore: Invalid value: 101: not in valid range \[0-100\]$/,
    ],
    ['podInitialBackoffSeconds: 0', /^podInitialBackoffSeconds: Invalid value: 0: must be greater than 0$/],
    [
      'podMaxBackoffSeconds: 0',
      /^podMaxBackoffSeconds: Invalid value: 0: must be greater than or equal to PodInitialBackoffSeconds$/,
    ],
    ['leaderElection: {leaderElect: true}', /^leaderElection: Forbidden: k8ts decides this/],
    [
      'profiles: [{schedulerName: a}, {schedulerName: a}]',
      /^profiles\[1\].schedulerName: Duplicate value: "a"$/,
    ],
    [
      'profiles: [{plugins: {filter: {enabled: [{name: Nothing}]}}}]',
      /^profiles\[0\].plugins.filter.enabled\[0\].name: Invalid value: "Nothing": there is no such plugin$/,
    ],
    [
      'profiles: [{pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 101}}]}]',
      /^profiles\[0\].pluginConfig\[0\].args.hardPodAffinityWeight: Invalid value: 101: not in valid range \[0-100\]$/,
    ],
    [
      'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoring: 1}}]}]',
      /^profiles\[0\].pluginConfig\[0\].args: Invalid value: "scoring": unknown field$/,
    ],
    ['extenders: [{urlPrefix: nowhere}]', /^extenders\[0\].urlPrefix: Invalid value: "nowhere"$/],
  ]
  for (const [body, message] of rows) {
    assert.throws(() => readConfiguration(header + body), { message }, body)
  }
})
