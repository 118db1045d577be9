import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { ClusterRole, PolicyRule } from '../../api/generated/rbac.v1.ts'
import { clusterRoles } from '../../api/generated/resources.ts'
import { unsupportedMediaType } from '../../machinery/status-errors.ts'
import type { TestContext } from '../../client/testing/test-context.ts'
import { runReconcilers, type ReconcilerHarness } from '../testing/run-reconciler.ts'
import { aggregatedRules, clusterRoleAggregationReconciler } from './clusterrole-aggregation.ts'

const get = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] })

function aRole(name: string, labels: Readonly<Record<string, string>>, ...rules: PolicyRule[]): ClusterRole {
  return { metadata: { name, labels }, rules }
}

function anAggregate(name: string, ...labels: readonly Readonly<Record<string, string>>[]): ClusterRole {
  const clusterRoleSelectors = labels.map((matchLabels) => ({ matchLabels }))
  return { metadata: { name, labels: { to: 'edit' } }, aggregationRule: { clusterRoleSelectors }, rules: [] }
}

void describe('aggregatedRules', () => {
  void it('takes each rule once, by selector and name, and none of its own', () => {
    const role = anAggregate('all', { to: 'edit' }, { to: 'view' })
    const all = [
      { ...role, rules: [get('own')] },
      aRole('z', { to: 'edit' }, get('pods'), get('nodes')),
      aRole('b', { to: 'view' }, get('pods'), get('events')),
      aRole('a', { to: 'edit' }, get('secrets'), get('pods')),
      aRole('c', { to: 'nobody' }, get('leases')),
    ]
    assert.deepEqual(
      aggregatedRules(role, all).map(({ resources }) => resources?.[0]),
      ['secrets', 'pods', 'nodes', 'events'],
    )
  })
})

void describe('clusterRoleAggregationReconciler', () => {
  let harness: ReconcilerHarness
  afterEach(() => harness.stop())

  void it('follows the roles that are selected, through other aggregates', async () => {
    harness = await runReconcilers([clusterRoleAggregationReconciler], ({ client }) =>
      client.seed(
        clusterRoles,
        anAggregate('edit', { to: 'edit' }),
        anAggregate('view', { to: 'view' }),
        aRole('pods', { to: 'view' }, get('pods')),
      ),
    )
    const rules = async (name: string) =>
      (await harness.one(clusterRoles, name)).rules?.map(({ resources }) => resources?.[0])
    await harness.settle()
    assert.deepEqual([await rules('view'), await rules('edit')], [['pods'], ['pods']])
    await harness.client.create(clusterRoles, aRole('leases', { to: 'view' }, get('leases')))
    await harness.settle()
    assert.deepEqual(
      [await rules('view'), await rules('edit')],
      [
        ['leases', 'pods'],
        ['leases', 'pods'],
      ],
    )
    await harness.client.delete(clusterRoles, { name: 'pods' })
    await harness.settle()
    assert.deepEqual([await rules('view'), await rules('edit')], [['leases'], ['leases']])
    const writes = harness.client.calls.length
    await harness.edit(clusterRoles, 'view', (role) => ({
      ...role,
      metadata: { ...role.metadata, annotations: {} },
    }))
    await harness.settle()
    assert.equal(harness.client.calls.length - writes, 1)
  })

  const writesOf = ({ client }: ReconcilerHarness) => client.calls.map(({ verb, name }) => `${verb} ${name}`)
  const seed = ({ client }: TestContext) =>
    client.seed(clusterRoles, anAggregate('view', { to: 'view' }), aRole('pods', { to: 'view' }, get('pods')))

  void it('applies the rules alone, as a manager of its own', async () => {
    const applied: unknown[] = []
    harness = await runReconcilers([clusterRoleAggregationReconciler], (context) => {
      seed(context)
      const { client } = context
      const patch = client.patch.bind(client)
      client.patch = (resource, name, body, options) => {
        applied.push(body, options)
        return patch(resource, name, body, options)
      }
    })
    assert.deepEqual(applied, [
      {
        type: 'apply',
        body: {
          apiVersion: 'rbac.authorization.k8s.io/v1',
          kind: 'ClusterRole',
          metadata: { name: 'view' },
          rules: [get('pods')],
        },
      },
      { fieldManager: 'clusterrole-aggregation-controller', force: true },
    ])
    assert.deepEqual(writesOf(harness), ['patch view'])
  })

  void it('updates the role of an API server that cannot apply', async () => {
    harness = await runReconcilers([clusterRoleAggregationReconciler], (context) => {
      seed(context)
      context.client.patch = () => Promise.reject(unsupportedMediaType(['application/json-patch+json']))
    })
    assert.deepEqual(writesOf(harness), ['update view'])
    assert.deepEqual((await harness.one(clusterRoles, 'view')).rules, [get('pods')])
  })
})
