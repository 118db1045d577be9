import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  allResources,
  clusterTrustBundles,
  clusterTrustBundlesV1alpha1,
  jobs,
  pods,
} from '../../api/generated/resources.ts'
import { resourceConfig, type RuntimeConfig } from './resource-config.ts'

const bundles = 'certificates.k8s.io/v1beta1/clustertrustbundles'

test('resourceConfig serves what is stable, and what is said', () => {
  const rows: readonly (readonly [said: RuntimeConfig, served: string])[] = [
    [{}, 'pods jobs'],
    [{ [bundles]: 'true' }, 'pods jobs v1beta1'],
    [{ 'certificates.k8s.io/v1alpha1': '' }, 'pods jobs v1alpha1'],
    [{ 'api/beta': 'true' }, 'pods jobs v1beta1'],
    [{ 'api/all': 'true', 'api/alpha': 'false' }, 'pods jobs v1beta1'],
    [{ 'certificates.k8s.io/v1beta1': 'true', [bundles]: 'false' }, 'pods jobs'],
    [{ 'api/all': 'false', '/v1': 'true' }, 'pods'],
    [{ 'batch/v1/jobs': 'false' }, 'pods'],
  ]
  for (const [said, expected] of rows) {
    const isServed = resourceConfig(said, allResources)
    const served = [
      ...(isServed(pods) ? ['pods'] : []),
      ...(isServed(jobs) ? ['jobs'] : []),
      ...(isServed(clusterTrustBundles) ? ['v1beta1'] : []),
      ...(isServed(clusterTrustBundlesV1alpha1) ? ['v1alpha1'] : []),
    ]
    assert.equal(served.join(' '), expected, JSON.stringify(said))
  }
})

test('resourceConfig refuses what upstream refuses', () => {
  const rows: readonly (readonly [said: RuntimeConfig, message: string])[] = [
    [{ 'api/all': 'false' }, 'invalid runtime-config with only api/all=false'],
    [{ 'api/beta': 'yes' }, 'invalid value api/beta=yes'],
    [{ v1: 'true' }, 'runtime-config invalid key v1'],
    [{ 'a/v1/b/c': 'true' }, 'runtime-config invalid key a/v1/b/c'],
    [{ 'no/v1': 'true', 'none/v1/x': 'true' }, 'unknown api groups no/v1,none/v1'],
    [{ 'apps/v7': 'true' }, 'group version apps/v7 that has not been registered'],
    [
      { 'apps/v1': 'on' },
      'invalid value of apps/v1: on, err: strconv.ParseBool: parsing "on": invalid syntax',
    ],
    [
      { 'apps/v1/Deployments': 'true' },
      'invalid key apps/v1/Deployments: group/version/resource and resource is always lowercase plural, not "Deployments"',
    ],
  ]
  for (const [said, message] of rows) {
    assert.throws(() => resourceConfig(said, allResources), { name: 'RuntimeConfigError', message })
  }
})
