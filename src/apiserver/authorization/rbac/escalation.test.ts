import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PolicyRule } from '../../../api/generated/rbac.v1.ts'
import { clusterRoleBindings, clusterRoles } from '../../../api/generated/resources.ts'
import { memoryObjects } from '../../admission/testing/memory-objects.ts'
import { createRbacAuthorizer } from './rbac-authorizer.ts'
import { compactRules, describeRule, missingRules } from './covers.ts'
import { checkBindingEscalation, checkRoleEscalation } from './escalation.ts'

const apiGroup = 'rbac.authorization.k8s.io'
const rule = (verbs: string, groups: string, resources: string, names?: string): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: groups.split(' ').map((group) => (group === 'core' ? '' : group)),
  resources: resources.split(' '),
  ...(names && { resourceNames: names.split(' ') }),
})
const urls = (verbs: string, paths: string): PolicyRule => ({
  verbs: verbs.split(' '),
  nonResourceURLs: paths.split(' '),
})

describe('missingRules', () => {
  const rows: readonly [string, readonly PolicyRule[], readonly PolicyRule[], boolean][] = [
    ['the same', [rule('get', 'core', 'pods')], [rule('get', 'core', 'pods')], true],
    ['one by many', [rule('get list', 'core apps', 'pods secrets')], [rule('get', 'apps', 'pods')], true],
    [
      'many by pieces',
      [rule('get', 'core', 'pods'), rule('list', 'core', 'pods')],
      [rule('get list', 'core', 'pods')],
      true,
    ],
    ['another verb', [rule('get', 'core', 'pods')], [rule('get list', 'core', 'pods')], false],
    ['another group', [rule('get', 'core', 'pods')], [rule('get', 'apps', 'pods')], false],
    ['stars by stars', [rule('*', '*', '*')], [rule('*', '*', '*')], true],
    ['a star by a list', [rule('get list', 'core', 'pods')], [rule('*', 'core', 'pods')], false],
    [
      'a subresource by a star',
      [rule('get', 'apps', '*/scale')],
      [rule('get', 'apps', 'deployments/scale')],
      true,
    ],
    ['a name by all names', [rule('get', 'core', 'pods')], [rule('get', 'core', 'pods', 'a')], true],
    ['all names by a name', [rule('get', 'core', 'pods', 'a')], [rule('get', 'core', 'pods')], false],
    [
      'names by pieces',
      [rule('get', 'core', 'pods', 'a'), rule('get', 'core', 'pods', 'b')],
      [rule('get', 'core', 'pods', 'a b')],
      true,
    ],
    ['a path by a prefix', [urls('get', '/apis/*')], [urls('get', '/apis/apps /apis/*')], true],
    ['a prefix by a path', [urls('get', '/apis')], [urls('get', '/apis/*')], false],
    ['nothing', [], [], true],
  ]
  for (const [what, owned, wanted, covered] of rows) {
    it(`covers ${what}: ${covered}`, () => {
      assert.equal(missingRules(owned, wanted).length === 0, covered)
    })
  }

  it('is described as upstream does', () => {
    const missing = missingRules([], [rule('get list', 'core', 'pods', 'a'), urls('get', '/x')])
    assert.deepEqual(compactRules(missing).map(describeRule), [
      '{NonResourceURLs:["/x"], Verbs:["get"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get" "list"]}',
    ])
  })
})

