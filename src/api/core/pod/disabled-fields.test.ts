import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubernetesObject } from '../../../machinery/meta.ts'
import type { Pod } from '../../generated/core.v1.ts'
import { decoded, definitionOf } from '../../testing/strategy-faults.ts'

const grouped = { containers: [{ name: 'c', image: 'i' }], schedulingGroup: { podGroupName: 'g' } }
const alone = { containers: [{ name: 'c', image: 'i' }] }

const kinds: Readonly<Record<string, (podSpec: object) => object>> = {
  pods: (spec) => ({ spec }),
  podtemplates: (spec) => ({ template: { spec } }),
  replicationcontrollers: (spec) => ({ spec: { template: { spec } } }),
  'deployments.apps': (spec) => ({ spec: { template: { spec } } }),
  'replicasets.apps': (spec) => ({ spec: { template: { spec } } }),
  'statefulsets.apps': (spec) => ({ spec: { template: { spec } } }),
  'daemonsets.apps': (spec) => ({ spec: { template: { spec } } }),
  'jobs.batch': (spec) => ({ spec: { template: { spec } } }),
  'cronjobs.batch': (spec) => ({ spec: { jobTemplate: { spec: { template: { spec } } } } }),
}

const isGrouped = (object: KubernetesObject) => JSON.stringify(object).includes('podGroupName')

for (const [kind, objectOf] of Object.entries(kinds)) {
  test(`the group of pods of ${kind} is dropped, unless there is one`, () => {
    const { strategy } = definitionOf(kind)
    const made = (podSpec: object) => decoded(kind, { metadata: { name: 'o' }, ...objectOf(podSpec) })
    const created = made(grouped)
    strategy.prepareForCreate!(created, { user: { name: 'u', groups: [] }, warn: () => {} })
    assert.equal(isGrouped(created), false)
    for (const before of [alone, grouped]) {
      const updated = made(grouped)
      strategy.prepareForUpdate!(updated, made(before))
      assert.equal(isGrouped(updated), before === grouped)
    }
  })
}

test("what devices take of a pod's node is dropped from its status, unless it is there", () => {
  const { status } = definitionOf('pods').strategy
  const made = (own: object) => decoded('pods', { metadata: { name: 'p' }, spec: alone, status: own })
  const taking = { nodeAllocatableResourceClaimStatuses: [{ resourceClaimName: 'c' }] }
  for (const before of [{}, taking]) {
    const updated = made(taking)
    status!.prepareForUpdate!(updated, made(before))
    const { nodeAllocatableResourceClaimStatuses: kept } = (updated as Pod).status ?? {}
    assert.equal(kept !== undefined, before === taking)
  }
})
