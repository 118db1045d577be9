import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ClusterRole } from '../api/generated/rbac.v1.ts'
import { clusterRoles } from '../api/generated/resources.ts'
import { startCluster } from './testing.ts'

void it('the rules of an aggregated role belong to their controller, and go with the last role that is selected', async () => {
  await using cluster = await startCluster()
  const { client } = cluster
  const labels = { 'test/aggregate': 'true' }
  const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
  await client.create(clusterRoles, { metadata: { name: 'part', labels }, rules })
  const aggregationRule = { clusterRoleSelectors: [{ matchLabels: labels }] }
  await client.create(clusterRoles, { metadata: { name: 'whole' }, aggregationRule, rules: [] })
  const until = async (holds: (role: ClusterRole) => boolean) => {
    for (;;) {
      const role = await client.get(clusterRoles, { name: 'whole' })
      if (holds(role)) return role
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const filled = await until((role) => (role.rules ?? []).length > 0)
  assert.deepEqual(filled.rules, rules)
  const entry = filled.metadata?.managedFields?.find(
    ({ manager }) => manager === 'clusterrole-aggregation-controller',
  )
  assert.equal(entry?.operation, 'Apply')
  assert.deepEqual(entry?.fieldsV1, { 'f:rules': {} })
  await client.delete(clusterRoles, { name: 'part' })
  const emptied = await until((role) => (role.rules ?? []).length === 0)
  assert.deepEqual(emptied.aggregationRule, aggregationRule)
})