describe('checkRoleEscalation', () => {
  function setUp(rules: readonly PolicyRule[]) {
    const objects = memoryObjects()
    objects.put(clusterRoles, { metadata: { name: 'own' }, rules })
    objects.put(clusterRoleBindings, {
      metadata: { name: 'own' },
      subjects: [{ kind: 'User', apiGroup, name: 'jane' }],
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'own' },
    })
    const authorizer = createRbacAuthorizer(objects)
    return { objects, authorizer, rules: authorizer }
  }
  const jane = { name: 'jane', groups: ['dev', 'system:authenticated'] }
  const role = (rules: readonly PolicyRule[]) => ({ metadata: { name: 'new', namespace: 'n' }, rules })

  it('refuses rights that the user has not', async () => {
    const context = setUp([rule('get', 'core', 'pods')])
    await assert.rejects(
      checkRoleEscalation(context, jane, role([rule('get delete', 'core', 'pods')]), undefined, 'roles'),
      {
        message:
          'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is ' +
          'attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
      },
    )
    await checkRoleEscalation(context, jane, role([rule('get', 'core', 'pods')]), undefined, 'roles')
  })

  it('lets masters and those who may escalate', async () => {
    const wanted = role([rule('*', '*', '*')])
    const master = { name: 'root', groups: ['system:masters'] }
    await checkRoleEscalation(setUp([]), master, wanted, undefined, 'roles')
    const escalating = setUp([rule('escalate', apiGroup, 'roles')])
    await checkRoleEscalation(escalating, jane, wanted, undefined, 'roles')
  })

  it('lets those who may escalate this role where the request names it', async () => {
    const wanted = role([rule('*', '*', '*')])
    const context = setUp([rule('escalate', apiGroup, 'roles', wanted.metadata.name)])
    await checkRoleEscalation(context, jane, wanted, undefined, 'roles', { isUpsert: true })
    await assert.rejects(checkRoleEscalation(context, jane, wanted, undefined, 'roles'), /not currently held/)
  })

  it('minds an update of anything but what the garbage collector changes', async () => {
    const same = role([rule('*', '*', '*')])
    const freed = { ...same, metadata: { ...same.metadata, finalizers: [], ownerReferences: [] } }
    const owned = { ...same, metadata: { ...same.metadata, finalizers: ['a/b'] } }
    await checkRoleEscalation(setUp([]), jane, freed, owned, 'roles')
    const labelled = { ...same, metadata: { ...same.metadata, labels: { a: 'b' } } }
    await assert.rejects(checkRoleEscalation(setUp([]), jane, labelled, same, 'roles'), /not currently held/)
  })

  it('says once, together, which roles are missing', async () => {
    const context = setUp([])
    for (const name of ['x', 'y']) {
      context.objects.put(clusterRoleBindings, {
        metadata: { name },
        subjects: [{ kind: 'User', apiGroup, name: 'jane' }],
        roleRef: { apiGroup, kind: 'ClusterRole', name },
      })
    }
    await assert.rejects(
      checkRoleEscalation(context, jane, role([rule('get', 'core', 'pods')]), undefined, 'roles'),
      ({ message }: Error) =>
        message.endsWith(
          '; resolution errors: [[clusterrole.rbac.authorization.k8s.io "x" not found, ' +
            'clusterrole.rbac.authorization.k8s.io "y" not found]]',
        ),
    )
  })

  it('leaves aggregation to cluster-admins', async () => {
    const aggregated = { metadata: { name: 'new' }, aggregationRule: { clusterRoleSelectors: [{}] } }
    await assert.rejects(checkRoleEscalation(setUp([]), jane, aggregated, undefined, 'clusterroles'), {
      message:
        'clusterroles.rbac.authorization.k8s.io "new" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    })
    const admin = setUp([rule('*', '*', '*'), urls('*', '*')])
    await checkRoleEscalation(admin, jane, aggregated, undefined, 'clusterroles')
  })

  const binding = (name: string) => ({
    metadata: { name: 'b', namespace: 'n' },
    roleRef: { apiGroup, kind: 'ClusterRole', name },
    subjects: [{ kind: 'User', apiGroup, name: 'joe' }],
  })

  it('refuses to bind a role that has more rights than the user', async () => {
    const context = setUp([rule('get', 'core', 'pods')])
    context.objects.put(clusterRoles, { metadata: { name: 'big' }, rules: [rule('*', 'core', 'pods')] })
    await assert.rejects(
      checkBindingEscalation(context, jane, binding('big'), undefined, 'rolebindings'),
      /^StatusError: rolebindings\.rbac\.authorization\.k8s\.io "b" is forbidden: user "jane"/,
    )
    await checkBindingEscalation(context, jane, binding('own'), undefined, 'rolebindings')
    await assert.rejects(checkBindingEscalation(context, jane, binding('none'), undefined, 'rolebindings'), {
      message: 'clusterroles.rbac.authorization.k8s.io "none" not found',
    })
  })

  it('minds an update of a label of a binding', async () => {
    const context = setUp([rule('get', 'core', 'pods')])
    context.objects.put(clusterRoles, { metadata: { name: 'big' }, rules: [rule('*', 'core', 'pods')] })
    const before = binding('big')
    const labelled = { ...before, metadata: { ...before.metadata, labels: { a: 'b' } } }
    await assert.rejects(
      checkBindingEscalation(context, jane, labelled, before, 'rolebindings'),
      /not currently held/,
    )
    const freed = { ...before, metadata: { ...before.metadata, finalizers: ['a/b'] } }
    await checkBindingEscalation(context, jane, before, freed, 'rolebindings')
  })

  it('lets those bind who may', async () => {
    const context = setUp([rule('bind', apiGroup, 'clusterroles', 'big')])
    context.objects.put(clusterRoles, { metadata: { name: 'big' }, rules: [rule('*', 'core', 'pods')] })
    await checkBindingEscalation(context, jane, binding('big'), undefined, 'rolebindings')
  })
})
