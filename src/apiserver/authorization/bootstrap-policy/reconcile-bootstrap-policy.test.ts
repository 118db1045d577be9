import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { clusterRoleBindings, clusterRoles, roles } from '../../../api/generated/resources.ts'
import { memoryObjects } from '../../admission/testing/memory-objects.ts'
import { createRbacAuthorizer } from '../rbac/rbac-authorizer.ts'
import { reconcileBootstrapPolicy } from './reconcile-bootstrap-policy.ts'

describe('reconcileBootstrapPolicy', () => {
  it('makes everything in a new cluster, and nothing the second time', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    const names = objects.list(clusterRoles).map(({ metadata }) => metadata?.name)
    for (const name of [
      'cluster-admin',
      'admin',
      'edit',
      'view',
      'system:node',
      'system:controller:job-controller',
    ]) {
      assert.ok(names.includes(name), name)
    }
    assert.equal(objects.list(roles).length, 7)
    const writes = objects.writes.length
    await reconcileBootstrapPolicy(objects)
    assert.equal(objects.writes.length, writes)
  })

  it('gives the system its rights', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    const authorizer = createRbacAuthorizer(objects)
    const may = async (
      name: string,
      groups: readonly string[],
      verb: string,
      resource: string,
      path = '',
    ) => {
      const decision = await authorizer.authorize({
        user: { name, groups },
        verb,
        isResourceRequest: path === '',
        group: '',
        version: 'v1',
        resource,
        subresource: '',
        namespace: path === '' ? 'default' : '',
        name: '',
        path,
      })
      return decision.type === 'allow'
    }
    assert.equal(await may('root', ['system:masters'], 'delete', 'pods'), true)
    assert.equal(await may('system:kube-scheduler', [], 'list', 'pods'), true)
    assert.equal(await may('system:kube-scheduler', [], 'create', 'pods'), false)
    assert.equal(await may('system:anonymous', ['system:unauthenticated'], 'get', '', '/version'), true)
    assert.equal(await may('system:anonymous', ['system:unauthenticated'], 'get', '', '/api'), false)
    assert.equal(await may('jane', ['system:authenticated'], 'get', '', '/apis/apps'), true)
    assert.equal(await may('system:node:a', ['system:nodes'], 'list', 'pods'), false)
    const job = 'system:serviceaccount:kube-system:job-controller'
    assert.equal(await may(job, ['system:serviceaccounts'], 'create', 'pods'), true)
  })

  const rights = [
    ['system:kube-scheduler', 'create', 'coordination.k8s.io', 'leasecandidates'],
    ['system:aggregate-to-view', 'watch', 'events.k8s.io', 'events'],
    ['system:aggregate-to-edit', 'patch', 'events.k8s.io', 'events'],
    ['system:node', 'create', 'events.k8s.io', 'events'],
    ['system:node', 'create', '', 'events'],
  ] as const
  for (const [name, verb, group, resource] of rights) {
    it(`lets ${name} ${verb} ${resource} of ${group || 'core'}`, async () => {
      const objects = memoryObjects()
      await reconcileBootstrapPolicy(objects)
      const rules = objects.get(clusterRoles, { name })?.rules ?? []
      const isRight = rules.some(
        ({ verbs, apiGroups, resources }) =>
          verbs.includes(verb) && apiGroups?.includes(group) && resources?.includes(resource),
      )
      assert.ok(isRight)
    })
  }

  it('gives back what is missing and keeps what was added', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    const added = { verbs: ['get'], apiGroups: ['example.com'], resources: ['things'] }
    await objects.change(clusterRoles, { name: 'system:kube-dns' }, (role) => {
      role.rules = [structuredClone(added)]
      role.metadata = { name: 'system:kube-dns', labels: { mine: 'yes' } }
    })
    await objects.change(clusterRoleBindings, { name: 'system:kube-dns' }, (binding) => {
      binding.subjects = []
    })
    await reconcileBootstrapPolicy(objects)
    const role = objects.get(clusterRoles, { name: 'system:kube-dns' })!
    assert.deepEqual(role.rules?.[0], added)
    assert.equal(role.rules?.length, 5)
    assert.deepEqual(role.metadata?.labels, { mine: 'yes', 'kubernetes.io/bootstrapping': 'rbac-defaults' })
    const binding = objects.get(clusterRoleBindings, { name: 'system:kube-dns' })!
    assert.deepEqual(binding.subjects, [
      { kind: 'ServiceAccount', name: 'kube-dns', namespace: 'kube-system' },
    ])
  })

  it('keeps off what is annotated so', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    await objects.change(clusterRoles, { name: 'system:kube-dns' }, (role) => {
      role.rules = []
      role.metadata!.annotations = { 'rbac.authorization.kubernetes.io/autoupdate': 'false' }
    })
    await reconcileBootstrapPolicy(objects)
    assert.deepEqual(objects.get(clusterRoles, { name: 'system:kube-dns' })?.rules, [])
  })

  it('makes a binding to another role anew', async () => {
    const objects = memoryObjects()
    await reconcileBootstrapPolicy(objects)
    await objects.change(clusterRoleBindings, { name: 'system:basic-user' }, (binding) => {
      binding.roleRef.name = 'cluster-admin'
    })
    await reconcileBootstrapPolicy(objects)
    const binding = objects.get(clusterRoleBindings, { name: 'system:basic-user' })
    assert.equal(binding?.roleRef.name, 'system:basic-user')
  })

  it('costs little', async () => {
    const objects = memoryObjects()
    const start = performance.now()
    await reconcileBootstrapPolicy(objects)
    const first = performance.now() - start
    await reconcileBootstrapPolicy(objects)
    const second = performance.now() - start - first
    assert.ok(first < 200 && second < 100, `${first} ms, then ${second} ms`)
  })
})
