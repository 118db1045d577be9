import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultFeatureGates, featureGatesWith, parseFeatureGates } from './feature-gates.ts'

const gates = (text: string) => featureGatesWith(parseFeatureGates(text))

test('featureGatesWith switches what can be switched', () => {
  assert.deepEqual(gates(''), defaultFeatureGates)
  assert.deepEqual(gates('kube:ClusterTrustBundle=true, ClusterTrustBundleProjection=1,'), {
    ...defaultFeatureGates,
    ClusterTrustBundle: true,
    ClusterTrustBundleProjection: true,
  })
  assert.deepEqual(gates('ClusterTrustBundle=true,ClusterTrustBundle=F'), defaultFeatureGates)
  assert.deepEqual(gates('WatchList=true,AllAlpha=false'), defaultFeatureGates)
  assert.deepEqual(gates('DynamicResourceAllocation=true,DRAListTypeAttributes=false'), defaultFeatureGates)
})

test('featureGatesWith refuses, in upstream’s words, what is unknown or cannot be', () => {
  const rows: readonly (readonly [text: string, message: string])[] = [
    ['Nothing=true', 'unrecognized feature gate: Nothing'],
    ['toString=true', 'unrecognized feature gate: toString'],
    ['ClusterTrustBundle', 'missing bool value for ClusterTrustBundle'],
    [
      'ClusterTrustBundle=on',
      'invalid value of ClusterTrustBundle=on, err: strconv.ParseBool: parsing "on": invalid syntax',
    ],
    ['WatchList=false', 'cannot set feature gate WatchList to false, feature is locked to true'],
    [
      'ClusterTrustBundleProjection=true',
      'ClusterTrustBundleProjection is enabled, but depends on features that are disabled: [ClusterTrustBundle]',
    ],
  ]
  for (const [text, message] of rows) assert.throws(() => gates(text), { name: 'FeatureGateError', message })
})
